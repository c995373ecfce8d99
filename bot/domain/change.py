"""Snapshots of what the forge holds, in words that both forges share.

Every value is a frozen dataclass of plain data. Times are seconds since the epoch, UTC. Text that people wrote is
untrusted and is carried as it is.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Self


class Role(StrEnum):
    """What a person may do in a repository, weakest first."""

    NONE = "none"
    READ = "read"
    TRIAGE = "triage"
    WRITE = "write"
    MAINTAIN = "maintain"
    ADMIN = "admin"

    def at_least(self, other: "Role") -> bool:
        """Tell whether this role includes the other one's rights."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, order=True)
class Repo:
    """One repository on one forge; `name` is the full path, such as `owner/name`."""

    forge: Literal["github", "gitlab"]
    name: str

    def __str__(self) -> str:
        return f"{self.forge}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the form that `str` writes; raises ValueError for anything else."""
        forge, _, name = text.partition(":")
        match forge:
            case "github" | "gitlab" if name:
                return cls(forge, name)
            case _:
                raise ValueError(f"not a repository: {text!r}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What people talk about: one issue or one change. A forge may count the two together or apart."""

    repo: Repo
    kind: Literal["issue", "change"]
    number: int

    @property
    def mark(self) -> str:
        """Return what the forge's own markdown turns into a link: `#7`, and `!7` for a change on GitLab."""
        return f"{'!' if (self.repo.forge, self.kind) == ('gitlab', 'change') else '#'}{self.number}"

    def __str__(self) -> str:
        return f"{self.repo}{self.mark}"


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue as it stands."""

    repo: Repo
    number: int
    title: str
    body: str
    author: str
    state: Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class LabelSet:
    """A label that is on a change now, and who set it last (`event` is the forge's id of that act).

    `by_bot` tells whether that is an account of a program; None when the forge does not tell.
    """

    name: str
    by: str
    at: float
    event: str
    by_bot: bool | None


@dataclass(frozen=True, slots=True)
class Check:
    """One check run or commit status on a commit.

    `source` is the app or user that reported it. `state`: pending, success, failure (failed, cancelled, timed out,
    needs action), or neutral (neutral and skipped: neither good nor bad).
    """

    name: str
    state: Literal["pending", "success", "failure", "neutral"]
    source: str
    summary: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A proposed change (pull request or merge request) with what a decision needs, read at one moment.

    `committers` are the logins of all who wrote or committed one of its commits; "" among them stands for those whom
    the forge cannot name.
    """

    repo: Repo
    number: int
    title: str
    body: str
    author: str
    state: Literal["open", "closed", "merged"]
    branch: str
    base: str
    head_sha: str
    base_sha: str
    draft: bool
    mergeable: bool | None
    files: tuple[str, ...]
    labels: tuple[LabelSet, ...]
    committers: tuple[str, ...]
    merged_sha: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Ref:
    """A change at one exact head: what a permit for merging speaks of."""

    repo: Repo
    number: int
    head_sha: str


@dataclass(frozen=True, slots=True)
class Remote:
    """Where git fetches and pushes; `secret` goes in through git's own configuration, never into the address.

    `ca_file` names the certificates that the server's own is checked against, empty for the system's.
    """

    url: str
    username: str
    secret: str = field(repr=False)
    ca_file: str = ""


GATE = "journeyman/gate"
"""The name of the gate's own check or status on a commit."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the gate says about one commit, for the forge to show: state, one line, and markdown details."""

    state: Literal["pending", "success", "failure"]
    title: str
    summary: str
