"""Webhooks of the development forge as GitLab: every body is one that our own reader understands; hooks that fail."""

import base64
import json
from collections.abc import Iterator

import pytest

from bot.devforge.ci import CiResult
from bot.domain.change import Repo, Subject
from bot.domain.events import Commented, ForgeEvent
from bot.forges.gitlab.webhook import read
from tests.contract.devforge_gitlab import NAME, Lab, running
from tests.devforge_fixture import Got, Listener

SECRET = "the hook's own secret"
SIGNING = "whsec_" + base64.b64encode(bytes(range(32))).decode()
REPO = Repo("gitlab", NAME)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as made:
        yield made


@pytest.fixture
def lab(listener: Listener) -> Iterator[Lab]:
    with running(lambda checkout: CiResult(True, "fine", "1 passed")) as made:
        made.forge.add_hook(NAME, listener.url, SECRET)
        yield made


def understood(got: Got, secret: str = SECRET) -> ForgeEvent:
    return read(got.headers, got.body, [secret])[1]


def test_a_comment_comes_with_gitlabs_headers_and_body(lab: Lab, listener: Listener) -> None:
    number = lab.forge.open_issue(NAME, "add is wrong", "", by="gus")
    said = lab.forge.comment(NAME, number, "/agent fix", by="gus")
    got = listener.wait(2)
    assert [one.headers["X-Gitlab-Event"] for one in got] == ["Issue Hook", "Note Hook"]
    assert understood(got[1]) == Commented(Subject(REPO, "issue", number), said, "gus", False, "/agent fix")
    for one in got:
        assert one.headers["X-Gitlab-Instance"] == lab.forge.url
        assert one.headers["X-Gitlab-Token"] == SECRET
        assert "webhook-signature" not in {name.lower() for name in one.headers}
    names = ("Idempotency-Key", "X-Gitlab-Event-UUID", "X-Gitlab-Webhook-UUID")
    assert all(got[0].headers[name] != got[1].headers[name] for name in names)


def test_a_signing_token_signs_beside_or_without_a_secret_token(lab: Lab, listener: Listener) -> None:
    lab.forge.add_hook(NAME, listener.url, SIGNING)
    lab.forge.open_issue(NAME, "add is wrong", "", by="gus")
    (signed,) = [one for one in listener.wait(2) if "X-Gitlab-Token" not in one.headers]
    understood(signed, SIGNING)
    hook = lab.project("mo").hooks.create({"url": listener.url, "token": SECRET, "signing_token": SIGNING})
    assert hook.push_events is True
    assert SECRET not in json.dumps(hook.attributes)
    assert SIGNING not in json.dumps(hook.attributes)
    lab.push("topic/both", {"new.txt": "new\n"})
    assert lab.forge.wait_idle(20)
    both = [one for one in listener.got if {"X-Gitlab-Token", "webhook-signature"} <= set(one.headers)]
    assert both
    for one in both:
        understood(one, SIGNING)
        understood(one, SECRET)


def test_a_hook_gets_what_it_asked_for(lab: Lab, listener: Listener) -> None:
    project = lab.project("mo")
    (old,) = project.hooks.list(iterator=True)
    with Listener() as narrow:
        hook = project.hooks.create({"url": narrow.url, "push_events": False, "note_events": True})
        assert (hook.note_events, hook.push_events, hook.issues_events) == (True, False, False)
        number = lab.forge.open_issue(NAME, "one", "", by="gus")
        lab.forge.comment(NAME, number, "hello", by="gus")
        assert [one.headers["X-Gitlab-Event"] for one in narrow.wait(1)] == ["Note Hook"]
        hook.issues_events = True
        hook.save()
        lab.forge.open_issue(NAME, "two", "", by="gus")
        assert len(narrow.wait(2)) == 2
        hook.delete()
    assert [one.id for one in project.hooks.list(iterator=True)] == [old.id]
    assert project.hooks.get(old.id).alert_status == "executable"


def test_a_hook_that_fails_is_paused_then_switched_off_and_comes_back_by_a_test(lab: Lab, listener: Listener) -> None:
    project = lab.project("mo")
    (hook,) = project.hooks.list(iterator=True)
    listener.status = 500
    for number in range(4):
        assert project.hooks.get(hook.id).alert_status == "executable"
        lab.forge.open_issue(NAME, f"issue {number}", "", by="gus")
        assert lab.forge.wait_idle(20)
    paused = project.hooks.get(hook.id)
    assert (paused.alert_status, paused.disabled_until is None) == ("temporarily_disabled", False)
    lab.forge.open_issue(NAME, "nobody hears of it", "", by="gus")
    assert lab.forge.wait_idle(20)
    assert len(listener.got) == 4
    sent = lab.ask("mo", lab.at(f"/hooks/{hook.id}/events?status=server_failure")).json()
    assert len(sent) == 4
    assert lab.ask("mo", lab.at(f"/hooks/{hook.id}/events/{sent[0]['id']}/resend"), "POST").status_code == 422
    with lab.forge.world.lock:
        next(iter(lab.forge.world.repos[NAME].hooks.values())).failures = 40
    assert project.hooks.get(hook.id).alert_status == "disabled"
    listener.status = 200
    assert lab.ask("mo", lab.at(f"/hooks/{hook.id}/test/issues_events"), "POST").status_code == 201
    assert lab.forge.wait_idle(20)
    assert project.hooks.get(hook.id).alert_status == "executable"


def test_what_was_sent_is_listed_and_sent_again_with_the_same_key(lab: Lab, listener: Listener) -> None:
    project = lab.project("mo")
    (hook,) = project.hooks.list(iterator=True)
    lab.forge.lose_webhooks("issue")
    lab.forge.open_issue(NAME, "lost", "", by="gus")
    (lost,) = lab.ask("mo", lab.at(f"/hooks/{hook.id}/events")).json()
    assert (lost["trigger"], lost["response_status"]) == ("issue_hooks", "internal error")
    assert lost["request_headers"]["X-Gitlab-Token"] == "[REDACTED]"
    assert lost["request_data"]["object_attributes"]["title"] == "lost"
    again = lab.at(f"/hooks/{hook.id}/events/{lost['id']}/resend")
    assert lab.ask("mo", again, "POST").json() == {"response_status": 200}
    (got,) = listener.wait(1)
    assert got.headers["Idempotency-Key"] == lost["request_headers"]["Idempotency-Key"]
    for _ in range(4):
        assert lab.ask("mo", again, "POST").status_code == 201
    assert lab.ask("mo", again, "POST").status_code == 429
    assert lab.ask("dev", lab.at("/hooks")).status_code == 403
