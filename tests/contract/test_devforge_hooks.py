"""Webhooks of the development forge: which come, that they are signed, and what becomes of a failed one."""

import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bot.devforge.ci import CiResult
from tests.devforge_fixture import REPO, Listener, Seeded, seeded

SECRET = "the hook's own secret"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as made:
        yield made


@pytest.fixture
def forge(tmp_path: Path, listener: Listener) -> Iterator[Seeded]:
    with seeded(tmp_path, lambda checkout: CiResult(True, "fine", "")) as world:
        world.forge.add_hook(REPO, listener.url, SECRET)
        yield world


def hook_api(forge: Seeded, tail: str = "", method: str = "GET", **more: object) -> requests.Response:
    headers = {"Authorization": f"Bearer {forge.tokens['ana']}"}
    url = f"{forge.forge.api_url}/repos/{REPO}/hooks{tail}"
    return requests.request(method, url, headers=headers, timeout=10, **more)  # type: ignore[arg-type]


def test_every_request_is_signed_and_named(forge: Seeded, listener: Listener) -> None:
    forge.repo("rob").create_issue("add is wrong").create_comment("/agent fix")
    got = listener.wait(2)
    for one in got:
        signed = "sha256=" + hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
        assert one.headers["X-Hub-Signature-256"] == signed
    assert [(one.event, one.json["action"]) for one in got] == [("issues", "opened"), ("issue_comment", "created")]
    assert len({one.headers["X-GitHub-Delivery"] for one in got}) == 2
    assert {one.headers["X-GitHub-Hook-ID"] for one in got} == {str(hook_api(forge).json()[0]["id"])}
    said = got[1].json
    assert (said["comment"]["body"], said["sender"]["login"], said["sender"]["type"]) == ("/agent fix", "rob", "User")
    assert said["repository"]["full_name"] == REPO


def test_a_change_tells_its_whole_life(forge: Seeded, listener: Listener) -> None:
    sha = forge.branch("fix/add", {"calc.py": "def add(a, b):\n    return a + b\n"})
    change = forge.repo("bot").create_pull(base="main", head="fix/add", title="Fix add")
    forge.repo("wes").get_pull(change.number).add_to_labels("approved")
    forge.repo("wes").get_pull(change.number).remove_from_labels("approved")
    forge.repo("bot").get_commit(sha).create_status("success", context="lint")
    newer = forge.branch("fix/add2", {"calc.py": "x\n"})
    forge.repo("bot").get_git_ref("heads/fix/add").edit(newer, force=True)
    change.merge(sha=newer)
    assert forge.forge.wait_idle(20)
    got = listener.wait(12)
    told = [(one.event, one.json.get("action")) for one in got]
    for wanted in ("opened", "labeled", "unlabeled", "synchronize", "closed"):
        assert ("pull_request", wanted) in told
    assert told.count(("check_run", "created")) == told.count(("check_run", "completed")) == 3
    assert told.count(("push", None)) == 4
    assert told.count(("status", None)) == 1
    labeled = next(one.json for one in got if one.json.get("action") == "labeled")
    assert (labeled["label"]["name"], labeled["sender"]["login"]) == ("approved", "wes")
    moved = next(one.json for one in got if one.json.get("action") == "synchronize")
    assert (moved["before"], moved["after"]) == (sha, newer)
    closed = next(one.json for one in got if one.json.get("action") == "closed")
    assert closed["pull_request"]["merged"] is True
    done = next(one.json for one in got if one.json.get("action") == "completed")
    assert (done["check_run"]["app"]["slug"], done["check_run"]["conclusion"]) == ("devforge-ci", "success")


