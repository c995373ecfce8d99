"""Every odd thing that comes in has one clear answer, and nothing of it is lost."""

import hashlib
import hmac
import http.client
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import requests

from tests.scenarios.conftest import Found
from tests.world import CALC, INI, Town
from workers.demo.stage import STRANGER, Stage

MEBIBYTE = 1024 * 1024
DELIVERY_IDS = {"x-github-delivery", "webhook-id", "idempotency-key"}


def signed(body: bytes, secret: str) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(stage: Stage, body: bytes, event: str = "issue_comment", **changed: str) -> dict[str, str]:
    made = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": signed(body, stage.environ[stage.secret]),
    }
    return {key: value for key, value in {**made, **changed}.items() if value}


def post(stage: Stage, body: bytes, given: dict[str, str]) -> requests.Response:
    return requests.post(f"{stage.installation.url}/webhooks/github", data=body, headers=given, timeout=30)


# --- the door -------------------------------------------------------------------------------------------------------
GOOD = b'{"action":"created","zen":"x"}'
UNSIGNED = {
    "missing": "",
    "of another secret": signed(GOOD, "guess"),
    "of another body": "sha256=" + "0" * 64,
    "in capitals": "SHA256=" + "A" * 64,
    "of the old kind": "sha1=" + "0" * 40,
    "too short": "sha256=abc",
    "no hexadecimal": "sha256=" + "g" * 64,
    "not even latin": "sha256=\xff\xfe",
}


@pytest.mark.parametrize("signature", UNSIGNED.values(), ids=UNSIGNED)
def test_a_signature_that_does_not_count(signature: str, github: Stage) -> None:
    answer = post(github, GOOD, headers(github, GOOD, **{"X-Hub-Signature-256": signature}))
    assert answer.status_code == 401
    assert answer.json()["outcome"] == "bad signature"


def test_a_body_over_the_limit_is_refused_before_it_is_read(github: Stage) -> None:
    """The head alone says too much: the answer comes although the body never does."""
    address = urlsplit(github.installation.url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    try:
        connection.putrequest("POST", "/webhooks/github")
        connection.putheader("Content-Length", str(25 * MEBIBYTE + 1))
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert "JOURNEYMAN_MAX_BODY_BYTES" in json.loads(answer.read())["reason"]
    finally:
        connection.close()


def test_a_body_over_the_limit_that_does_not_say_so(github: Stage) -> None:
    address = urlsplit(github.installation.url)
    assert address.hostname is not None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)

    def pieces() -> Iterator[bytes]:
        for _ in range(26):
            yield b"x" * MEBIBYTE

    try:
        headers = {"Transfer-Encoding": "chunked", "X-Hub-Signature-256": "sha256=" + "0" * 64}
        with suppress(BrokenPipeError, ConnectionResetError):  # it need not listen to the end
            connection.request("POST", "/webhooks/github", pieces(), encode_chunked=True, headers=headers)
        assert connection.getresponse().status == 413
    finally:
        connection.close()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"a":NaN}', b"payload="])
def test_a_signed_body_that_is_no_json_object(body: bytes, github: Stage) -> None:
    answer = post(github, body, headers(github, body))
    assert answer.status_code == 400
    assert answer.json()["reason"]


@pytest.mark.parametrize("event", ["meteor_strike", "star", "", "../etc", "ping"])
def test_an_event_of_no_interest(event: str, github: Stage) -> None:
    body = b'{"action":"created"}'
    answer = post(github, body, headers(github, body, event))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "uninteresting")


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", "/webhooks/github", 405), ("POST", "/", 404), ("GET", "/metrics/x", 404), ("POST", "/healthz", 405),
])  # fmt: skip
def test_other_doors_are_shut(method: str, path: str, status: int, github: Stage) -> None:
    answer = requests.request(method, f"{github.installation.url}{path}", timeout=30)
    assert answer.status_code == status
    assert answer.json()["outcome"] == "refused"


def test_a_repeated_delivery_is_known(town: Town) -> None:
    first = town.delivery(town.say(town.issue(), "/agent help"))
    town.settle()
    new = {name: str(uuid.uuid4()) for name in first.sent_headers if name.lower() in DELIVERY_IDS}
    assert new
    for given in (first.sent_headers, {**first.sent_headers, **new}):
        answer = requests.post(town.hook, data=first.body, headers=given, timeout=30)
        assert (answer.status_code, answer.json()["outcome"]) == (200, "known")
    town.sound()
    assert len(town.said(1)) == 1


@pytest.mark.slow
def test_everything_that_was_sent_is_sent_again(town: Town) -> None:
    run = town.fixed()
    assert run.published is not None
    town.label(run.published.number)
    town.merged_once()
    said = town.said(1)
    assert town.stage.forge.repeat_webhooks(town.repo, newest_first=True) > 5
    town.merged_once()
    assert town.said(1) == said


# --- comments -------------------------------------------------------------------------------------------------------
def test_somebody_without_write_access_hears_who_may(town: Town) -> None:
    issue = town.issue()
    comment = town.say(issue, "/agent fix", STRANGER)
    assert town.outcome(comment).outcome == "refused"
    (answer,) = town.said(issue)
    assert "`sam` has read access" in answer
    assert "write" in answer
    assert town.scene.reactions(issue, comment) == ["eyes"]
    assert town.obeyed(issue, "/agent stop", STRANGER).outcome == "refused"
    assert len(town.said(issue)) == 1, "one refusal, however often somebody asks"
    assert town.obeyed(issue, "/agent help", STRANGER).outcome == "answered"
    refusal, answer = town.said(issue)
    assert "`sam` has read access" in refusal
    assert "`/agent fix`" in answer
    assert not town.runs()
    assert not town.scene.changes()
    town.sound()


