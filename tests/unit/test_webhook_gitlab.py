"""The GitLab webhook reader: tables for each event, secret and signing tokens, and bodies that nobody would send."""

import base64
import hashlib
import hmac
import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.change import Repo, Subject
from bot.domain.errors import BadBody, BadSignature, ConfigError
from bot.domain.events import (
    ChangeMoved,
    ChecksMoved,
    Commented,
    ForgeEvent,
    Ignored,
    IssueMoved,
    LabelsChanged,
    Pushed,
)
from bot.forges import registry
from bot.forges.gitlab.webhook import event_of, read
from tests.mutations import mutated

SECRET = "a secret of the tests"
KEY = bytes(range(32))
SIGNING = "whsec_" + base64.b64encode(KEY).decode()
ID = "a5461c4d-9c7f-4af9-add6-cddebe3c426f"
REPO = Repo("gitlab", "octo/team.one/hello_world")
ISSUE, CHANGE = Subject(REPO, "issue", 3), Subject(REPO, "change", 7)
SHA = "ab" * 20
MALFORMED = "malformed"


def headers(name: str, **more: str) -> dict[str, str]:
    return {
        "X-Gitlab-Event": name,
        "X-Gitlab-Token": SECRET,
        "Idempotency-Key": ID,
        "X-Gitlab-Webhook-UUID": "3c5c0404-c866-44bc-a5f6-452bb1bfc76e",
        "X-Gitlab-Event-UUID": "9cebe914-4827-408f-b014-cfa23a47a35f",
        "Content-Type": "application/json",
        **more,
    }


def signed(name: str, body: bytes, key: bytes = KEY, id_: str = ID, time: str = "1780000000") -> dict[str, str]:
    mac = hmac.digest(key, f"{id_}.{time}.".encode() + body, "sha256")
    signature = "v1," + base64.b64encode(mac).decode()
    given_headers = headers(name, **{"webhook-id": id_, "webhook-timestamp": time, "webhook-signature": signature})
    del given_headers["X-Gitlab-Token"]
    return given_headers


def event(name: str, payload: object) -> ForgeEvent:
    return read(headers(name), json.dumps(payload).encode(), [SECRET])[1]


def payload(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "object_kind": kind,
        "user": {"id": 5, "username": "ann"},
        "project": {"path_with_namespace": REPO.name},
        **more,
    }


def note(*, on: dict[str, Any] | None = None, by: str = "ann", event_type: str = "note", **more: Any) -> dict[str, Any]:
    attributes = {"id": 11, "note": "/agent fix", "author_id": 5, "noteable_type": "Issue", "action": "create", **more}
    body = payload("note", event_type=event_type, object_attributes=attributes, **(on or {"issue": {"iid": 3}}))
    return {**body, "user": {"id": 5, "username": by}}


def issue(action: str, **more: Any) -> dict[str, Any]:
    return payload("issue", object_attributes={"iid": 3, "action": action}, **more)


def change(action: str, changes: object = None, **more: Any) -> dict[str, Any]:
    attributes = {"iid": 7, "action": action, "last_commit": {"id": SHA}, **more}
    return payload("merge_request", object_attributes=attributes, changes=changes)


def labels(previous: list[str], current: list[str]) -> dict[str, Any]:
    return {"labels": {"previous": [{"title": t} for t in previous], "current": [{"title": t} for t in current]}}


ON_CHANGE = note(noteable_type="MergeRequest", on={"merge_request": {"iid": 7}})
MINIMAL: dict[str, dict[str, Any]] = {
    "Note Hook": ON_CHANGE,
    "Issue Hook": issue("open"),
    "Merge Request Hook": change("update", labels(["a"], ["b"])),
    "Pipeline Hook": payload("pipeline", object_attributes={"sha": SHA}),
    "Job Hook": payload("build", sha=SHA, build_name="tests"),
    "Push Hook": payload("push", ref="refs/heads/topic/one", after=SHA, user_username="ann"),
}
COMMENTED = Commented(ISSUE, 11, "ann", False, "/agent fix")
NO_SUCH_ACTION = "this action on a merge request is not acted on"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (note(), COMMENTED),
        (note(system=False, internal=False), COMMENTED),
        (note(system=None, internal=None), COMMENTED),
        (ON_CHANGE, Commented(CHANGE, 11, "ann", False, "/agent fix")),
        (note(action="update"), Ignored("only new comments are acted on")),
        (note(system=True), Ignored("only new comments are acted on")),
        (note(internal=True), Ignored("comments in confidence are not acted on")),
        (note(event_type="confidential_note"), Ignored("comments in confidence are not acted on")),
        (note(author_id=6), Ignored("the comment is another person's")),
        (note(noteable_type="Commit"), Ignored("only comments on issues and merge requests are acted on")),
        (note(noteable_type="Snippet"), Ignored("only comments on issues and merge requests are acted on")),
        (note(noteable_type="MergeRequest"), Ignored("malformed note: without what it is on")),
        (note(on={"issue": None}), Ignored("malformed note: without what it is on")),
    ],
)
def test_a_note_is_read(body: dict[str, Any], expected: ForgeEvent) -> None:
    assert event("Note Hook", body) == expected


