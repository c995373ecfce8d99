"""Forge events: the closed union that both webhook readers produce. A hint of what happened, never proof of it."""

from dataclasses import dataclass

from bot.domain.change import Repo, Subject


@dataclass(frozen=True, slots=True)
class Commented:
    """Somebody wrote a new comment on an issue or a change."""

    subject: Subject
    comment: int
    by: str
    by_bot: bool
    text: str


@dataclass(frozen=True, slots=True)
class LabelsChanged:
    """A label was set on or taken from an issue or a change."""

    subject: Subject
    label: str
    added: bool
    by: str


@dataclass(frozen=True, slots=True)
class ChecksMoved:
    """A check run or commit status of a commit changed; the forge must be asked what it says now."""

    repo: Repo
    sha: str
    name: str


@dataclass(frozen=True, slots=True)
class ChangeMoved:
    """A change was opened, pushed to, edited, closed, reopened, merged or reviewed."""

    repo: Repo
    number: int
    action: str
    head_sha: str
    by: str


@dataclass(frozen=True, slots=True)
class IssueMoved:
    """An issue was opened, closed or reopened."""

    repo: Repo
    number: int
    action: str
    by: str


@dataclass(frozen=True, slots=True)
class Pushed:
    """A branch moved."""

    repo: Repo
    branch: str
    sha: str
    by: str


@dataclass(frozen=True, slots=True)
class Pinged:
    """The forge tests the hook."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """An authentic delivery of no interest; `reason` says why."""

    reason: str


ForgeEvent = Commented | LabelsChanged | ChecksMoved | ChangeMoved | IssueMoved | Pushed | Pinged | Ignored


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook request as received: `id` and `name` are the sender's claims, `digest` is of the signed body."""

    id: str
    forge: str
    name: str
    digest: str
    body: bytes