def test_words_that_are_no_command(town: Town) -> None:
    issue = town.issue()
    silent = [
        "> /agent fix", "```\n/agent fix\n```", "please\n/agent fix", " /agent fix", "`/agent fix`", "/agents fix",
        "I would say /agent fix",
    ]  # fmt: skip
    comments = [town.say(issue, text) for text in silent]
    own = town.say(issue, "/agent fix", town.bot)
    other = town.say(issue, "/agent fix", town.program("ci", "write"))
    assert [town.outcome(comment).outcome for comment in (own, other)] == ["ignored", "ignored"]
    town.settle()
    assert {town.delivery(comment).code for comment in comments} == {200}
    assert not [comment for comment in (*comments, own, other) if town.scene.reactions(issue, comment)]
    town.scene.people.reword("maria", town.scene.subject("issue", issue), comments[0], "/agent fix")
    town.settle()
    edited = town.deliveries()[-1]
    assert (edited.code, town.tells_of(edited), b"/agent fix" in edited.body) == (200, None, True)
    assert not town.runs()
    assert [text for text in town.said(issue) if text != "/agent fix"] == []


ANSWERED = {
    "/agent frobnicate": "There is no command `frobnicate`. `/agent help` lists all.",
    "/agent fxi": "Did you mean `/agent fix`?",
    "/agent stpo now": "Did you mean `/agent stop`?",
    "/agent": "`/agent retry`: try a stopped or failed run again",
    "/agent HELP": "`/agent why`:",
    "/agent stop": "nothing to stop",
    "/agent retry": "nothing to retry",
    "/agent why": "nothing to tell",
    "/agent approve 12345678": "nothing to approve",
    "/agent explain": "- `approved by a human`: the label `approved-by-human`, set on the present head by a human",
    "/agent explain no protected path": "Did you mean `no protected path is touched`?",
    "/agent explain 'Tests are green'": "`tests are green` asks for: at least one check succeeded on the head",
    "/agent budget": "nothing to tell",
    "/agent <img src=x> @lee": "There is no command `<img`.",
}


def test_commands_that_need_no_run_are_answered_once(town: Town) -> None:
    issue = town.issue()
    for text, wanted in ANSWERED.items():
        before = town.said(issue)
        comment = town.say(issue, text)
        assert town.outcome(comment).outcome == "answered", text
        new = [answer for answer in town.said(issue) if answer not in before]
        assert len(new) == 1, (text, new)
        assert wanted in new[0]
        assert town.scene.reactions(issue, comment) == ["eyes"]
    assert not town.runs()
    town.sound()


def test_a_closed_issue(town: Town) -> None:
    issue = town.issue()
    town.scene.people.set_issue("maria", issue, is_open=False)
    assert town.obeyed(issue, "/agent fix").reason == "closed issue"
    assert "Reopen it first" in town.said(issue)[0]
    assert not town.runs()
    town.scene.people.set_issue("maria", issue, is_open=True)
    assert town.obeyed(issue, "/agent fix").outcome == "started"


def test_a_second_fix_while_one_is_at_work_and_one_on_the_change(town: Town) -> None:
    issue = town.issue()
    assert town.obeyed(issue, "/agent fix").outcome == "started"
    assert town.obeyed(issue, "/agent fix").outcome == "answered"
    run = town.until(lambda run: run.published is not None, "a change to be opened")
    assert run.published is not None
    assert town.obeyed(issue, "/agent plan", "lee").outcome == "answered"
    assert sum(f"{run.id} already works on this issue" in text for text in town.said(issue)) == 2
    assert town.obeyed(town.subject, "/agent fix").reason == "not an issue"
    assert any("this is a change" in text for text in town.said(town.subject))
    assert any(f"change {town.subject.mark}" in text.lower() for text in town.said(issue))
    assert town.obeyed(town.subject, "/agent why").run == run.id
    assert len(town.runs()) == 1
    town.sound()


# --- repositories ---------------------------------------------------------------------------------------------------
SURPRISES = {
    "no tests": ({**INI, "calc.py": CALC["calc.py"]}, "broken_suite", "test"),
    "no failing test": ({**INI, "calc.py": "def add(a, b):\n    return a + b\n", "test_calc.py": (
        "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n")}, "nothing_failing", "add a failing"),
    "nothing at all": ({"README.md": "empty\n"}, "broken_suite", "test"),
    "tests that do not load": ({**CALC, "test_calc.py": "import nowhere\n"}, "broken_suite", "nowhere"),
    "no python": ({"main.c": "int main(void) { return 1; }\n"}, "broken_suite", "test"),
    "beyond repair": ({**INI, "calc.py": "def add(a, b):\n    raise NotImplementedError\n", "test_calc.py": (
        "from calc import add\n\n\ndef test_add():\n    assert add('a', 3) == {'sum': [7, 'x']}\n")}, "no_patch", ""),
}  # fmt: skip


@pytest.mark.parametrize("kind", SURPRISES)
def test_repositories_that_cannot_be_mended(kind: str, found: Found) -> None:
    files, code, word = SURPRISES[kind]
    town = found(files)
    town.say(town.issue("add() is wrong", "add(2, 3) should be 5"), "/agent fix")
    run = town.ended("failed")
    assert run.failed is not None
    assert run.failed.code == code, run.failed
    assert word in town.status(run)
    assert "/agent retry" in town.status(run)
    assert not town.scene.changes()
    town.sound()
