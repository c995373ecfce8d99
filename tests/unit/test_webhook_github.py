"""The GitHub webhook reader: tables for each event, real bodies, and bodies that nobody would send."""

import gzip
import hashlib
import hmac
import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.change import Repo, Subject
from bot.domain.errors import BadBody, BadSignature
from bot.domain.events import (
    ChangeMoved,
    ChecksMoved,
    Commented,
    ForgeEvent,
    Ignored,
    IssueMoved,
    LabelsChanged,
    Pinged,
    Pushed,
)
from bot.forges.github.webhook import event_of, read
from tests.mutations import mutated

SECRET = "a secret of the tests"
REPO = Repo("github", "octo/hello")
ISSUE, CHANGE = Subject(REPO, "issue", 3), Subject(REPO, "change", 3)
SHA = "ab" * 20
EXAMPLES = Path(__file__).parents[3] / "shared" / "specs" / "github-webhook-examples.json.gz"
OF_INTEREST = (
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "check_run",
    "check_suite",
    "status",
    "push",
    "ping",
)


def examples() -> list[tuple[str, int, dict[str, Any]]]:
    """Return (event name, index, body) for every published example; empty where the file is absent."""
    if not EXAMPLES.exists():
        return []
    stored = json.loads(gzip.decompress(EXAMPLES.read_bytes()))
    return [(kind["name"], index, body) for kind in stored for index, body in enumerate(kind["examples"])]


needs_examples = pytest.mark.skipif(not EXAMPLES.exists(), reason="the published example bodies are not there")


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(name: str, body: bytes, **more: str) -> dict[str, str]:
    return {
        "X-GitHub-Event": name,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": sign(body),
        "Content-Type": "application/json",
        **more,
    }


def event(name: str, payload: object) -> ForgeEvent:
    body = json.dumps(payload).encode()
    return read(headers(name, body), body, [SECRET])[1]


def payload(**more: Any) -> dict[str, Any]:
    return {"repository": {"full_name": REPO.name}, "sender": {"login": "ann", "type": "User"}, **more}


def pull(**more: Any) -> dict[str, Any]:
    return {"number": 7, "head": {"sha": SHA}, **more}


COMMENT = payload(action="created", issue={"number": 3}, comment={"id": 11, "body": "/agent fix"})
ON_CHANGE = {**COMMENT, "issue": {"number": 3, "pull_request": {"url": "https://x"}}}
LABELED_CHANGE = payload(action="labeled", pull_request=pull(), label={"name": "go"})
MINIMAL: dict[str, dict[str, Any]] = {
    "issue_comment": ON_CHANGE,
    "issues": payload(action="opened", issue={"number": 3}),
    "pull_request": LABELED_CHANGE,
    "pull_request_review": payload(action="submitted", pull_request=pull()),
    "check_run": payload(action="completed", check_run={"name": "tests", "head_sha": SHA}),
    "check_suite": payload(action="completed", check_suite={"head_sha": SHA}),
    "status": payload(sha=SHA, context="ci/build"),
    "push": payload(ref="refs/heads/topic/one", after=SHA, deleted=False),
}