def test_hooks_only_get_what_they_asked_for(forge: Seeded, listener: Listener) -> None:
    with Listener() as narrow:
        made = hook_api(
            forge,
            method="POST",
            json={"config": {"url": narrow.url, "secret": "x"}, "events": ["issue_comment"], "active": True},
        )
        assert made.status_code == 201
        assert made.json()["config"]["secret"] == "********"
        forge.repo("rob").create_issue("t").create_comment("c")
        listener.wait(2)
        assert [one.event for one in narrow.wait(2)] == ["ping", "issue_comment"]
        assert hook_api(forge, f"/{made.json()['id']}", "DELETE").status_code == 204
        forge.repo("rob").get_issue(1).create_comment("d")
        listener.wait(3)
        assert forge.forge.wait_idle(20)
        assert len(narrow.got) == 2


def test_a_failed_delivery_is_kept_and_can_be_sent_again(forge: Seeded, listener: Listener) -> None:
    listener.status = 500
    forge.repo("rob").create_issue("t")
    listener.wait(1)
    assert forge.forge.wait_idle(20)
    hook_id = hook_api(forge).json()[0]["id"]
    (row,) = hook_api(forge, f"/{hook_id}/deliveries").json()
    assert (row["event"], row["action"], row["status_code"], row["redelivery"]) == ("issues", "opened", 500, False)
    full = hook_api(forge, f"/{hook_id}/deliveries/{row['id']}").json()
    assert full["request"]["payload"]["issue"]["title"] == "t"
    assert full["response"]["payload"] == "seen"
    listener.status = 202
    assert hook_api(forge, f"/{hook_id}/deliveries/{row['id']}/attempts", "POST").status_code == 202
    first, second = listener.wait(2)
    assert first.body == second.body
    assert first.headers["X-GitHub-Delivery"] == second.headers["X-GitHub-Delivery"]
    assert forge.forge.wait_idle(20)
    newest = hook_api(forge, f"/{hook_id}/deliveries").json()[0]
    assert (newest["redelivery"], newest["status_code"], newest["guid"]) == (True, 202, row["guid"])
    assert hook_api(forge, f"/{hook_id}/deliveries/1/attempts", "POST").status_code == 404


def test_a_receiver_that_is_down_costs_one_delivery_only(tmp_path: Path) -> None:
    with Listener() as gone:
        url = gone.url
    with seeded(tmp_path) as forge:
        hook = forge.forge.add_hook(REPO, url, SECRET)
        forge.repo("rob").create_issue("t")
        assert forge.forge.wait_idle(20)
        (row,) = hook_api(forge, f"/{hook}/deliveries").json()
        assert (row["status_code"], row["status"].startswith("failed to connect")) == (0, True)


def test_hooks_stay_on_loopback(forge: Seeded) -> None:
    with pytest.raises(ValueError, match="loopback"):
        forge.forge.add_hook(REPO, "https://example.com/hook", SECRET)
    body = {"config": {"url": "http://192.0.2.1/hook"}, "events": ["push"]}
    assert hook_api(forge, method="POST", json=body).status_code == 422


def test_edits_say_what_was_there_before(forge: Seeded, listener: Listener) -> None:
    issue = forge.repo("ana").create_issue("old title", "old")
    issue.edit(title="new title")
    issue.edit(title="new title")
    issue.create_comment("one").edit("two")
    told = [(one.event, one.json["action"], one.json.get("changes")) for one in listener.wait(4)]
    assert told[1:] == [
        ("issues", "edited", {"title": {"from": "old title"}}),
        ("issue_comment", "created", None),
        ("issue_comment", "edited", {"body": {"from": "one"}}),
    ]


def test_deliveries_get_lost_and_come_again_on_request(forge: Seeded, listener: Listener) -> None:
    forge.forge.lose_webhooks("issues")
    forge.repo("rob").create_issue("one").create_comment("c")
    assert [one.event for one in listener.wait(1)] == ["issue_comment"]
    assert forge.forge.repeat_webhooks(REPO, newest_first=True) == 2
    assert [one.event for one in listener.wait(3)] == ["issue_comment", "issue_comment", "issues"]