def test_before_gitlab_told_the_action_every_note_was_new() -> None:
    body = note()
    del body["object_attributes"]["action"]
    assert event("Note Hook", body) == COMMENTED


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("project_12_bot", True),
        ("project_12_bot3", True),
        ("project_12_bot_b3d67ae8", True),
        ("group_9_bot_b3d67ae8", True),
        ("service_account_964b157dcff9bcd87dc7c0837f9c47e9", True),
        ("service_account_group_345_c468757e6df2", True),
        ("support-bot", True),
        ("alert-bot1", True),
        ("GitLab-Security-Bot", True),
        ("GitLabDuo", True),
        ("ann", False),
        ("bob-bot", False),
        ("x-project_12_bot", False),
        ("project_x_bot", False),
        ("project_\u0661_bot", False),
        ("support-bot\u00e9", False),
    ],
)
def test_a_program_is_known_by_the_name_that_gitlab_gave_it(name: str, program: bool) -> None:
    assert event("Note Hook", note(by=name)) == replace(COMMENTED, by=name, by_bot=program)


@pytest.mark.parametrize("name", ["Issue Hook", "Confidential Issue Hook"])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (issue("open"), IssueMoved(REPO, 3, "opened", "ann")),
        (issue("open", changes=labels([], ["go"])), IssueMoved(REPO, 3, "opened", "ann")),
        (issue("close"), IssueMoved(REPO, 3, "closed", "ann")),
        (issue("reopen"), IssueMoved(REPO, 3, "reopened", "ann")),
        (issue("update", changes=labels(["a"], ["a", "go"])), LabelsChanged(ISSUE, "go", True, "ann")),
        (issue("update", changes=labels(["a", "go"], ["a"])), LabelsChanged(ISSUE, "go", False, "ann")),
        (issue("update", changes={}), Ignored("of the edits of an issue only those of its labels are acted on")),
        (issue("update"), Ignored("of the edits of an issue only those of its labels are acted on")),
        (issue("pin"), Ignored("this action on an issue is not acted on")),
        (payload("issue", object_attributes={"iid": 3}), Ignored("this action on an issue is not acted on")),
    ],
)
def test_an_issue_is_read(name: str, body: dict[str, Any], expected: ForgeEvent) -> None:
    assert event(name, body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        *[
            (change(action), ChangeMoved(REPO, 7, told, SHA, "ann"))
            for action, told in [
                ("open", "opened"),
                ("reopen", "reopened"),
                ("close", "closed"),
                ("merge", "merged"),
                ("approved", "reviewed"),
                ("unapproved", "reviewed"),
                ("approval", "reviewed"),
                ("unapproval", "reviewed"),
                ("update", "edited"),
            ]
        ],
        (change("open", labels([], ["go"])), ChangeMoved(REPO, 7, "opened", SHA, "ann")),
        (change("update", oldrev="cd" * 20), ChangeMoved(REPO, 7, "pushed", SHA, "ann")),
        (change("update", labels(["a"], ["a"]), oldrev="cd" * 20), ChangeMoved(REPO, 7, "pushed", SHA, "ann")),
        (change("update", {"title": {"previous": "a", "current": "b"}}), ChangeMoved(REPO, 7, "edited", SHA, "ann")),
        (change("update", {"draft": {"current": True}}), ChangeMoved(REPO, 7, "drafted", SHA, "ann")),
        (change("update", {"draft": {"current": False}}), ChangeMoved(REPO, 7, "ready", SHA, "ann")),
        (change("update", labels([], ["go", "on"]), oldrev="cd" * 20), LabelsChanged(CHANGE, "go", True, "ann")),
        (change("update", labels(["old", "a"], ["a", "new"])), LabelsChanged(CHANGE, "new", True, "ann")),
        (change("update", labels(["a", "go"], [])), LabelsChanged(CHANGE, "a", False, "ann")),
        (change("update", labels([], ["go"]), last_commit=None), LabelsChanged(CHANGE, "go", True, "ann")),
        (change("open", last_commit=None), Ignored("a merge request without commits is not acted on")),
        (change("bless"), Ignored(NO_SUCH_ACTION)),
        (payload("merge_request", object_attributes={"iid": 7}), Ignored(NO_SUCH_ACTION)),
    ],
)
def test_a_change_is_read(body: dict[str, Any], expected: ForgeEvent) -> None:
    assert event("Merge Request Hook", body) == expected


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("Pipeline Hook", MINIMAL["Pipeline Hook"], ChecksMoved(REPO, SHA, "pipeline")),
        ("Job Hook", MINIMAL["Job Hook"], ChecksMoved(REPO, SHA, "tests")),
        ("Push Hook", MINIMAL["Push Hook"], Pushed(REPO, "topic/one", SHA, "ann")),
        ("Push Hook", {**MINIMAL["Push Hook"], "after": "0" * 40}, Ignored("a deleted branch is not acted on")),
        ("Push Hook", {**MINIMAL["Push Hook"], "after": "0" * 64}, Ignored("a deleted branch is not acted on")),
        ("Push Hook", {**MINIMAL["Push Hook"], "ref": "refs/tags/v1"}, Ignored("only pushes to branches are acted on")),
        ("Tag Push Hook", payload("tag_push"), Ignored("tag_push events are not acted on")),
        ("Emoji Hook", payload("emoji"), Ignored("emoji events are not acted on")),
        ("Confidential Note Hook", note(), Ignored("confidential_note events are not acted on")),
        ("System Hook", MINIMAL["Push Hook"], Ignored("system events are not acted on")),
        ("Member Hook", {"event_name": "user_add_to_group"}, Ignored("member events are not acted on")),
        ("Note\u00e9 Hook!", note(), Ignored("unknown events are not acted on")),
        ("", note(), Ignored("unknown events are not acted on")),
    ],
)
def test_other_events_are_read(name: str, body: dict[str, Any], expected: ForgeEvent) -> None:
    assert event(name, body) == expected


