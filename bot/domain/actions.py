"""Typed side effects and the frozen, digestible list of them that a human can approve."""

from dataclasses import asdict, dataclass
from hashlib import sha256
from json import dumps
from typing import Literal

from bot.domain.graph import TaskGraph


@dataclass(frozen=True, slots=True)
class Action:
    """One effect that a run may have on the forge, bound to one target."""

    kind: Literal["open_change", "comment", "set_status", "merge", "close_issue"]
    target: str


@dataclass(frozen=True, slots=True)
class ActionPlan:
    """The executable action plan: what will be done, on which base commit, within which bounds."""

    run: str
    base_sha: str
    graph: TaskGraph
    actions: tuple[Action, ...]

    @property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of the plan's canonical JSON: what an approval names."""
        text = dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return sha256(text.encode()).hexdigest()
