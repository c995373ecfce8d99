"""What people do on a forge, each with a token of their own, through the forge's REST API."""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import requests

from bot.domain.change import Repo, Subject
from bot.domain.errors import JourneymanError


class StoryFailed(JourneymanError):
    """What was waited for did not come; the message says where it stopped and why."""


Gate = Literal["permitted", "blocked", "missing"]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A change as people see it in the list."""

    number: int
    branch: str
    head_sha: str
    state: Literal["open", "closed", "merged"]
    page: str


@dataclass(frozen=True, slots=True)
class Said:
    """A comment as people see it."""

    author: str
    text: str


class People(Protocol):
    """What people do in one repository. Every act raises StoryFailed when the forge refuses it."""

    def open_issue(self, who: str, title: str, body: str) -> int:
        """Open an issue; returns its number."""
        ...

    def say(self, who: str, subject: Subject, text: str) -> int:
        """Comment; returns the comment's id."""
        ...

    def reword(self, who: str, subject: Subject, comment: int, text: str) -> None:
        """Edit a comment."""
        ...

    def label(self, who: str, change: int, name: str, *, on: bool) -> None:
        """Set a label on a change, or take it off."""
        ...

    def comments(self, subject: Subject) -> list[Said]:
        """Return what people and bots said, the oldest first."""
        ...

    def reactions(self, subject: Subject, comment: int) -> list[str]:
        """Return the reactions to a comment."""
        ...

    def changes(self) -> list[Proposed]:
        """Return every change of the repository, the latest first."""
        ...

    def gate(self, sha: str) -> Gate:
        """Return what the forge shows of the gate on a commit."""
        ...

    def issue_is_open(self, number: int) -> bool: ...

    def set_issue(self, who: str, number: int, *, is_open: bool) -> None:
        """Open or close an issue."""
        ...

    def close_change(self, who: str, change: int) -> None: ...

    def merge(self, who: str, change: int) -> None:
        """Merge a change by hand, squashed."""
        ...

    def report(self, who: str, sha: str, name: str, state: Literal["pending", "success", "failure"]) -> None:
        """Set a commit status, as a CI of one's own does."""
        ...

    def commit(self, who: str, branch: str, files: dict[str, str | None]) -> str:
        """Commit files on a branch (None takes one away); returns the new head."""
        ...

    def head(self, branch: str) -> str: ...

    def issue_page(self, number: int) -> str: ...


@dataclass(slots=True)
class Caller:
    """Calls the REST API of a forge as the people whose tokens are given."""

    repo: Repo
    root: str
    tokens: dict[str, str]
    looker: str
    seconds: float = field(default=10.0, kw_only=True)

    def headers(self, who: str) -> dict[str, str]:
        """Return how a person's token is shown."""
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    def call(self, who: str, method: str, path: str, **body: object) -> Any:
        """Call as a person; `path` is below the repository's. Raises StoryFailed when the forge refuses."""
        url = f"{self.root}/{path}"
        answer = requests.request(method, url, json=body or None, headers=self.headers(who), timeout=self.seconds)
        if not answer.ok:
            raise StoryFailed(f"{who} could not {method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def look(self, path: str) -> Any:
        """Read something as somebody who may see it."""
        return self.call(self.looker, "GET", path)
