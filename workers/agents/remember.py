"""Tool results that are shown once and stay: a restarted agent sees what it saw before, so no model is paid twice."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from json import dumps, loads
from typing import Any

from bot.ports import Memo, ToolSpec
from workers.agents.loop import Outcome, ToolBox


@dataclass(frozen=True, slots=True)
class Remembered:
    """An outcome as it was first seen."""

    content: str
    is_error: bool
    refused: bool
    code: str


class RememberingTools:
    """A tool box whose calls are always made, and whose first outcomes are kept in `memo` under `scope`.

    A restart begins with a fresh workspace, so the calls must happen again to rebuild it; but a test run that prints
    another duration would make every later question new. What the work is worth is proven after it, not here.
    """

    def __init__(self, tools: ToolBox, memo: Memo, scope: str) -> None:
        self._tools = tools
        self._memo = memo
        self._scope = scope
        self._calls = 0

    def specs(self) -> Sequence[ToolSpec]:
        """Return the tools of the box."""
        return self._tools.specs()

    def call(self, name: str, arguments: dict[str, Any], /) -> Outcome:
        """Call the tool, and return what the same call in the same place returned first."""
        self._calls += 1
        text = dumps([name, arguments], sort_keys=True)
        key = f"tool:{self._calls}:{sha256(text.encode()).hexdigest()}"
        fresh = self._tools.call(name, arguments)
        kept = self._memo.recall(self._scope, key)
        if kept is not None:
            return Remembered(**loads(kept))
        seen = Remembered(fresh.content, fresh.is_error, fresh.refused, fresh.code)
        self._memo.remember(self._scope, key, dumps(asdict(seen)).encode())
        return seen
