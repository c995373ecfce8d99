"""GitLab webhooks: headers and bytes in, a Delivery and a ForgeEvent out. Pure: no clock, no network, no environment.

A hook has a secret token, which GitLab sends along and which proves nothing about the body, or since GitLab 19.0 a
signing token (`whsec_...`), under which it signs the delivery's id and the body. The event name is the sender's claim
either way: a name that does not fit its body gives `Ignored`. How old a signed delivery is does not count: one that
comes twice is known by its id and its body.

Comments in confidence (internal notes, and all notes on a confidential issue) are ignored, whoever wrote them: the
change and the status that a command leads to are open to all who see the project.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from bot.domain.change import Repo, Subject
from bot.domain.errors import BadSignature
from bot.domain.events import (
    ChangeMoved,
    ChecksMoved,
    Commented,
    Delivery,
    ForgeEvent,
    Ignored,
    IssueMoved,
    LabelsChanged,
    Pushed,
)
from bot.forges.payload import DELIVERY_ID, GitRef, Id, Login, Sha, delivery_of, guarded, shaped


def read(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> tuple[Delivery, ForgeEvent]:
    """Authenticate a request and read it.

    Header names count in any case. Any of `secrets` may be the hook's; empty ones never count. Raises BadSignature
    before anything of the body is parsed, and BadBody for what is not a JSON object. Every other authentic body gives
    an event; what we do not act on, or what does not have the shape that its name promises, is `Ignored`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    _authenticate(given, body, secrets)
    # The two are equal and stay so when GitLab sends again, and `webhook-id` is what it signs. X-Gitlab-Event-UUID is
    # one for all that a single request sets off, X-Gitlab-Webhook-UUID another one for each attempt.
    claimed = given.get("webhook-id") or given.get("idempotency-key", "")
    name = given.get("x-gitlab-event", "").removesuffix(" Hook").lower().replace(" ", "_")
    delivery = delivery_of("gitlab", claimed, name, body)
    return delivery, event_of(delivery)


def event_of(delivery: Delivery) -> ForgeEvent:
    """Read a stored delivery once more; it was authenticated when it came in."""
    name = delivery.name
    return guarded(name, delivery.body, _agreeing(name) if name in _READERS else None)


def _agreeing(name: str) -> Callable[[bytes], ForgeEvent]:
    """Return the reader of an event that refuses a body of another kind than the header says."""
    kind, reader = _READERS[name]

    def read_agreeing(payload: bytes) -> ForgeEvent:
        if shaped(_Kind, payload).object_kind != kind:
            return Ignored(f"the body is not that of a {name} event")
        return reader(payload)

    return read_agreeing


_TIME = re.compile(r"[0-9]{1,12}")
_SIGNING_TOKEN = re.compile(r"whsec_([A-Za-z0-9+/]{43}=)")  # 32 bytes: GitLab takes no other form