def bot(kind: str, login: str) -> dict[str, Any]:
    return {**COMMENT, "sender": {"login": login, "type": kind}}


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("issue_comment", COMMENT, Commented(ISSUE, 11, "ann", False, "/agent fix")),
        ("issue_comment", ON_CHANGE, Commented(CHANGE, 11, "ann", False, "/agent fix")),
        (
            "issue_comment",
            {**COMMENT, "issue": {"number": 3, "pull_request": None}},
            Commented(ISSUE, 11, "ann", False, "/agent fix"),
        ),
        ("issue_comment", bot("Bot", "robo"), Commented(ISSUE, 11, "robo", True, "/agent fix")),
        ("issue_comment", bot("User", "x[bot]"), Commented(ISSUE, 11, "x[bot]", True, "/agent fix")),
        ("issue_comment", {**COMMENT, "action": "edited"}, Ignored("only new comments are acted on")),
        ("issue_comment", {**COMMENT, "action": "deleted"}, Ignored("only new comments are acted on")),
        ("issues", payload(action="opened", issue={"number": 3}), IssueMoved(REPO, 3, "opened", "ann")),
        ("issues", payload(action="closed", issue={"number": 3}), IssueMoved(REPO, 3, "closed", "ann")),
        ("issues", payload(action="reopened", issue={"number": 3}), IssueMoved(REPO, 3, "reopened", "ann")),
        (
            "issues",
            payload(action="labeled", issue={"number": 3}, label={"name": "go"}),
            LabelsChanged(ISSUE, "go", True, "ann"),
        ),
        (
            "issues",
            payload(action="unlabeled", issue={"number": 3}, label={"name": "go"}),
            LabelsChanged(ISSUE, "go", False, "ann"),
        ),
        ("issues", payload(action="pinned", issue={"number": 3}), Ignored("this action on an issue is not acted on")),
        (
            "issues",
            payload(action="labeled", issue={"number": 3}),
            Ignored("malformed: labelling without a label"),
        ),
        ("pull_request", LABELED_CHANGE, LabelsChanged(Subject(REPO, "change", 7), "go", True, "ann")),
        (
            "pull_request",
            {**LABELED_CHANGE, "action": "unlabeled"},
            LabelsChanged(Subject(REPO, "change", 7), "go", False, "ann"),
        ),
        ("pull_request", payload(action="opened", pull_request=pull()), ChangeMoved(REPO, 7, "opened", SHA, "ann")),
        (
            "pull_request",
            payload(action="synchronize", pull_request=pull()),
            ChangeMoved(REPO, 7, "pushed", SHA, "ann"),
        ),
        (
            "pull_request",
            payload(action="closed", pull_request=pull(merged=False)),
            ChangeMoved(REPO, 7, "closed", SHA, "ann"),
        ),
        (
            "pull_request",
            payload(action="closed", pull_request=pull(merged=True)),
            ChangeMoved(REPO, 7, "merged", SHA, "ann"),
        ),
        (
            "pull_request",
            payload(action="reopened", pull_request=pull()),
            ChangeMoved(REPO, 7, "reopened", SHA, "ann"),
        ),
        ("pull_request", payload(action="edited", pull_request=pull()), ChangeMoved(REPO, 7, "edited", SHA, "ann")),
        (
            "pull_request",
            payload(action="ready_for_review", pull_request=pull()),
            ChangeMoved(REPO, 7, "ready", SHA, "ann"),
        ),
        (
            "pull_request",
            payload(action="converted_to_draft", pull_request=pull()),
            ChangeMoved(REPO, 7, "drafted", SHA, "ann"),
        ),
        (
            "pull_request",
            payload(action="locked", pull_request=pull()),
            Ignored("this action on a pull request is not acted on"),
        ),
        (
            "pull_request_review",
            payload(action="submitted", pull_request=pull()),
            ChangeMoved(REPO, 7, "reviewed", SHA, "ann"),
        ),
        ("check_run", MINIMAL["check_run"], ChecksMoved(REPO, SHA, "tests")),
        ("check_suite", MINIMAL["check_suite"], ChecksMoved(REPO, SHA, "check suite")),
        ("status", MINIMAL["status"], ChecksMoved(REPO, SHA, "ci/build")),
        ("push", MINIMAL["push"], Pushed(REPO, "topic/one", SHA, "ann")),
        ("push", {**MINIMAL["push"], "ref": "refs/tags/v1"}, Ignored("only pushes to branches are acted on")),
        ("push", {**MINIMAL["push"], "deleted": True}, Ignored("a deleted branch is not acted on")),
        ("ping", {"zen": "Keep it simple."}, Pinged()),
        ("star", payload(action="created"), Ignored("star events are not acted on")),
        ("quantum_leap", payload(), Ignored("quantum_leap events are not acted on")),
        ("Ping\u00e9!", payload(), Ignored("unknown events are not acted on")),
        ("", payload(), Ignored("unknown events are not acted on")),
    ],
)
def test_an_event_is_read(name: str, body: dict[str, Any], expected: ForgeEvent) -> None:
    assert event(name, body) == expected


