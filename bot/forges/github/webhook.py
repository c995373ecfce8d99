"""GitHub webhooks: headers and bytes in, a Delivery and a ForgeEvent out. Pure: no clock, no network, no environment.

GitHub signs only the body. The event name and the delivery id are the sender's claims, so a name that does not fit its
body gives `Ignored`, and an id that is not a plain token is replaced by the body's digest.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated
from urllib.parse import parse_qs

from msgspec import Meta, Struct

from bot.domain.change import Repo, Subject
from bot.domain.errors import BadBody, BadSignature
from bot.domain.events import (
    ChangeMoved,
    ChecksMoved,
    Commented,
    Delivery,
    ForgeEvent,
    Ignored,
    IssueMoved,
    LabelsChanged,
    Pinged,
    Pushed,
)
from bot.forges.payload import GitRef, Id, Login, Sha, delivery_of, guarded, shaped


def read(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> tuple[Delivery, ForgeEvent]:
    """Authenticate a request and read it.

    Header names count in any case. Any of `secrets` may have signed; empty ones never count. Raises BadSignature before
    anything of the body is parsed, and BadBody for what is not a JSON object. Every other authentic body gives an
    event; what we do not act on, or what does not have the shape that its name promises, is `Ignored`.
    """
    given = {name.lower(): value for name, value in headers.items()}
    _authenticate(given.get("x-hub-signature-256", ""), body, secrets)
    name = given.get("x-github-event", "")
    delivery = delivery_of("github", given.get("x-github-delivery", ""), name, body)
    return delivery, _event(delivery.name, _payload(given.get("content-type", ""), body))


def event_of(delivery: Delivery) -> ForgeEvent:
    """Read a stored delivery once more; it was authenticated when it came in.

    The content type is not stored, but no JSON object begins like a form does.
    """
    form = delivery.body.startswith(b"payload=")
    return _event(delivery.name, _payload("application/x-www-form-urlencoded" if form else "", delivery.body))


_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")


def _authenticate(header: str, body: bytes, secrets: Sequence[str]) -> None:
    signature = _SIGNATURE.fullmatch(header)
    if signature is None:
        raise BadSignature("X-Hub-Signature-256 is missing or is not sha256=<64 hex digits>; set a secret on the hook")
    genuine = False
    for secret in filter(None, secrets):
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        genuine |= hmac.compare_digest(expected, signature[1])
    if not genuine:
        raise BadSignature("the signature fits none of our webhook secrets; compare the hook's secret with the setting")


def _payload(content_type: str, body: bytes) -> bytes:
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return body
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, max_num_fields=4, errors="strict")
    except ValueError as error:
        raise BadBody("the form cannot be read") from error
    if len(fields.get("payload", ())) != 1:
        raise BadBody("the form has no single field `payload`")
    return fields["payload"][0].encode()


def _event(name: str, payload: bytes) -> ForgeEvent:
    return guarded(name, payload, _READERS.get(name))


# --- the few fields that we read -------------------------------------------------------------------------------------
_FullName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}\Z")]


class _User(Struct):
    login: Login
    type: str = "User"


class _Repository(Struct):
    full_name: _FullName


class _Event(Struct):
    repository: _Repository
    sender: _User

    @property
    def repo(self) -> Repo:
        return Repo("github", self.repository.full_name)

    @property
    def by(self) -> str:
        return self.sender.login

    @property
    def by_bot(self) -> bool:
        return self.sender.type == "Bot" or self.sender.login.endswith("[bot]")


class _Label(Struct):
    name: str


class _Present(Struct):
    """Any object: only that it is there matters."""


class _Issue(Struct):
    number: Id
    pull_request: _Present | None = None


class _Comment(Struct):
    id: Id
    body: str


class _Head(Struct):
    sha: Sha


class _PullRequest(Struct):
    number: Id
    head: _Head
    merged: bool | None = None


class _CommentEvent(_Event):
    action: str
    issue: _Issue
    comment: _Comment


class _IssueEvent(_Event):
    action: str
    issue: _Issue
    label: _Label | None = None


class _PullRequestEvent(_Event):
    action: str
    pull_request: _PullRequest
    label: _Label | None = None


class _CheckRun(Struct):
    name: str
    head_sha: Sha


class _CheckSuite(Struct):
    head_sha: Sha


class _CheckRunEvent(_Event):
    check_run: _CheckRun


class _CheckSuiteEvent(_Event):
    check_suite: _CheckSuite


class _StatusEvent(_Event):
    sha: Sha
    context: str


class _PushEvent(_Event):
    ref: GitRef
    after: Sha
    deleted: bool = False


# --- one reader per event name --------------------------------------------------------------------------------------
def _issue_comment(payload: bytes) -> ForgeEvent:
    event = shaped(_CommentEvent, payload)
    if event.action != "created":
        return Ignored("only new comments are acted on")
    return Commented(
        subject=Subject(event.repo, "change" if event.issue.pull_request is not None else "issue", event.issue.number),
        comment=event.comment.id,
        by=event.by,
        by_bot=event.by_bot,
        text=event.comment.body,
    )


def _issues(payload: bytes) -> ForgeEvent:
    event = shaped(_IssueEvent, payload)
    if event.action in _LABELLING:
        return _labels_changed(event, Subject(event.repo, "issue", event.issue.number))
    if event.action not in ("opened", "closed", "reopened"):
        return Ignored("this action on an issue is not acted on")
    return IssueMoved(event.repo, event.issue.number, event.action, event.by)


def _pull_request(payload: bytes) -> ForgeEvent:
    event = shaped(_PullRequestEvent, payload)
    pull = event.pull_request
    if event.action in _LABELLING:
        return _labels_changed(event, Subject(event.repo, "change", pull.number))
    action = _CHANGE_ACTIONS.get(event.action)
    if action is None:
        return Ignored("this action on a pull request is not acted on")
    if action == "closed" and pull.merged:
        action = "merged"
    return ChangeMoved(event.repo, pull.number, action, pull.head.sha, event.by)


def _pull_request_review(payload: bytes) -> ForgeEvent:
    event = shaped(_PullRequestEvent, payload)
    pull = event.pull_request
    return ChangeMoved(event.repo, pull.number, "reviewed", pull.head.sha, event.by)


def _check_run(payload: bytes) -> ForgeEvent:
    event = shaped(_CheckRunEvent, payload)
    return ChecksMoved(event.repo, event.check_run.head_sha, event.check_run.name)


def _check_suite(payload: bytes) -> ForgeEvent:
    event = shaped(_CheckSuiteEvent, payload)
    return ChecksMoved(event.repo, event.check_suite.head_sha, "check suite")


def _status(payload: bytes) -> ForgeEvent:
    event = shaped(_StatusEvent, payload)
    return ChecksMoved(event.repo, event.sha, event.context)


def _push(payload: bytes) -> ForgeEvent:
    event = shaped(_PushEvent, payload)
    branch = event.ref.removeprefix("refs/heads/")
    if branch == event.ref:
        return Ignored("only pushes to branches are acted on")
    if event.deleted:
        return Ignored("a deleted branch is not acted on")
    return Pushed(event.repo, branch, event.after, event.by)


def _ping(payload: bytes) -> ForgeEvent:  # noqa: ARG001 - one signature for all readers
    return Pinged()


def _labels_changed(event: _IssueEvent | _PullRequestEvent, subject: Subject) -> ForgeEvent:
    if event.label is None:
        return Ignored("malformed: labelling without a label")
    return LabelsChanged(subject, event.label.name, event.action == "labeled", event.by)


_LABELLING = ("labeled", "unlabeled")
_CHANGE_ACTIONS = {
    "opened": "opened",
    "synchronize": "pushed",
    "closed": "closed",
    "reopened": "reopened",
    "edited": "edited",
    "ready_for_review": "ready",
    "converted_to_draft": "drafted",
}
_READERS: dict[str, Callable[[bytes], ForgeEvent]] = {
    "issue_comment": _issue_comment,
    "issues": _issues,
    "pull_request": _pull_request,
    "pull_request_review": _pull_request_review,
    "check_run": _check_run,
    "check_suite": _check_suite,
    "status": _status,
    "push": _push,
    "ping": _ping,
}
EVENTS = frozenset(_READERS)
"""What a hook has to send for all of this to be read."""