@pytest.mark.parametrize("name", sorted(MINIMAL))
def test_a_body_under_another_name_is_ignored(name: str) -> None:
    plain = name.removesuffix(" Hook").lower().replace(" ", "_")
    for body in [{**MINIMAL[name], "object_kind": "work_item"}, {}, *(MINIMAL[other] for other in {*MINIMAL} - {name})]:
        assert event(name, body) == Ignored(f"the body is not that of a {plain} event")


def test_a_delivery_carries_what_was_claimed_and_what_was_sent() -> None:
    body = json.dumps(note()).encode()
    delivery, found = read(headers("Note Hook"), body, [SECRET])
    assert (delivery.id, delivery.forge, delivery.name, delivery.body) == (ID, "gitlab", "note", body)
    assert delivery.digest == hashlib.sha256(body).hexdigest()
    assert event_of(delivery) == found == COMMENTED
    assert event_of(replace(delivery, name="emoji")) == Ignored("emoji events are not acted on")


@pytest.mark.parametrize("claimed", ["", "../../etc", "x" * 65, "id\nwith a line"])
def test_a_delivery_id_that_is_no_token_becomes_the_digest(claimed: str) -> None:
    delivery, _ = read(headers("Note Hook", **{"Idempotency-Key": claimed}), b"{}", [SECRET])
    assert delivery.id == delivery.digest


def test_header_names_count_in_any_case() -> None:
    lower = {name.lower(): value for name, value in headers("Note Hook").items()}
    assert read(lower, json.dumps(note()).encode(), [SECRET])[1] == COMMENTED


# --- secret tokens
def test_any_of_several_secrets_may_be_the_hooks() -> None:
    old = headers("Note Hook", **{"X-Gitlab-Token": "the old one"})
    for secrets in ([SECRET, "the old one"], ["the old one", SECRET], ["", SIGNING, "the old one"]):
        assert read(old, b"{}", secrets)[0].id == ID


def test_a_secret_need_not_be_ascii() -> None:
    sent = "caf\u00e9".encode().decode("latin-1")  # as WSGI hands it on
    assert read(headers("Note Hook", **{"X-Gitlab-Token": sent}), b"{}", ["caf\u00e9"])[0].id == ID


@pytest.mark.parametrize(
    "token",
    [None, "", SECRET[:-1], SECRET + "x", SECRET.upper(), " " + SECRET, SECRET + "\n", "\u0661", "\ud800", SIGNING],
)
def test_a_token_that_is_not_ours_is_refused(token: str | None) -> None:
    given_headers = headers("Note Hook", **({} if token is None else {"X-Gitlab-Token": token}))
    if token is None:
        del given_headers["X-Gitlab-Token"]
    with pytest.raises(BadSignature):
        read(given_headers, b"{}", [SECRET, SIGNING])


