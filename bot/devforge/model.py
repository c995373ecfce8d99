"""What a forge holds: plain records that `acts` changes and `shapes` writes down. Times are seconds since the epoch."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from bot.devforge.gitrepo import GitRepo
from bot.domain.change import Role


@dataclass(slots=True)
class User:
    """A person or, with `app` set to the app's slug, a bot; a bot's login ends in `[bot]`."""

    id: int
    login: str
    created: float
    app: str | None = None
    state: Literal["active", "blocked"] = "active"

    @property
    def is_bot(self) -> bool:
        return self.app is not None

    @property
    def is_account(self) -> bool:
        """Tell an account from a group inside another, which only has a path."""
        return "/" not in self.login


@dataclass(frozen=True, slots=True)
class Token:
    """A credential. `access` caps what it may do below the role of its user; on GitLab its `scopes` do.

    `expires` is the day, such as 2026-01-31, on which it is no longer taken.
    """

    value: str
    user: User
    access: Role
    id: int = 0
    name: str = "token"
    kind: Literal["personal", "oauth"] = "personal"
    scopes: tuple[str, ...] = ()
    created: float = 0.0
    expires: str | None = None
    revoked: bool = False

    def expired(self, now: float) -> bool:
        return self.expires is not None and self.expires <= datetime.fromtimestamp(now, tz=UTC).date().isoformat()

    def good(self, now: float) -> bool:
        """Tell whether the credential is still taken."""
        return not self.revoked and not self.expired(now)


@dataclass(slots=True)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"
    description: str = ""


@dataclass(slots=True)
class Reaction:
    """A reaction of one user to one comment."""

    id: int
    user: User
    content: str
    created: float


@dataclass(slots=True)
class Thread:
    """What comments on one matter have in common on GitLab; `position` is the place in the diff that it is about."""

    id: str
    position: dict[str, Any] | None = None
    resolved_by: User | None = None
    resolved: float | None = None


@dataclass(slots=True)
class Comment:
    """A comment on an issue or a change; on GitLab also one that the forge wrote itself, or one for members only."""

    id: int
    author: User
    body: str
    created: float
    updated: float
    reactions: list[Reaction] = field(default_factory=list)
    system: bool = False
    internal: bool = False
    thread: Thread | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of an issue's history, such as `labeled` or `closed`."""

    id: int
    kind: str
    actor: User
    at: float
    label: Label | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A review of a change."""

    id: int
    author: User
    body: str
    state: str
    commit: str
    at: float


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's approval of a change, and the head that they saw."""

    by: User
    head: str
    at: float


@dataclass(slots=True)
class ChangePart:
    """What an issue has more of when it is a change (a pull request) between two branches of one repository."""

    id: int
    head: str
    base: str
    head_sha: str
    base_sha: str
    draft: bool = False
    merged_at: float | None = None
    merged_by: User | None = None
    merged_sha: str | None = None
    squash_sha: str | None = None
    reviews: list[Review] = field(default_factory=list)
    approvals: list[Approval] = field(default_factory=list)
    unchecked: int = 0
    squash: bool = False
    remove_head: bool = False


@dataclass(slots=True)
class Issue:
    """An issue, or a change when `change` is set; both share one row of numbers."""

    id: int
    number: int
    title: str
    body: str
    author: User
    created: float
    updated: float
    state: Literal["open", "closed"] = "open"
    closed: float | None = None
    closed_by: User | None = None
    labels: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    history: list[Happened] = field(default_factory=list)
    change: ChangePart | None = None


@dataclass(slots=True)
class CheckRun:
    """A check run on a commit, by an app."""

    id: int
    sha: str
    name: str
    app: str
    started: float
    status: str = "queued"
    conclusion: str | None = None
    completed: float | None = None
    external_id: str = ""
    details_url: str = ""
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[dict[str, Any]] = field(default_factory=list)
    pipeline: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """A commit status."""

    id: int
    sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: User
    created: float
    pipeline: int = 0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline of GitLab's on a commit; what is in it names it."""

    id: int
    iid: int
    sha: str
    ref: str
    source: str
    by: User
    created: float


@dataclass(slots=True)
class Delivery:
    """One attempt to send one webhook and what came of it; `code` 0 means that no answer came."""

    id: int
    guid: str
    event: str
    action: str | None
    body: bytes
    at: float
    redelivery: bool = False
    duration: float = 0.0
    status: str = "pending"
    code: int = 0
    sent_headers: dict[str, str] = field(default_factory=dict)
    got_headers: dict[str, str] = field(default_factory=dict)
    got_body: str = ""


@dataclass(slots=True)
class Hook:
    """A webhook of a repository; the latest thousand deliveries are kept. GitLab signs with `signing` (whsec_...)."""

    id: int
    url: str
    secret: str
    events: tuple[str, ...]
    created: float
    active: bool = True
    failures: int = 0
    disabled_until: float | None = None
    signing: str = ""
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=1000))


@dataclass(frozen=True, slots=True)
class Protection:
    """A branch's protection: no direct pushes, these check or status names green before a merge, and who merges."""

    contexts: tuple[str, ...] = ()
    mergers: Role = Role.WRITE


@dataclass(slots=True)
class Repository:
    """A repository and everything in it.

    `changes` is the row of numbers that changes are in: on GitHub that of the issues, on GitLab one of their own.
    """

    id: int
    owner: User
    name: str
    git: GitRepo
    created: float
    private: bool = False
    description: str = ""
    default_branch: str = "main"
    pushed: float = 0.0
    roles: dict[str, Role] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    checks: list[CheckRun] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    pipelines: list[Pipeline] = field(default_factory=list)
    hooks: dict[int, Hook] = field(default_factory=dict)
    protected: dict[str, Protection] = field(default_factory=dict)
    changes: dict[int, Issue] = field(default_factory=dict)
    only_green: bool = False
    only_resolved: bool = False
    merge_method: Literal["merge", "rebase_merge", "ff"] = "merge"
    squash_option: Literal["never", "always", "default_on", "default_off"] = "default_off"

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    def role(self, user: User | None) -> Role:
        """Return what a user may do here; anybody reads a public repository."""
        least = Role.NONE if self.private else Role.READ
        if user is None:
            return least
        own = Role.ADMIN if user.login == self.owner.login else self.roles.get(user.login, Role.NONE)
        return own if own.at_least(least) else least

    def comment(self, comment_id: int) -> tuple[Issue, Comment] | None:
        """Find a comment and the issue that it is on."""
        for issue in (*self.issues.values(), *self.changes.values()):
            for comment in issue.comments:
                if comment.id == comment_id:
                    return issue, comment
        return None
