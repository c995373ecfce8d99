"""One suite for both wires: the real SDKs over HTTP against the scripted server, mishaps included."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from bot.domain.errors import ModelError
from bot.ports import Answer, Ask, Opaque, Text, ToolCall, ToolResult, ToolSpec, Turn
from workers.models.anthropic import AnthropicModel
from workers.models.budget import Budget
from workers.models.errors import CallFailed, NoAnswer
from workers.models.gateway import Candidate, Gateway, Patience
from workers.models.openai import OpenAIModel, Quirks
from workers.models.probe import probe
from workers.models.script import parse
from workers.models.scripted_server import ScriptedServer

READ = ToolSpec(
    "files.read",
    "Read a file.",
    {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)
HASTY = Patience(attempts=4, first_wait=0.001, longest_wait=0.002)
QUESTION = Ask("You are a developer.", (Turn("user", (Text("Fix it."),)),), (READ,), max_tokens=500)


@dataclass
class World:
    """One wire with a scripted server behind it."""

    wire: str
    stack: ExitStack
    server: ScriptedServer = field(init=False)

    def serve(self, turns: Any, **settings: Any) -> "World":
        self.server = self.stack.enter_context(ScriptedServer(parse(turns), **settings))
        return self

    def candidate(self, key: str = "k", wire: str | None = None) -> Candidate:
        made: Candidate
        if (wire or self.wire) == "openai":
            made = OpenAIModel("m", api_key=key, base_url=f"{self.server.url}/v1", quirks=Quirks())
        else:
            made = AnthropicModel("m", api_key=key, base_url=self.server.url)
        self.stack.callback(made.close)
        return made

    def gateway(self, *candidates: Candidate) -> Gateway:
        return Gateway(candidates or (self.candidate(),), None, "s", Budget(), patience=HASTY)

    def ask(self, ask: Ask = QUESTION, deadline: float = 20.0) -> Answer:
        return self.gateway().ask(ask, deadline=deadline)


@pytest.fixture(params=["openai", "anthropic"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(request.param, stack)


def calls(answer: Answer) -> list[ToolCall]:
    return [part for part in answer.turn.parts if isinstance(part, ToolCall)]


def further(ask: Ask, answer: Answer, *results: ToolResult) -> Ask:
    return Ask(ask.system, (*ask.turns, answer.turn, Turn("user", results)), ask.tools, ask.max_tokens)


def test_text(world: World) -> None:
    answer = world.serve([{"say": "Hello"}]).ask()
    assert (answer.turn.parts, answer.stop) == ((Text("Hello"),), "end")
    assert answer.input_tokens == 100
    assert answer.output_tokens > 0
    assert (answer.vendor, answer.model) == (world.wire, "m")


def test_a_tool_call_and_its_result(world: World) -> None:
    world.serve([{"say": "I look.", "calls": [{"name": "files.read", "arguments": {"path": "a.py"}}]}, {"say": "ok"}])
    answer = world.ask()
    assert answer.stop == "tool"
    assert answer.turn.parts == (Text("I look."), ToolCall("c00000000", "files.read", {"path": "a.py"}))
    second = world.ask(further(QUESTION, answer, ToolResult("c00000000", "files.read", "x = 1")))
    assert second.turn.parts == (Text("ok"),)
    assert "x = 1" in str(world.server.requests[1].body)


def test_several_calls_in_one_turn(world: World) -> None:
    paths = ["a.py", "b.py", "c.py"]
    world.serve([{"calls": [{"name": "files.read", "arguments": {"path": path}} for path in paths]}, {"say": "ok"}])
    answer = world.ask()
    assert [call.arguments["path"] for call in calls(answer)] == paths
    assert len({call.id for call in calls(answer)}) == 3
    only_the_last = ToolResult(calls(answer)[2].id, "files.read", "found")
    # The server refuses a call without a result, so this also shows that the lost ones were filled in.
    assert world.ask(further(QUESTION, answer, only_the_last)).turn.parts == (Text("ok"),)


@pytest.mark.parametrize("raw", ["{", '{"path": ', "[1]", "7", '{"a": NaN}', "x" * 2_000_000])
def test_malformed_arguments_are_data(world: World, raw: str) -> None:
    world.serve([{"raw_call": {"tool": "files.read", "args": raw}}, {"say": "ok"}])
    answer = world.ask()
    (call,) = calls(answer)
    assert (call.name, call.arguments) == ("files.read", {})
    assert "arguments" in call.error
    assert world.ask(further(QUESTION, answer, ToolResult(call.id, call.name, call.error, True))).stop == "end"


@pytest.mark.parametrize(
    ("word", "stop"),
    [("end_turn", "end"), ("max_tokens", "length"), ("refusal", "refusal"), ("never_heard_of", "other")],
)
def test_stop_reasons_keep_the_answer(world: World, word: str, stop: str) -> None:
    answer = world.serve([{"say": "some words", "stop_reason": word}]).ask()
    assert (answer.stop, answer.turn.parts) == (stop, (Text("some words"),))


def test_a_call_that_the_token_limit_cut_is_not_a_call(world: World) -> None:
    call = {"name": "files.read", "arguments": {"path": "a"}}
    answer = world.serve([{"calls": [call, call], "stop_reason": "max_tokens"}]).ask()
    assert answer.stop == "length"
    assert [(one.arguments, bool(one.error)) for one in calls(answer)] == [({"path": "a"}, False), ({}, True)]


def test_retry_after_is_kept(world: World) -> None:
    world.serve([{"http": {"status": 429, "retry_after": 0.2}}, {"say": "now"}])
    began = monotonic()
    assert world.ask().turn.parts == (Text("now"),)
    assert monotonic() - began >= 0.2
    assert [request.status for request in world.server.requests] == [429, 200]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_passing_trouble_is_tried_again(world: World, status: int) -> None:
    fault = {"http": {"status": status}}
    assert world.serve([fault, fault, {"say": "now"}]).ask().turn.parts == (Text("now"),)
    assert len(world.server.requests) == 3


def test_a_wait_longer_than_the_deadline_is_not_waited_for(world: World) -> None:
    world.serve([{"http": {"status": 429, "retry_after": 600}}, {"say": "now"}])
    began = monotonic()
    gateway = world.gateway()
    with pytest.raises(NoAnswer) as caught:
        gateway.ask(QUESTION, deadline=30)
    assert caught.value.retry_after == 600
    with pytest.raises(NoAnswer, match="asked us to wait"):
        gateway.ask(QUESTION, deadline=30)
    assert monotonic() - began < 60
    assert len(world.server.requests) == 1


def test_a_cut_answer_is_asked_for_again(world: World) -> None:
    cut = {"cut_after": {"call": {"tool": "files.read", "args": {"path": "a"}}, "bytes": 40}}
    assert calls(world.serve([cut, {"call": {"tool": "files.read", "args": {"path": "b"}}}]).ask())[0].arguments == {
        "path": "b"
    }


def test_a_hanging_server_is_left_at_the_deadline(world: World) -> None:
    world.serve([{"hang_seconds": 60}] * 9)
    began = monotonic()
    with pytest.raises(NoAnswer):
        world.ask(deadline=0.6)
    assert 0.3 < monotonic() - began < 20


def test_a_wrong_key_moves_on_and_is_not_tried_again(world: World) -> None:
    world.serve([{"say": "one"}, {"say": "two"}], api_key="right")
    other = "anthropic" if world.wire == "openai" else "openai"
    gateway = world.gateway(world.candidate("wrong-secret"), world.candidate("right", other))
    first = gateway.ask(QUESTION, deadline=20)
    assert (first.vendor, first.turn.parts) == (other, (Text("one"),))
    assert gateway.ask(further(QUESTION, first), deadline=20).turn.parts == (Text("two"),)
    assert [request.status for request in world.server.requests] == [401, 200, 200]


def test_when_nobody_answers_the_error_says_why_and_hides_the_key(world: World) -> None:
    world.serve([], api_key="right")
    gateway = world.gateway(world.candidate("wrong-secret"))
    with pytest.raises(ModelError, match=r"HTTP 401.*journeyman doctor") as caught:
        gateway.ask(QUESTION, deadline=20)
    assert "wrong-secret" not in str(caught.value)


def test_a_refused_question_is_not_asked_elsewhere(world: World) -> None:
    world.serve([{"http": {"status": 400}}, {"say": "never"}])
    gateway = world.gateway(world.candidate(), world.candidate())
    with pytest.raises(NoAnswer, match="HTTP 400"):
        gateway.ask(QUESTION, deadline=20)
    assert len(world.server.requests) == 1


def test_one_candidate_never_retries_by_itself(world: World) -> None:
    world.serve([{"http": {"status": 500}}, {"say": "never"}])
    with pytest.raises(CallFailed) as caught:
        world.candidate().ask(QUESTION, deadline=30)
    assert (caught.value.kind, len(world.server.requests)) == ("retry", 1)


def test_a_server_that_is_not_there(world: World) -> None:
    world.serve([])
    gateway = world.gateway()
    world.server.stop()
    with pytest.raises(NoAnswer, match="No model answered"):
        gateway.ask(QUESTION, deadline=30)


def test_a_transcript_goes_on_at_the_other_vendor(world: World) -> None:
    call = {"name": "files.read", "arguments": {"path": "a.py"}}
    world.serve([{"calls": [call, call]}, {"say": "One more.", "calls": [call]}, {"say": "done"}])
    other = "anthropic" if world.wire == "openai" else "openai"
    ask = QUESTION
    for wire in (world.wire, other):
        answer = world.candidate(wire=wire).ask(ask, deadline=20)
        foreign = Turn("assistant", (Opaque(wire, "m", {"type": "thinking", "thinking": "hm", "signature": "s"}),))
        answer = Answer(Turn("assistant", (*foreign.parts, *answer.turn.parts)), answer.stop, wire, "m")
        ask = further(ask, answer, *(ToolResult(one.id, one.name, "text") for one in calls(answer)))
    assert world.candidate().ask(ask, deadline=20).turn.parts == (Text("done"),)
    assert len(world.server.requests) == 3


def test_a_forced_tool(world: World) -> None:
    world.serve([{"say": "x"}])
    world.ask(Ask("s", QUESTION.turns, (READ,), force_tool=True))
    choice = world.server.requests[0].body["tool_choice"]
    assert choice == ("required" if world.wire == "openai" else {"type": "any"})


def test_the_output_of_the_last_tool_can_be_played_back(world: World) -> None:
    call = {"name": "files.read", "arguments": {"path": "a"}}
    world.serve([{"calls": [call]}, {"say": "I read: ${OUTPUT}"}])
    answer = world.ask()
    assert world.ask(further(QUESTION, answer, ToolResult("c00000000", "files.read", "secret"))).turn.parts == (
        Text("I read: secret"),
    )


def test_after_its_end_a_script_finishes(world: World) -> None:
    finish = ToolSpec("finish", "End.", {"type": "object", "properties": {"summary": {"type": "string"}}})
    world.serve([])
    assert [call.name for call in calls(world.ask(Ask("s", QUESTION.turns, (READ, finish))))] == ["finish"]
    assert world.ask().turn.parts == (Text("The script has ended."),)


def test_the_first_listed_model_is_used_when_none_is_named(world: World) -> None:
    world.serve([{"say": "x"}])
    make: Callable[[], Candidate] = (
        (lambda: OpenAIModel("", api_key="k", base_url=f"{world.server.url}/v1"))
        if world.wire == "openai"
        else (lambda: AnthropicModel("", api_key="k", base_url=world.server.url))
    )
    candidate = make()
    world.stack.callback(candidate.close)
    assert candidate.ask(QUESTION, deadline=20).model == "scripted"


def test_a_probe_tells_whether_a_model_can_use_tools(world: World) -> None:
    echo = {"name": "probe.echo", "arguments": {"word": "a7f3-journeyman"}}
    world.serve([{"calls": [echo]}])
    assert (probe(world.candidate()).reachable, probe(world.candidate()).tools) == (True, True)
    world.serve([{"say": "a7f3-journeyman"}])
    assert (probe(world.candidate()).reachable, probe(world.candidate()).tools) == (True, False)
    world.serve([], api_key="right")
    found = probe(world.candidate("wrong"))
    assert (found.reachable, "HTTP 401" in found.detail) == (False, True)


def test_a_dripping_answer_ends_at_the_deadline() -> None:
    with Dripping() as server, closing(OpenAIModel("m", api_key="", base_url=server.url)) as model:
        began = monotonic()
        with pytest.raises(CallFailed) as caught:
            model.ask(QUESTION, deadline=0.5)
        assert monotonic() - began < 20
        assert caught.value.kind == "retry"


class Dripping:
    """A server whose answer comes one byte at a time and has no end."""

    def __enter__(self) -> "Dripping":
        self._stop = Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999999\r\n\r\n")
            while not self._stop.wait(0.02):
                connection.sendall(b" ")
