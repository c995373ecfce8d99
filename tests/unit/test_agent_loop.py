"""The agent loop: how it ends, what the model is told, and what it costs to start again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.domain.errors import SandboxUnavailable
from bot.ports import Answer, Ask, Text, ToolCall, ToolResult, ToolSpec, Turn
from tests.scripted_model import ScriptedModel
from workers.agents.loop import AgentLoop, LoopEvent, LoopLimits, LoopResult, Nudged, ToolUsed
from workers.agents.remember import RememberingTools
from workers.agents.window import STEP, window
from workers.models.budget import Budget
from workers.models.gateway import Gateway, Patience
from workers.models.script import parse

SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}}
FAST = Patience(attempts=2, first_wait=0.001, longest_wait=0.002)


@dataclass(frozen=True)
class Told:
    content: str
    is_error: bool = False
    refused: bool = False
    code: str = ""


@dataclass
class Box:
    """A small tool box: reads count upwards, `git.push` is refused, others are unknown."""

    extra: tuple[ToolSpec, ...] = ()
    made: list[str] = field(default_factory=list)

    def specs(self) -> Sequence[ToolSpec]:
        return (ToolSpec("files.read", "Read.", SCHEMA), ToolSpec("git.push", "Push.", SCHEMA), *self.extra)

    def call(self, name: str, arguments: dict[str, Any], /) -> Told:
        self.made.append(name)
        match name:
            case "files.read":
                return Told(f"{len(self.made)}: {arguments.get('path')}")
            case "git.push":
                return Told("no credential leaves the broker", is_error=True, refused=True, code="network")
            case "sandbox.gone":
                raise SandboxUnavailable("no sandbox")
            case "finish":
                return Told("nothing was changed", is_error=True, code="no_change")
            case _:
                return Told(f"unknown_tool: {name}", is_error=True, code="unknown_tool")


@dataclass
class Memory:
    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def recall(self, scope: str, key: str) -> bytes | None:
        return self.kept.get((scope, key))

    def remember(self, scope: str, key: str, value: bytes) -> None:
        self.kept.setdefault((scope, key), value)


@dataclass
class Watched:
    """A scripted model that keeps the questions."""

    inner: ScriptedModel
    asked: list[Ask] = field(default_factory=list)

    def ask(self, ask: Ask, *, deadline: float) -> Answer:
        self.asked.append(ask)
        return self.inner.ask(ask, deadline=deadline)


def read(path: str = "a") -> dict[str, Any]:
    return {"name": "files.read", "arguments": {"path": path}}


def finish(summary: str = "done") -> dict[str, Any]:
    return {"calls": [{"name": "finish", "arguments": {"summary": summary}}]}


DEFAULT = LoopLimits()


def play(turns: Any, limits: LoopLimits = DEFAULT, box: Box | None = None) -> tuple[LoopResult, list[LoopEvent]]:
    events: list[LoopEvent] = []
    loop = AgentLoop(ScriptedModel(parse(turns)), box or Box(), limits, events.append)
    return loop.run("Fix it."), events


def results(result: LoopResult) -> list[ToolResult]:
    return [part for turn in result.transcript for part in turn.parts if isinstance(part, ToolResult)]


def test_it_works_until_the_model_finishes() -> None:
    result, events = play([{"say": "I look.", "calls": [read("a"), read("b")]}, finish("fixed it")])
    assert (result.finished, result.code, result.summary, result.turns) == (True, "finished", "fixed it", 2)
    assert [one.content for one in results(result)] == ["1: a", "2: b", "Finished."]
    assert [event.name for event in events if isinstance(event, ToolUsed)] == ["files.read", "files.read", "finish"]


def test_calls_after_finish_are_not_made() -> None:
    box = Box()
    result, _ = play([{"calls": [*finish()["calls"], read()]}], box=box)
    assert result.finished
    assert box.made == []
    assert results(result)[1].is_error


def test_a_finish_of_the_box_decides_itself() -> None:
    box = Box(extra=(ToolSpec("finish", "End.", SCHEMA),))
    result, _ = play({"turns": [finish("nothing"), finish("still nothing")], "repeat": 100}, box=box)
    assert not result.finished
    assert result.code == "repeated"
    assert "finish" in box.made


def test_a_finish_without_a_summary_is_an_error_for_the_model() -> None:
    result, _ = play([{"calls": [{"name": "finish", "arguments": {}}]}, finish("now")])
    assert (result.summary, results(result)[0].is_error) == ("now", True)


def test_turns_are_bounded() -> None:
    turns = [{"calls": [read(str(number))]} for number in range(50)]
    result, _ = play(turns, LoopLimits(max_turns=7))
    assert (result.code, result.turns, result.finished) == ("turns", 7, False)


def test_time_is_bounded() -> None:
    result, _ = play([{"calls": [read()]}], LoopLimits(max_seconds=0.0))
    assert (result.code, result.turns) == ("time", 0)


@pytest.mark.parametrize("calls", [[["a"]], [["a"], ["b"]], [["a", "b"], ["b"]]])
def test_going_round_in_circles_ends(calls: list[list[str]]) -> None:
    turns = [{"calls": [read(path) for path in paths]} for paths in calls]
    result, events = play({"turns": turns, "repeat": 10_000})
    assert result.code == "repeated"
    assert result.turns < 10
    assert any(isinstance(event, Nudged) for event in events)


def test_something_new_ends_a_circle() -> None:
    turns = [{"calls": [read("same")]}, {"calls": [read("same")]}]
    result, _ = play([*turns, {"calls": [read("new")]}, *turns, *turns, finish()])
    assert result.finished


@pytest.mark.parametrize(
    "turn", [{"raw_call": {"tool": "files.read", "args": "{"}}, {"call": {"tool": "nope", "args": {"a": 1}}}]
)
def test_calls_that_cannot_be_used_are_the_models_fault(turn: Any) -> None:
    result, events = play({"turns": [turn], "repeat": 50})
    assert result.code == "model_error"
    assert {event.code for event in events if isinstance(event, ToolUsed)} <= {"invalid_arguments", "unknown_tool"}
    assert all(one.is_error for one in results(result))


def test_words_without_a_tool_are_nudged_once() -> None:
    result, events = play([{"say": "All tests pass"}, finish()])
    assert result.finished
    assert sum(isinstance(event, Nudged) for event in events) == 1
    result, _ = play([{"say": "All tests pass"}, {"say": "Really"}])
    assert (result.code, "Really" in result.summary) == ("no_tool_use", True)


def test_the_nudge_forces_a_tool() -> None:
    model = Watched(ScriptedModel(parse([{"say": "hm"}, finish()])))
    AgentLoop(model, Box()).run("Fix it.")
    assert [ask.force_tool for ask in model.asked] == [False, True]
    assert "finish" in [spec.name for spec in model.asked[0].tools]


@pytest.mark.parametrize("word", ["refusal", "content_filter"])
def test_a_refusal_ends_it(word: str) -> None:
    result, _ = play([{"say": "I will not.", "stop_reason": word}])
    assert (result.code, "I will not." in result.summary) == ("refusal", True)


def test_a_cut_answer_is_nudged_to_be_shorter() -> None:
    result, events = play([{"say": "long", "stop_reason": "max_tokens"}, finish()])
    assert result.finished
    assert ["token limit" in event.words for event in events if isinstance(event, Nudged)] == [True]


def test_refused_calls_are_data_and_are_told() -> None:
    refused: list[tuple[str, str]] = []
    script = parse([{"calls": [{"name": "git.push", "arguments": {}}]}, finish()])
    loop = AgentLoop(ScriptedModel(script), Box(), on_refused=lambda tool, reason: refused.append((tool, reason)))
    assert loop.run("Fix it.").finished
    assert refused == [("git.push", "network: no credential leaves the broker")]


def test_a_tool_that_must_not_exist_is_told_as_refused() -> None:
    refused: list[tuple[str, str]] = []
    script = parse([{"call": {"tool": "forge.merge", "args": {}}}, finish()])
    loop = AgentLoop(ScriptedModel(script), Box(), on_refused=lambda tool, reason: refused.append((tool, reason)))
    assert loop.run("Fix it.").finished
    assert refused == [("forge.merge", "unknown_tool: forge.merge")]


def test_a_model_that_fails_is_a_result() -> None:
    gateway = Gateway([ScriptedModel(parse([{"http": {"status": 401}}]))], None, "s", Budget())
    result = AgentLoop(gateway, Box()).run("Fix it.")
    assert (result.code, "HTTP 401" in result.summary) == ("model_error", True)


def test_a_spent_budget_is_a_result() -> None:
    model = ScriptedModel(parse([{"calls": [read()]}, finish()]))
    result = AgentLoop(Gateway([model], None, "s", Budget(tokens=100)), Box()).run("Fix it.")
    assert (result.code, "budget" in result.summary) == ("budget", True)


def test_errors_of_the_box_itself_pass_through() -> None:
    model = ScriptedModel(parse([{"calls": [{"name": "sandbox.gone", "arguments": {}}]}]))
    with pytest.raises(SandboxUnavailable):
        AgentLoop(model, Box()).run("Fix it.")


def test_results_and_calls_are_bounded() -> None:
    turns = [{"calls": [read("x" * 500) for _ in range(30)]}, finish()]
    result, _ = play(turns, LoopLimits(result_chars=100, calls_a_turn=3))
    answered = results(result)
    assert len(answered) == 31
    assert all(len(one.content) < 160 for one in answered)
    assert [one.is_error for one in answered[:5]] == [False, False, False, True, True]


def test_a_restart_shows_what_was_seen_and_pays_nothing() -> None:
    memory, paid, script = Memory(), [], parse([{"calls": [read()]}, {"calls": [read("b")]}, finish()])
    for earlier_calls in (0, 3):
        box = Box(made=["earlier"] * earlier_calls)  # So the same calls would now return other words.
        gateway = Gateway(
            [ScriptedModel(script)], memory, "run/agent", Budget(), lambda *used: paid.append(used), patience=FAST
        )
        result = AgentLoop(gateway, RememberingTools(box, memory, "run/agent")).run("Fix it.")
        assert [one.content for one in results(result)] == ["1: a", "2: b", "Finished."]
        assert len(box.made) == earlier_calls + 2
    assert len(paid) == 3


def test_the_transcript_alternates() -> None:
    result, _ = play([{"say": "hm"}, {"calls": [read()]}, finish()])
    assert [turn.role for turn in result.transcript] == ["user", "assistant"] * 3 + ["user"]
    assert result.transcript[0] == Turn("user", (Text("Fix it."),))


def long_transcript(count: int) -> list[Turn]:
    turns = [Turn("user", (Text("task " * 100),))]
    for number in range(count):
        turns.append(Turn("assistant", (ToolCall(f"{number}", "files.read", {"path": f"{number}"}),)))
        turns.append(Turn("user", (ToolResult(f"{number}", "files.read", f"{number} " * 1000),)))
    return turns


def test_old_results_leave_the_window_first() -> None:
    turns = long_transcript(30)
    shown = window(turns, 60_000)
    assert len(shown) == len(turns)
    assert sum(len(part.content) for turn in shown for part in turn.parts if isinstance(part, ToolResult)) < 60_000
    assert (shown[0], shown[-STEP:]) == (turns[0], tuple(turns[-STEP:]))
    assert "left out" in str(shown[2])
    assert [turn.role for turn in shown] == [turn.role for turn in turns]


def test_a_window_that_is_wide_enough_changes_nothing() -> None:
    turns = long_transcript(5)
    assert window(turns, 1_000_000) == tuple(turns)
    assert window(turns[:1], 0) == tuple(turns[:1])


def test_the_beginning_of_the_window_is_steady() -> None:
    turns = long_transcript(40)
    heads = [window(turns[: 1 + 2 * count], 60_000)[: STEP * 2] for count in range(30, 40)]
    assert len({str(head) for head in heads}) <= 3


def test_a_long_run_is_asked_within_its_window() -> None:
    turns = [{"calls": [read(f"{number}" * 3000)]} for number in range(20)]
    model = Watched(ScriptedModel(parse([*turns, finish()])))
    loop = AgentLoop(model, Box(), LoopLimits(window_chars=20_000))
    result = loop.run("Fix it.")
    assert result.finished
    assert "left out" in str(model.asked[-1].turns)
    assert "left out" not in str(result.transcript)
