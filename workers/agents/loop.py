"""The agent loop: ask, call tools, ask again, until the model finishes or a bound is met."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json import dumps
from time import monotonic
from typing import Any, Literal, Protocol

from bot.domain.errors import ModelError
from bot.ports import Answer, Ask, Model, Text, ToolCall, ToolResult, ToolSpec, Turn
from workers.agents.window import window
from workers.models.errors import BudgetSpent
from workers.tools.output import cut

Code = Literal["finished", "turns", "time", "refusal", "model_error", "no_tool_use", "repeated", "budget"]
FINISH = ToolSpec(
    "finish",
    "End the work. Say what was wrong, what you changed and what you ran, or what stands in the way.",
    {
        "type": "object",
        "properties": {"summary": {"type": "string", "description": "Two or three sentences."}},
        "required": ["summary"],
        "additionalProperties": False,
    },
)
NUDGE = "You called no tool. Words alone do nothing: call a tool now, or `finish` when the work is done."
NUDGE_LENGTH = "Your answer was cut off by the token limit. Make it shorter: one tool call, with small arguments."
STALE = "You have made these calls before. The same call has the same result: do something different, or `finish`."
SKIPPED = "Not called: the work had already ended in this turn."
TOO_MANY = "Not called: too many calls in one turn. Make the rest in the next one."


class Outcome(Protocol):
    """What a tool box answers to a call; `code` is "" when the call went well."""

    @property
    def content(self) -> str: ...
    @property
    def is_error(self) -> bool: ...
    @property
    def refused(self) -> bool: ...
    @property
    def code(self) -> str: ...


class ToolBox(Protocol):
    """The closed set of tools that an agent has. Unknown tools and bad arguments are outcomes, not exceptions."""

    def specs(self) -> Sequence[ToolSpec]:
        """Return the tools as shown to the model."""
        ...

    def call(self, name: str, arguments: dict[str, Any], /) -> Outcome:
        """Call a tool within the tool's own bounds."""
        ...


@dataclass(frozen=True, slots=True)
class LoopLimits:
    """Bounds of the whole loop, of one question, one turn and one result.

    `stale_turns` turns without any new call end the loop. Where the transcript is longer than `window_chars`, old tool
    results are left out of the questions; the transcript in the result is always whole.
    """

    max_turns: int = 40
    max_seconds: float = 600.0
    ask_seconds: float = 180.0
    max_tokens: int = 8192
    result_chars: int = 30_000
    window_chars: int = 240_000
    stale_turns: int = 5
    calls_a_turn: int = 20


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A tool was called in a turn (from 1); `code` is the outcome's, "" when it went well."""

    turn: int
    name: str
    code: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """The model answered in a turn."""

    turn: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Nudged:
    """The model was told to use a tool, or something new."""

    turn: int
    words: str


LoopEvent = Answered | ToolUsed | Nudged


@dataclass(frozen=True, slots=True)
class LoopResult:
    """How the loop ended. `summary` is the model's own word when finished (untrusted), else ours."""

    finished: bool
    summary: str
    turns: int
    code: Code
    transcript: tuple[Turn, ...] = ()


class _Ended(Exception):
    """Ends the loop from any depth; never leaves this module."""

    def __init__(self, code: Code, summary: str) -> None:
        super().__init__(summary)
        self.code: Code = code
        self.summary = summary


class AgentLoop:
    """One agent at work on one task. Refused calls, and calls of tools that do not exist, are data to the model and are
    told to `on_refused(tool, reason)`; after a restart they are told again.

    Errors of the tool box itself (no sandbox, lease lost) pass through; everything a model can do ends in a result.
    """

    def __init__(
        self,
        model: Model,
        tools: ToolBox,
        limits: LoopLimits = LoopLimits(),
        on_event: Callable[[LoopEvent], None] | None = None,
        on_refused: Callable[[str, str], None] | None = None,
    ) -> None:
        self.model = model
        self.tools = tools
        self.limits = limits
        self.on_event = on_event or (lambda _event: None)
        self.on_refused = on_refused or (lambda _tool, _reason: None)
        specs = tuple(tools.specs())
        self.own_finish = all(spec.name != FINISH.name for spec in specs)
        self.specs = (*specs, FINISH) if self.own_finish else specs

    def run(self, task_prompt: str, system: str = "") -> LoopResult:
        """Work until the model finishes or a bound is met."""
        work = _Work(self, task_prompt, system)
        try:
            while True:
                work.turn()
        except _Ended as end:
            return LoopResult(end.code == "finished", end.summary, work.number, end.code, tuple(work.turns))


