"""An intent: what is wanted, where, by whom, under which constraints."""

from dataclasses import dataclass
from typing import Literal

from bot.domain.change import Repo


@dataclass(frozen=True, slots=True)
class Intent:
    """A request in normal form. `title` and `text` were written by people and are untrusted.

    `mode` is `review` (do the work, a human approves the result) or `approval` (a human approves the plan first).
    `cause` is the id of the delivery that asked. `comment` is the forge's id of the comment, None when the issue
    text itself asked.
    """

    kind: Literal["fix"]
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
