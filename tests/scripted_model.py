"""The scripted model without a wire: plays a dialogue, for tests of what stands above the wires.

What it does next depends on the number of answers in the question only, as with the server that plays scripts.
"""

from bot.ports import Answer, Ask, Part, Text, ToolCall, ToolResult, Turn
from workers.models.errors import CallFailed, classify
from workers.models.parsing import arguments
from workers.models.script import Act, Attempts, Cut, Hang, HttpError, Reply, Script, fill
from workers.models.transcript import Stop, call_id, position, size

STOPS: dict[str, Stop] = {
    "end_turn": "end",
    "stop": "end",
    "stop_sequence": "end",
    "end": "end",
    "tool_use": "tool",
    "tool_calls": "tool",
    "tool": "tool",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "length": "length",
    "refusal": "refusal",
    "content_filter": "filtered",
    "filtered": "filtered",
}


class ScriptedModel:
    """A Model (and gateway candidate) without any wire. A fault of the script raises CallFailed at once."""

    vendor = "scripted"
    model = "script"

    def __init__(self, script: Script) -> None:
        self._script = script
        self._attempts = Attempts()

    def ask(self, ask: Ask, *, deadline: float) -> Answer:
        """Play the next turn; raises CallFailed for a fault."""
        number = position(ask.turns)
        beginning = repr(ask.turns[0]) if ask.turns else ""
        act = fill(self._script.at(number, self._attempts.next(beginning, number)), _output(ask))
        return self._answer(act, ask, number, deadline)

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, act: Act, ask: Ask, number: int, deadline: float) -> Answer:
        match act:
            case HttpError(status, retry_after):
                raise CallFailed(f"scripted: HTTP {status}", classify(status), status=status, retry_after=retry_after)
            case Hang(seconds):
                raise CallFailed(f"scripted: no answer within {min(seconds, deadline):g} s", "retry")
            case Cut():
                raise CallFailed("scripted: the answer broke off", "retry")
            case Reply(say, calls, stop):
                parts: list[Part] = [Text(say)] if say else []
                for index, call in enumerate(calls):
                    given, problem = arguments(call.text, lenient=False)
                    parts.append(ToolCall(call_id(number, index), call.name, given, problem))
                natural: Stop = "tool" if calls else "end"
                ended = STOPS.get(stop, "other") if stop else natural
                written = len(say) + sum(len(call.text) for call in calls)
                turn = Turn("assistant", tuple(parts))
                return Answer(turn, ended, self.vendor, self.model, size(ask) // 4, 1 + written // 4)


def _output(ask: Ask) -> str:
    results = [part for turn in ask.turns for part in turn.parts if isinstance(part, ToolResult)]
    return results[-1].content if results else ""