def _authenticate(given: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Raise BadSignature for what was not sent by one of our hooks.

    A request that is signed must be signed well as soon as we hold a signing token: its secret token is no way round.
    """
    keys = [base64.b64decode(found[1]) for secret in secrets if (found := _SIGNING_TOKEN.fullmatch(secret))]
    if keys and "webhook-signature" in given:
        if not _signed(given, body, keys):
            raise BadSignature("webhook-signature fits none of our signing tokens; compare the hook's with the setting")
        return
    token = given.get("x-gitlab-token", "")
    if not token:
        raise BadSignature("no X-Gitlab-Token, nor a signature that we can check; set a secret token on the hook")
    genuine = False
    for secret in secrets:
        if secret and not _SIGNING_TOKEN.fullmatch(secret):
            genuine |= hmac.compare_digest(_digest(_bytes(token)), _digest(secret.encode()))
    if not genuine:
        raise BadSignature("X-Gitlab-Token is none of our webhook secrets; compare the hook's secret with the setting")


def _signed(given: Mapping[str, str], body: bytes, keys: Sequence[bytes]) -> bool:
    """Tell whether one of `keys` signed the request; see standardwebhooks.com."""
    id_, time = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not (DELIVERY_ID.fullmatch(id_) and _TIME.fullmatch(time)):
        return False  # with a full stop in one of them the same signature would fit another body
    genuine = False
    for key in keys:
        mac = hmac.digest(key, f"{id_}.{time}.".encode() + body, "sha256")
        for signature in given["webhook-signature"].split(" "):
            genuine |= hmac.compare_digest(_bytes(signature), b"v1," + base64.b64encode(mac))
    return genuine


def _bytes(header: str) -> bytes:
    """Return what was sent: WSGI hands the bytes of a header on as if they were latin-1."""
    return header.encode("latin-1", "backslashreplace")


def _digest(token: bytes) -> bytes:
    """Return bytes of one length, so that the time of a comparison does not tell how long a secret is."""
    return hashlib.sha256(token).digest()


# --- the few fields that we read -------------------------------------------------------------------------------------
_Segment = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254}"
_Path = Annotated[str, Meta(pattern=rf"\A{_Segment}(?:/{_Segment}){{1,21}}\Z")]  # groups go 20 levels deep
# Names that GitLab gives to its own accounts and to those of tokens; no field tells a program from a person.
_BOT = re.compile(
    r"(?:project|group)_\d+_bot\w*|service_account_\w+"
    r"|(?:alert|automation|migration|support|gitlab-(?:admin|llm|security))-bot\d*|gitlabduo\d*",
    re.ASCII | re.IGNORECASE,
)


def is_bot_name(username: str) -> bool:
    """Tell whether GitLab gives such a name to accounts of programs."""
    return _BOT.fullmatch(username) is not None


class _Kind(Struct):
    object_kind: str = ""


class _Project(Struct):
    path_with_namespace: _Path


class _Event(Struct):
    project: _Project

    @property
    def repo(self) -> Repo:
        return Repo("gitlab", self.project.path_with_namespace)


class _User(Struct):
    id: Id
    username: Login


class _UserEvent(_Event):
    user: _User

    @property
    def by(self) -> str:
        return self.user.username


class _Numbered(Struct):
    iid: Id


class _Note(Struct):
    id: Id
    note: str
    author_id: Id
    noteable_type: str
    action: str = "create"  # before GitLab 16.11 no others were sent
    system: bool | None = None
    internal: bool | None = None


class _NoteEvent(_UserEvent):
    object_attributes: _Note
    event_type: str = "note"
    issue: _Numbered | None = None
    merge_request: _Numbered | None = None


class _Label(Struct):
    title: str


class _LabelChange(Struct):
    previous: list[_Label]
    current: list[_Label]


class _DraftChange(Struct):
    current: bool | None = None


class _Changes(Struct):
    labels: _LabelChange | None = None
    draft: _DraftChange | None = None


class _Issue(_Numbered):
    action: str = ""


class _IssueEvent(_UserEvent):
    object_attributes: _Issue
    changes: _Changes | None = None


class _Commit(Struct):
    id: Sha


class _MergeRequest(_Numbered):
    action: str = ""
    oldrev: str | None = None
    last_commit: _Commit | None = None


class _MergeRequestEvent(_UserEvent):
    object_attributes: _MergeRequest
    changes: _Changes | None = None


class _Pipeline(Struct):
    sha: Sha


class _PipelineEvent(_Event):
    object_attributes: _Pipeline


class _JobEvent(_Event):
    sha: Sha
    build_name: str


class _PushEvent(_Event):
    ref: GitRef
    after: Sha
    user_username: Login


# --- one reader per event name --------------------------------------------------------------------------------------
def _note(payload: bytes) -> ForgeEvent:
    event = shaped(_NoteEvent, payload)
    note = event.object_attributes
    if note.action != "create" or note.system:
        return Ignored("only new comments are acted on")
    if note.internal or event.event_type != "note":
        return Ignored("comments in confidence are not acted on")
    if note.author_id != event.user.id:
        # "Test" in the hook's settings sends the project's last comment once more, as if the tester had written it.
        return Ignored("the comment is another person's")
    match note.noteable_type:
        case "Issue" if event.issue is not None:
            subject = Subject(event.repo, "issue", event.issue.iid)
        case "MergeRequest" if event.merge_request is not None:
            subject = Subject(event.repo, "change", event.merge_request.iid)
        case "Issue" | "MergeRequest":
            return Ignored("malformed note: without what it is on")
        case _:
            return Ignored("only comments on issues and merge requests are acted on")
    return Commented(subject, note.id, event.by, is_bot_name(event.by), note.note)


def _issue(payload: bytes) -> ForgeEvent:
    event = shaped(_IssueEvent, payload)
    issue = event.object_attributes
    if issue.action == "update":
        return _labels_changed(event, Subject(event.repo, "issue", issue.iid)) or Ignored(
            "of the edits of an issue only those of its labels are acted on"
        )
    action = _ISSUE_ACTIONS.get(issue.action)
    if action is None:
        return Ignored("this action on an issue is not acted on")
    return IssueMoved(event.repo, issue.iid, action, event.by)


def _merge_request(payload: bytes) -> ForgeEvent:
    event = shaped(_MergeRequestEvent, payload)
    change = event.object_attributes
    action = _CHANGE_ACTIONS.get(change.action)
    if change.action == "update":
        relabelled = _labels_changed(event, Subject(event.repo, "change", change.iid))
        if relabelled is not None:
            return relabelled
        action = _update(event)
    if action is None:
        return Ignored("this action on a merge request is not acted on")
    if change.last_commit is None:
        return Ignored("a merge request without commits is not acted on")
    return ChangeMoved(event.repo, change.iid, action, change.last_commit.id, event.by)


def _update(event: _MergeRequestEvent) -> str:
    """Say what an update was; one that names no change counts too: so GitLab tells that all threads are resolved."""
    draft = event.changes.draft if event.changes is not None else None
    if event.object_attributes.oldrev:
        return "pushed"
    if draft is not None:
        return "drafted" if draft.current else "ready"
    return "edited"


def _pipeline(payload: bytes) -> ForgeEvent:
    event = shaped(_PipelineEvent, payload)
    return ChecksMoved(event.repo, event.object_attributes.sha, "pipeline")


def _job(payload: bytes) -> ForgeEvent:
    event = shaped(_JobEvent, payload)
    return ChecksMoved(event.repo, event.sha, event.build_name)


def _push(payload: bytes) -> ForgeEvent:
    event = shaped(_PushEvent, payload)
    branch = event.ref.removeprefix("refs/heads/")
    if branch == event.ref:
        return Ignored("only pushes to branches are acted on")
    if not event.after.strip("0"):
        return Ignored("a deleted branch is not acted on")
    return Pushed(event.repo, branch, event.after, event.user_username)


def _labels_changed(event: _IssueEvent | _MergeRequestEvent, subject: Subject) -> LabelsChanged | None:
    """Return the first label that was set, else the first that was taken, if any: a delivery gives one event."""
    change = event.changes.labels if event.changes is not None else None
    if change is None:
        return None
    before, after = ([label.title for label in labels] for labels in (change.previous, change.current))
    for titles, others, added in ((after, set(before), True), (before, set(after), False)):
        for title in titles:
            if title not in others:
                return LabelsChanged(subject, title, added, event.by)
    return None


_ISSUE_ACTIONS = {"open": "opened", "close": "closed", "reopen": "reopened"}
_CHANGE_ACTIONS = {
    **_ISSUE_ACTIONS,
    "merge": "merged",
    "approved": "reviewed",
    "unapproved": "reviewed",
    "approval": "reviewed",
    "unapproval": "reviewed",
}
# By event name: what `object_kind` must be, and the reader.
_READERS: dict[str, tuple[str, Callable[[bytes], ForgeEvent]]] = {
    "note": ("note", _note),
    "issue": ("issue", _issue),
    "confidential_issue": ("issue", _issue),
    "merge_request": ("merge_request", _merge_request),
    "pipeline": ("pipeline", _pipeline),
    "job": ("build", _job),
    "push": ("push", _push),
}