@pytest.mark.parametrize("secrets", [[], [""]])
@pytest.mark.parametrize("token", ["", "x"])
def test_no_secret_means_no_entry(secrets: list[str], token: str) -> None:
    with pytest.raises(BadSignature):
        read(headers("Note Hook", **{"X-Gitlab-Token": token}), b"{}", secrets)


def test_the_token_is_checked_before_the_body_is_parsed() -> None:
    with pytest.raises(BadSignature):
        read(headers("Note Hook", **{"X-Gitlab-Token": "x"}), b"no json", [SECRET])


# --- signing tokens
def test_a_signed_delivery_is_read_by_any_of_our_signing_tokens() -> None:
    body = json.dumps(note()).encode()
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    for secrets in ([SIGNING], [other, SIGNING], [SIGNING, other], [SECRET, SIGNING]):
        delivery, found = read(signed("Note Hook", body), body, secrets)
        assert (delivery.id, found) == (ID, COMMENTED)


def test_any_of_several_signatures_counts() -> None:
    given_headers = signed("Note Hook", b"{}")
    given_headers["webhook-signature"] = "v1a,x v1, " + given_headers["webhook-signature"]
    assert read(given_headers, b"{}", [SIGNING])[0].id == ID


def test_the_signed_id_counts_whatever_else_is_claimed() -> None:
    given_headers = {**signed("Note Hook", b"{}"), "Idempotency-Key": "another-id"}
    assert read(given_headers, b"{}", [SIGNING])[0].id == ID


def test_where_we_hold_no_signing_token_the_secret_token_counts() -> None:
    given_headers = {**signed("Note Hook", b"{}", key=b"another"), "X-Gitlab-Token": SECRET}
    assert read(given_headers, b"{}", [SECRET])[0].id == ID


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,\u00e9\u0661\ud800"},
        {"webhook-id": "another-id-of-it"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1780000001"},
        {"webhook-timestamp": ""},
    ],
)
def test_a_signature_that_does_not_fit_is_refused_whatever_token_comes_with_it(changed: dict[str, str]) -> None:
    given_headers = {**signed("Note Hook", b"{}"), "X-Gitlab-Token": SECRET, **changed}
    with pytest.raises(BadSignature):
        read(given_headers, b"{}", [SECRET, SIGNING])


def test_a_signature_of_another_body_key_or_form_is_refused() -> None:
    plain = {"webhook-signature": signed("Note Hook", b"{}")["webhook-signature"].removeprefix("v1,")}
    for given_headers in (
        signed("Note Hook", b"{} "),
        signed("Note Hook", b"{}", key=bytes(32)),
        signed("Note Hook", b"{}", key=SIGNING.encode()),
        {**signed("Note Hook", b"{}"), **plain},
    ):
        with pytest.raises(BadSignature):
            read(given_headers, b"{}", [SIGNING])


def test_a_signature_does_not_fit_the_rest_of_a_body_that_begins_in_its_head() -> None:
    whole = signed("Note Hook", b'"x".{}')
    with pytest.raises(BadSignature):
        read({**whole, "webhook-timestamp": '1780000000."x"'}, b"{}", [SIGNING])
    whole = signed("Note Hook", b"{}", time="1.1780000000")
    with pytest.raises(BadSignature):
        read({**whole, "webhook-id": ID + ".1", "webhook-timestamp": "1780000000"}, b"{}", [SIGNING])


@pytest.mark.parametrize("odd", ["whsec_", "whsec_" + "A" * 43, SIGNING + "A", SIGNING[:-1] + "A"])
def test_what_only_begins_like_a_signing_token_is_a_secret_token(odd: str) -> None:
    assert read(headers("Note Hook", **{"X-Gitlab-Token": odd}), b"{}", [odd])[0].id == ID


# --- bodies
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
        b"payload=%7B%7D",
    ],
)
@pytest.mark.parametrize("name", ["Note Hook", "Emoji Hook"])
def test_what_is_no_json_object_is_refused(name: str, body: bytes) -> None:
    with pytest.raises(BadBody):
        read(headers(name), body, [SECRET])