class _Work:
    """One run of a loop: the transcript so far and what was seen in it."""

    def __init__(self, loop: AgentLoop, prompt: str, system: str) -> None:
        self._loop = loop
        self._limits = loop.limits
        self._system = system
        self._until = monotonic() + loop.limits.max_seconds
        self._seen: set[str] = set()
        self._stale: list[bool] = []
        self._nudged = False
        self.turns = [Turn("user", (Text(prompt),))]
        self.number = 0

    def turn(self) -> None:
        """Ask once and do what was answered; raises _Ended."""
        if self.number >= self._limits.max_turns:
            raise _Ended("turns", f"The agent did not finish within {self._limits.max_turns} turns.")
        answer = self._ask()
        self.number += 1
        self.turns.append(answer.turn)
        self._loop.on_event(Answered(self.number, answer))
        calls = [part for part in answer.turn.parts if isinstance(part, ToolCall)]
        if answer.stop in ("refusal", "filtered"):
            why = answer.detail or _words(answer) or "it gave no reason"
            raise _Ended("refusal", f"The model refused the task: {why[:500]}")
        if calls:
            self._call_all(calls)
        else:
            self._nudge(answer)

    def _ask(self) -> Answer:
        left = self._until - monotonic()
        if left <= 0:
            raise self._late()
        shown = window(self.turns, self._limits.window_chars)
        ask = Ask(self._system, shown, self._loop.specs, self._limits.max_tokens, self._nudged)
        try:
            return self._loop.model.ask(ask, deadline=min(left, self._limits.ask_seconds))
        except BudgetSpent as error:
            raise _Ended("budget", str(error)) from error
        except ModelError as error:
            if monotonic() >= self._until:
                raise _Ended("time", f"The time was over while the model was asked: {error}") from error
            raise _Ended("model_error", str(error)) from error

    def _late(self) -> _Ended:
        return _Ended("time", f"The agent did not finish within {self._limits.max_seconds:.0f} seconds.")

    def _nudge(self, answer: Answer) -> None:
        if self._nudged:
            said = _words(answer)
            raise _Ended("no_tool_use", f"The model used no tool although it was told to. It said: {said[:500]}")
        self._nudged = True
        words = NUDGE_LENGTH if answer.stop == "length" else NUDGE
        self.turns.append(Turn("user", (Text(words),)))
        self._loop.on_event(Nudged(self.number, words))

    def _call_all(self, calls: Sequence[ToolCall]) -> None:
        self._nudged = False
        results: list[ToolResult] = []
        ended: _Ended | None = None
        unusable = True
        for number, call in enumerate(calls):
            if monotonic() >= self._until:
                ended = ended or self._late()
            if ended or number >= self._limits.calls_a_turn:
                why = SKIPPED if ended else TOO_MANY
                results.append(ToolResult(call.id, call.name, why, is_error=True))
                continue
            content, code, ended = self._call(call)
            unusable = unusable and code in ("invalid_arguments", "unknown_tool")
            results.append(ToolResult(call.id, call.name, self._fitting(content), is_error=bool(code)))
        self.turns.append(Turn("user", tuple(results)))
        if ended:
            raise ended
        self._watch_for_circles(calls, unusable=unusable)

    def _call(self, call: ToolCall) -> tuple[str, str, _Ended | None]:
        """Return what the model is told, the error code ("" for none), and the end where this call is it."""
        if call.error:
            self._used(call, "invalid_arguments", refused=False)
            return f"invalid_arguments: {call.error}", "invalid_arguments", None
        if call.name == FINISH.name and self._loop.own_finish:
            summary = call.arguments.get("summary")
            if not isinstance(summary, str):
                self._used(call, "invalid_arguments", refused=False)
                return "invalid_arguments: `summary` must be text", "invalid_arguments", None
            self._used(call, "", refused=False)
            return "Finished.", "", _Ended("finished", summary)
        outcome = self._loop.tools.call(call.name, call.arguments)
        code = (outcome.code or "error") if outcome.is_error or outcome.refused else ""
        self._used(call, code, refused=outcome.refused)
        if outcome.refused or code == "unknown_tool":
            told = outcome.content if outcome.content.startswith(code) else f"{code}: {outcome.content}"
            self._loop.on_refused(call.name, told[:1000])
        if call.name == FINISH.name and not code:
            return outcome.content, "", _Ended("finished", str(call.arguments.get("summary", outcome.content)))
        return outcome.content, code, None

    def _used(self, call: ToolCall, code: str, *, refused: bool) -> None:
        self._loop.on_event(ToolUsed(self.number, call.name, code, refused))

    def _watch_for_circles(self, calls: Sequence[ToolCall], *, unusable: bool) -> None:
        """End the loop after some turns in which every call had been made before, and say so to the model midway."""
        made = {dumps([call.name, call.arguments, call.error], sort_keys=True) for call in calls}
        if made - self._seen:
            self._seen |= made
            self._stale = []
            return
        self._stale.append(unusable)
        if len(self._stale) >= self._limits.stale_turns:
            if all(self._stale):
                raise _Ended("model_error", "The model's tool calls cannot be used: unknown tools or broken arguments.")
            raise _Ended("repeated", f"The agent went round in circles: {len(self._stale)} turns with nothing new.")
        if len(self._stale) == self._limits.stale_turns // 2:
            self.turns[-1] = Turn("user", (*self.turns[-1].parts, Text(STALE)))
            self._loop.on_event(Nudged(self.number, STALE))

    def _fitting(self, content: str) -> str:
        limit = self._limits.result_chars
        return cut(content, limit, head=limit // 2)


def _words(answer: Answer) -> str:
    return " ".join(part.text for part in answer.turn.parts if isinstance(part, Text)).strip()
