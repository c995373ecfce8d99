"""An intent: what is wanted, where, by whom, under which constraints."""

from dataclasses import dataclass
from typing import Literal

from bot.domain.change import Repo, Subject


@dataclass(frozen=True, slots=True)
class Intent:
    """A request in normal form. `title` and `text` were written by people and are untrusted.

    `mode` is `review` (do the work, a human approves the result) or `approval` (a human approves the plan first).
    `cause` is the id of the delivery that asked. `comment` is the forge's id of the comment, None when the issue
    text itself asked. To `revise` is to put one more commit on the bot's own `change`: `base` is then its branch, and
    `target` the branch that it goes to, whose policy counts.
    """

    kind: Literal["fix", "revise"]
    repo: Repo
    issue: int
    title: str
    text: str
    requester: str
    base: str
    base_sha: str
    mode: Literal["review", "approval"]
    cause: str
    comment: int | None = None
    change: int | None = None
    target: str = ""

    @property
    def subject(self) -> Subject:
        """Return where people look for what comes of it."""
        if self.change is not None:
            return Subject(self.repo, "change", self.change)
        return Subject(self.repo, "issue", self.issue)