def test_a_delivery_carries_what_was_claimed_and_what_was_signed() -> None:
    body = b'{"zen": "x"}'
    delivery, _ = read(headers("ping", body), body, [SECRET])
    assert delivery.id == "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert (delivery.forge, delivery.name, delivery.body) == ("github", "ping", body)
    assert delivery.digest == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("claimed", ["", "../../etc", "x" * 65, "id\nwith a line"])
def test_a_delivery_id_that_is_no_token_becomes_the_digest(claimed: str) -> None:
    body = b"{}"
    delivery, _ = read(headers("ping", body, **{"X-GitHub-Delivery": claimed}), body, [SECRET])
    assert delivery.id == delivery.digest


def test_header_names_count_in_any_case() -> None:
    body = b"{}"
    lower = {name.lower(): value for name, value in headers("ping", body).items()}
    assert read(lower, body, [SECRET])[1] == Pinged()


def test_any_of_several_secrets_may_have_signed() -> None:
    body = b"{}"
    signed = headers("ping", body, **{"X-Hub-Signature-256": sign(body, "the old one")})
    assert read(signed, body, [SECRET, "the old one"])[1] == Pinged()
    assert read(signed, body, ["the old one", SECRET])[1] == Pinged()


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256=",
        sign(b"another body"),
        sign(b"{}", "another secret"),
        sign(b"{}").removeprefix("sha256="),
        sign(b"{}").replace("sha256", "sha1"),
        sign(b"{}").upper(),
        sign(b"{}")[:-1],
        sign(b"{}") + "0",
        sign(b"{}") + "\n",
        " " + sign(b"{}"),
        "sha256=" + "\u00e9" * 64,
        "sha256=" + "\u0661" * 64,
        "sha256=" + "g" * 64,
        "sha256=" + "\ud800" * 64,
    ],
)
def test_a_signature_that_does_not_fit_is_refused(signature: str | None) -> None:
    given_headers = headers("ping", b"{}")
    if signature is None:
        del given_headers["X-Hub-Signature-256"]
    else:
        given_headers["X-Hub-Signature-256"] = signature
    with pytest.raises(BadSignature):
        read(given_headers, b"{}", [SECRET])


@pytest.mark.parametrize("secrets", [[], [""]])
def test_no_secret_means_no_entry_even_for_the_empty_key(secrets: list[str]) -> None:
    with pytest.raises(BadSignature):
        read(headers("ping", b"{}", **{"X-Hub-Signature-256": sign(b"{}", "")}), b"{}", secrets)


def test_the_signature_is_checked_before_the_body_is_parsed() -> None:
    with pytest.raises(BadSignature):
        read(headers("ping", b"{}"), b"no json", [SECRET])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"1",
        b'"text"',
        b"{",
        b"{}{}",
        b'{"a": NaN}',
        b'{"a": "\\ud800"',
        b'["\\ud800"]',
        b'{"a": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"\x00",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        read(headers("issues", body), body, [SECRET])


FORM = "application/x-www-form-urlencoded"


def test_a_form_carries_the_same_event() -> None:
    body = b"payload=" + quote_plus(json.dumps({**COMMENT, "comment": {"id": 1, "body": "caf\u00e9 & +"}})).encode()
    for kind in (FORM, FORM.upper() + "; charset=utf-8"):
        delivery, found = read(headers("issue_comment", body, **{"Content-Type": kind}), body, [SECRET])
        assert found == Commented(ISSUE, 1, "ann", False, "caf\u00e9 & +")
        assert delivery.digest == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("kind", ["application/json", FORM])
def test_a_stored_delivery_is_read_as_it_was(kind: str) -> None:
    text = json.dumps(COMMENT)
    body = b"payload=" + quote_plus(text).encode() if kind == FORM else text.encode()
    delivery, found = read(headers("issue_comment", body, **{"Content-Type": kind}), body, [SECRET])
    assert event_of(delivery) == found
    assert event_of(replace(delivery, name="star")) == Ignored("star events are not acted on")


