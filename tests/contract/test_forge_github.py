"""What only GitHub has: check runs of apps, an hourly limit, and a description of its own to hold us against."""

from collections.abc import Iterator
from typing import cast

import pytest
import requests

from bot.domain.change import GateReport
from bot.domain.errors import Unavailable
from bot.forges.github.api import GitHubForge
from tests.contract.forge_rig import Rig, running
from tests.contract.github_rig import GitHubRig
from tests.openapi import needs_spec


@pytest.fixture
def rig() -> Iterator[GitHubRig]:
    with running("github") as made:
        yield cast(GitHubRig, made)


@pytest.fixture
def issue(rig: Rig) -> int:
    return rig.dev.open_issue(rig.repo.name, "Broken", "It fails", by="ann")


def test_check_runs_are_the_newest_per_name_and_app(rig: Rig) -> None:
    sha = rig.push("agent/one", {"new.txt": "x\n"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "lint", "head_sha": sha, "conclusion": "failure"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "lint", "head_sha": sha, "conclusion": "success"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "slow", "head_sha": sha, "status": "in_progress"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "skip", "head_sha": sha, "conclusion": "skipped"})
    rig.call("linter[bot]", "POST", "/check-runs", {"name": "late", "head_sha": sha, "conclusion": "timed_out"})
    rig.call("mo", "POST", f"/statuses/{sha}", {"state": "error", "context": "lint"})
    found = {(check.name, check.source): check.state for check in rig.forge.checks(rig.repo, sha)}
    assert found == {
        ("lint", "linter"): "success",
        ("slow", "linter"): "pending",
        ("skip", "linter"): "neutral",
        ("late", "linter"): "failure",
        ("lint", "mo"): "failure",
    }


def test_the_gate_is_a_check_run_of_the_app(rig: Rig) -> None:
    sha = rig.push("agent/one", {"x.txt": "x\n"})
    for state in ("pending", "success"):
        rig.forge.set_gate(rig.repo, sha, GateReport(state, "title", "summary"))
    assert rig.writes() == ["POST", "PATCH"]
    assert [(check.name, check.source) for check in rig.forge.checks(rig.repo, sha)] == [
        ("journeyman/gate", "journeyman")
    ]


def test_without_an_app_the_gate_is_a_commit_status(rig: Rig) -> None:
    sha = rig.push("agent/one", {"x.txt": "x\n"})
    forge, pending = rig.forge_of(rig.dev.add_token("ann")), GateReport("pending", "waits", "x")
    try:
        for report in (pending, pending, GateReport("success", "long " * 60, "x")):
            forge.set_gate(rig.repo, sha, report)
        (check,) = forge.checks(rig.repo, sha)
    finally:
        forge.close()
    assert (check.name, check.state, check.source) == ("journeyman/gate", "success", "ann")
    assert len(check.summary) <= 140
    assert len([path for method, path in rig.seen if method == "POST" and "/statuses/" in path]) == 2


@needs_spec
def test_what_github_does_not_describe_is_noticed(rig: Rig, issue: int) -> None:
    """The rig holds every conversation of these tests against GitHub's description; without that it holds none."""
    url = f"{rig.dev.api_url}/{rig.place()}/issues/{issue}/comments"
    requests.post(url, json={"body": 7}, headers={"Authorization": f"Bearer {rig.token}"}, timeout=10)
    assert len(rig.violations) == 1
    assert "body" in rig.violations.pop()


def test_a_forbidden_request_may_be_one_to_slow_down(rig: Rig, issue: int) -> None:
    rig.fail("comment", status=403, retry_after=7)
    with pytest.raises(Unavailable) as caught:
        rig.forge.ensure_comment(rig.issue(issue), "run:1", "text")
    assert caught.value.retry_after == 7


def test_the_hourly_limit_says_when_it_ends(rig: Rig, issue: int) -> None:
    rig.dev.world.hourly_limit = 0
    with pytest.raises(Unavailable) as caught:
        rig.forge.issue(rig.repo, issue)
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 3601


def test_nobody_there_is_unavailable() -> None:
    forge = GitHubForge("t", url="http://localhost:9", pacing=False, timeout=2)
    with pytest.raises(Unavailable):
        forge.whoami()
    forge.close()
