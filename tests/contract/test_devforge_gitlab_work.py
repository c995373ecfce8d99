"""Threads, approvals, pipelines and quick actions of the development forge as GitLab, through the real client."""

from collections.abc import Iterator

import pytest

from bot.devforge.ci import CiResult
from tests.contract.devforge_gitlab import NAME, Lab, running


@pytest.fixture
def lab() -> Iterator[Lab]:
    with running(lambda checkout: CiResult(True, "fine", "1 passed")) as made:
        yield made


def test_an_open_thread_blocks_the_merge_until_it_is_resolved(lab: Lab) -> None:
    made = lab.open()
    lab.ask("mo", lab.at(), "PUT", json={"only_allow_merge_if_all_discussions_are_resolved": True})
    thread = made.discussions.create({"body": "why?"})
    assert lab.project("dev").mergerequests.get(made.iid).detailed_merge_status == "discussions_not_resolved"
    assert lab.ask("dev", lab.at(f"/merge_requests/{made.iid}/merge"), "PUT").status_code == 405
    thread.notes.create({"body": "because"})
    thread.resolved = True
    thread.save()
    assert [one["resolved"] for one in made.discussions.get(thread.id).attributes["notes"]] == [True, True]
    assert lab.ask("dev", lab.at(f"/merge_requests/{made.iid}/merge"), "PUT").json()["state"] == "merged"


def test_an_approval_is_for_one_head_and_once(lab: Lab) -> None:
    made = lab.open()
    path = lab.at(f"/merge_requests/{made.iid}")
    assert lab.ask("mo", f"{path}/approve", "POST", json={"sha": "0" * 40}).status_code == 409
    assert lab.ask("mo", f"{path}/approve", "POST", json={"sha": made.sha}).status_code == 201
    assert lab.ask("mo", f"{path}/approve", "POST").status_code == 401
    (given,) = lab.ask("gus", f"{path}/approvals").json()["approved_by"]
    assert given["user"]["username"] == "mo"
    assert lab.ask("mo", f"{path}/unapprove", "POST").status_code == 201
    assert lab.ask("mo", f"{path}/unapprove", "POST").status_code == 404


def test_a_status_moves_on_in_its_pipeline_and_jobs_run_again(lab: Lab) -> None:
    made = lab.open()
    assert lab.forge.wait_idle(20)
    (home,) = lab.project("dev").pipelines.list(sha=made.sha, iterator=True)
    assert (home.source, home.ref, home.status) == ("push", "topic/one", "success")
    lint = {"name": "lint", "state": "running"}
    assert lab.ask("dev", lab.at(f"/statuses/{made.sha}"), "POST", json=lint).json()["pipeline_id"] == home.id
    again = lab.ask("dev", lab.at(f"/statuses/{made.sha}"), "POST", json=lint)
    assert again.status_code == 400
    assert again.json()["message"].startswith("Cannot transition status via :run from :running")
    assert lab.project("dev").pipelines.get(home.id).status == "running"
    (old,) = home.jobs.list(iterator=True)
    lab.project("dev").jobs.get(old.id).retry()
    assert lab.forge.wait_idle(20)
    assert len(home.jobs.list(include_retried=True, get_all=True)) == 2
    assert [one.id for one in home.jobs.list(get_all=True)] != [old.id]


@pytest.mark.parametrize("text", ["/close", "see\n/CLOSE\nthere", "> said\n\n/close", "````\n```\n````\n/close"])
def test_a_line_that_is_a_quick_action_is_done(lab: Lab, text: str) -> None:
    number = lab.forge.open_issue(NAME, "one", "", by="dev")
    lab.ask("dev", lab.at(f"/issues/{number}/notes"), "POST", json={"body": text})
    assert lab.project("dev").issues.get(number).state == "closed"


@pytest.mark.parametrize("text", ["x /close", " /close", "\\/close", "```\n/close\n```", "- a\n\n  /close", "/closed"])
def test_other_lines_are_only_words(lab: Lab, text: str) -> None:
    number = lab.forge.open_issue(NAME, "one", "", by="dev")
    lab.ask("dev", lab.at(f"/issues/{number}/notes"), "POST", json={"body": text})
    assert lab.project("dev").issues.get(number).state == "opened"