@pytest.mark.parametrize("body", [b"", b"{}", b"payload=%7B%7D&payload=%7B%7D", b"other=1", b"payload=%ff", b"\xff=1"])
def test_a_form_without_one_readable_payload_is_refused(body: bytes) -> None:
    with pytest.raises(BadBody):
        read(headers("ping", body, **{"Content-Type": FORM}), body, [SECRET])


NESTED = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": ' + NESTED + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": "\\udc00 \\ud800"}',
        b'{"a": "\\ud800", "b": ' + NESTED + b"}",
        b"{}",
        b'{"repository": null}',
    ],
)
@pytest.mark.parametrize("name", sorted(set(OF_INTEREST) - {"ping"}))
def test_an_odd_object_is_ignored_as_malformed(name: str, body: bytes) -> None:
    found = read(headers(name, body), body, [SECRET])[1]
    assert isinstance(found, Ignored)
    assert found.reason.startswith("malformed")


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("issues", ("repository", "full_name"), "octo/hello\n"),
        ("issues", ("repository", "full_name"), "octo/../x"),
        ("issues", ("sender", "login"), "ann\u0000"),
        ("issues", ("sender", "login"), ""),
        ("issues", ("issue", "number"), 0),
        ("issues", ("issue", "number"), -1),
        ("issues", ("issue", "number"), True),
        ("issues", ("issue", "number"), 10**400),
        ("issues", ("issue", "number"), 2**63),
        ("issue_comment", ("comment", "id"), "11"),
        ("issue_comment", ("comment", "body"), None),
        ("issue_comment", ("issue", "pull_request"), 1),
        ("pull_request", ("pull_request", "head", "sha"), SHA.upper()),
        ("pull_request", ("pull_request", "head", "sha"), SHA + "\n"),
        ("status", ("sha",), "HEAD"),
        ("push", ("ref",), "refs/heads/a b"),
        ("push", ("ref",), "--upload-pack=x"),
    ],
)
def test_a_value_that_cannot_be_is_malformed(name: str, path: tuple[str, ...], value: object) -> None:
    body = deepcopy(MINIMAL[name])
    place = body
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    found = event(name, body)
    assert isinstance(found, Ignored)
    assert found.reason.startswith("malformed")


@needs_examples
def test_every_published_body_is_read() -> None:
    seen: dict[str, set[str]] = {}
    for name, _, body in examples():
        found = event(name, body)
        seen.setdefault(name, set()).add(type(found).__name__)
        assert not (isinstance(found, Ignored) and found.reason.startswith("malformed")), (name, found)
    assert sum(1 for _ in examples()) == 181
    for name in OF_INTEREST:
        assert seen[name] - {"Ignored"}, name
    for name in seen.keys() - set(OF_INTEREST):
        assert seen[name] == {"Ignored"}, name


@needs_examples
@pytest.mark.parametrize("name", OF_INTEREST)
def test_a_real_body_under_another_name_never_raises(name: str) -> None:
    for _, _, body in examples():
        assert event(name, body) is not None


@settings(deadline=None)
@given(mutated(MINIMAL))
def test_a_mutated_body_gives_an_event_or_is_ignored(case: tuple[str, dict[str, Any]]) -> None:
    name, body = case
    found = event(name, body)
    assert isinstance(found, ForgeEvent)
    if isinstance(found, Commented | LabelsChanged):
        assert found.subject.number >= 1
    if isinstance(found, Commented | LabelsChanged | IssueMoved):
        found.by.encode()


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([*OF_INTEREST, "star"]), st.sampled_from(["application/json", FORM]))
def test_any_signed_bytes_are_read_or_refused_by_name(body: bytes, name: str, kind: str) -> None:
    try:
        found = read(headers(name, body, **{"Content-Type": kind}), body, [SECRET])[1]
    except BadBody:
        return
    assert isinstance(found, ForgeEvent)


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_unsigned_request_is_refused(signature: str, name: str) -> None:
    with pytest.raises(BadSignature):
        read({"X-Hub-Signature-256": signature, "X-GitHub-Event": name}, b"{}", [SECRET])