NESTED = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": ' + NESTED + b"}",
        b'{"a": "\\ud800"}',
        b'{"a": "\\udc00 \\ud800"}',
        b'{"a": "\\ud800", "b": ' + NESTED + b"}",
        b'{"object_kind": null}',
        b'{"object_kind": "%s"}',
        b'{"object_kind": "%s", "project": null}',
    ],
)
@pytest.mark.parametrize("name", sorted(MINIMAL))
def test_an_odd_object_is_ignored_as_malformed(name: str, body: bytes) -> None:
    kind = str(MINIMAL[name]["object_kind"]).encode()
    found = read(headers(name), body.replace(b"%s", kind), [SECRET])[1]
    assert isinstance(found, Ignored)
    assert found.reason.startswith(MALFORMED)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        *[
            ("Issue Hook", ("project", "path_with_namespace"), name)
            for name in (
                "hello",
                "octo/hello\n",
                "octo/",
                "/hello",
                "octo//hello",
                "octo/../x",
                "octo/..",
                "./x",
                "-o/x",
                "o/-x",
                "o/\u00e9",
                "/".join(["x"] * 23),
                "x" * 256 + "/x",
            )
        ],
        ("Issue Hook", ("user", "username"), "ann\u0000"),
        ("Issue Hook", ("user", "username"), ""),
        ("Issue Hook", ("object_attributes", "iid"), 0),
        ("Issue Hook", ("object_attributes", "iid"), -1),
        ("Issue Hook", ("object_attributes", "iid"), True),
        ("Issue Hook", ("object_attributes", "iid"), 10**400),
        ("Issue Hook", ("object_attributes", "iid"), 2**63),
        ("Note Hook", ("object_attributes", "id"), "11"),
        ("Note Hook", ("object_attributes", "note"), None),
        ("Note Hook", ("object_attributes", "author_id"), None),
        ("Note Hook", ("user", "id"), None),
        ("Note Hook", ("object_attributes", "system"), "no"),
        ("Note Hook", ("merge_request", "iid"), "7"),
        ("Merge Request Hook", ("object_attributes", "last_commit", "id"), SHA.upper()),
        ("Merge Request Hook", ("object_attributes", "last_commit", "id"), SHA + "\n"),
        ("Merge Request Hook", ("changes", "labels", "current"), ["go"]),
        ("Job Hook", ("sha",), "HEAD"),
        ("Push Hook", ("ref",), "refs/heads/a b"),
        ("Push Hook", ("ref",), "--upload-pack=x"),
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
    assert found.reason.startswith(MALFORMED)


@pytest.mark.parametrize("name", ["o/x", ".o/.x", "_o/x.y-z", "/".join(["x" * 255] * 22), "o/...", "O-o/X_9"])
def test_a_project_may_lie_deep_and_have_any_name_that_gitlab_permits(name: str) -> None:
    body = {**MINIMAL["Pipeline Hook"], "project": {"path_with_namespace": name}}
    assert event("Pipeline Hook", body) == ChecksMoved(Repo("gitlab", name), SHA, "pipeline")


def test_the_registry_reads_both_forges() -> None:
    body = json.dumps(note()).encode()
    delivery, found = registry.read("gitlab", headers("Note Hook"), body, [SECRET])
    assert registry.event_of(delivery) == found == COMMENTED
    with pytest.raises(BadSignature, match="X-Hub-Signature-256"):
        registry.read("github", headers("Note Hook"), body, [SECRET])
    with pytest.raises(ConfigError, match="gitbucket"):
        registry.read("gitbucket", headers("Note Hook"), body, [SECRET])


@settings(deadline=None, max_examples=60)
@given(mutated(MINIMAL))
def test_a_mutated_body_gives_an_event_or_is_ignored(case: tuple[str, dict[str, Any]]) -> None:
    name, body = case
    found = event(name, body)
    assert isinstance(found, ForgeEvent)
    if isinstance(found, Commented | LabelsChanged):
        assert found.subject.number >= 1
    if isinstance(found, Commented | LabelsChanged | IssueMoved):
        found.by.encode()


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.sampled_from([*sorted(MINIMAL), "Emoji Hook"]))
def test_any_authentic_bytes_are_read_or_refused_by_name(body: bytes, name: str) -> None:
    try:
        found = read(headers(name), body, [SECRET])[1]
    except BadBody:
        return
    assert isinstance(found, ForgeEvent)


@settings(deadline=None, max_examples=60)
@given(st.text(), st.text(), st.text())
def test_any_request_of_a_stranger_is_refused(token: str, signature: str, id_: str) -> None:
    claims = {"X-Gitlab-Token": token, "webhook-signature": signature, "webhook-id": id_, "webhook-timestamp": "1"}
    for secrets in ([SECRET], [SIGNING], [SECRET, SIGNING]):
        with pytest.raises(BadSignature):
            read(claims, b"{}", secrets)
