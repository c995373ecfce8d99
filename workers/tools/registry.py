"""The tool box: a closed set of tools, validated, counted and bounded. Nothing that a model does raises here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from bot.ports import Limits, Sandbox, ToolSpec
from workers.tools.commands import COMMAND_TOOLS
from workers.tools.contracts import Room, Tool, ToolFailure, ToolOutcome
from workers.tools.files import FILE_TOOLS
from workers.tools.finishing import FINISH_TOOLS
from workers.tools.output import cut
from workers.tools.testing import TEST_TOOLS

TOOLS: tuple[Tool, ...] = (*FILE_TOOLS, *COMMAND_TOOLS, *TEST_TOOLS, *FINISH_TOOLS)


@dataclass(frozen=True, slots=True)
class BoxBounds:
    """How much one tool box gives out: calls, characters in all answers together, characters in one answer."""

    calls: int = 300
    output_chars: int = 2_000_000
    answer_chars: int = 24_000


class ToolBox:
    """The tools for one task in one workspace. Not for use by several threads at once.

    `limits` bound each sandboxed command. `protected` are patterns (as in .gitignore) that may not be written; `.git`
    never may. Every call counts, also one that is refused; only `finish` is always possible.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        workspace: Path,
        limits: Limits | None = None,
        *,
        bounds: BoxBounds | None = None,
        protected: Sequence[str] = (),
        tools: Sequence[Tool] = TOOLS,
    ) -> None:
        self._room = Room(sandbox, workspace, limits or Limits(), tuple(protected))
        self._bounds = bounds or BoxBounds()
        self._tools = {tool.name: tool for tool in tools}
        self._validators = {tool.name: Draft202012Validator(tool.schema) for tool in tools}
        self.calls = 0
        self.output_chars = 0

    def specs(self) -> tuple[ToolSpec, ...]:
        """Return the tools as shown to a model."""
        return tuple(tool.spec() for tool in self._tools.values())

    def call(self, name: str, arguments: dict[str, Any]) -> ToolOutcome:
        """Call a tool. Raises only for what is no model's doing: SandboxUnavailable, or a full disk (OSError)."""
        self.calls += 1
        try:
            outcome = self._call(name, arguments)
        except ToolFailure as failure:
            outcome = ToolOutcome(f"{failure.code}: {failure}", True, failure.code, failure.refused)
        content = cut(outcome.content, self._bounds.answer_chars)
        self.output_chars += len(content)
        return ToolOutcome(content, outcome.is_error, outcome.code, outcome.refused, outcome.report)

    def _call(self, name: str, arguments: dict[str, Any]) -> ToolOutcome:
        tool = self._tools.get(name)
        if tool is None:
            known = ", ".join(self._tools)
            raise ToolFailure("unknown_tool", f"there is no tool {str(name)[:100]!r}; there are {known}")
        if name != "finish":
            self._afford()
        _refuse_odd_text(arguments)
        problem = next(iter(self._validators[name].iter_errors(arguments)), None)
        if problem is not None:
            where = ".".join(map(str, problem.absolute_path)) or "the arguments"
            raise ToolFailure("invalid_arguments", f"{where[:100]}: {cut(problem.message, 300)}")
        # To JSON Schema 3.0 is a whole number; to Python it is no index.
        whole = {key: int(value) if isinstance(value, float) else value for key, value in arguments.items()}
        return tool.run(self._room, whole)

    def _afford(self) -> None:
        if self.calls > self._bounds.calls:
            message = f"all {self._bounds.calls} calls of this task are used up; call finish"
        elif self.output_chars >= self._bounds.output_chars:
            message = f"all {self._bounds.output_chars} characters of output of this task are used up; call finish"
        else:
            return
        raise ToolFailure("budget_spent", message, refused=True)


def _refuse_odd_text(value: Any, depth: int = 0) -> None:
    """Refuse what no program can be given: null characters, halves of surrogate pairs, and endless nesting."""
    if depth > 8:
        raise ToolFailure("invalid_arguments", "the arguments are nested too deeply")
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise ToolFailure("invalid_arguments", "a text holds a null character or half of a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_odd_text(key, depth + 1)
            _refuse_odd_text(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _refuse_odd_text(item, depth + 1)
