"""The neutral transcript, made fit for any vendor's wire, and answers as bytes.

Whatever a transcript went through (a crash, a change of vendor, a model that calls the same id twice), what leaves here
alternates between user and assistant, begins and ends with the user, and has exactly one result for every call.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from json import dumps, loads
from typing import Any, Literal

from bot.ports import Answer, Ask, Opaque, Part, Text, ToolCall, ToolResult, Turn
from workers.models.parsing import scrub

Stop = Literal["end", "tool", "length", "refusal", "filtered", "other"]
"""Why an answer ended, as bot.ports.Answer has it."""
LOST = "No result: the run was interrupted before this call ended. Call again if you still need it."
_PARTS: dict[str, type[Text | ToolCall | ToolResult | Opaque]] = {
    kind.__name__: kind for kind in (Text, ToolCall, ToolResult, Opaque)
}


def call_id(position: int, index: int) -> str:
    """Return the id of the `index`th call of the `position`th assistant turn: the same after every restart.

    Nine letters and digits, because some servers accept nothing else.
    """
    return f"c{position:05x}{index:03x}"


def position(turns: Iterable[Turn]) -> int:
    """Return the position that the next assistant turn will have: fitting never adds or drops one."""
    return sum(turn.role == "assistant" for turn in turns)


def fit(turns: Sequence[Turn], *, vendor: str, model: str) -> tuple[Turn, ...]:
    """Return the transcript as this vendor and model may see it.

    Opaque parts of others are dropped, ids are derived anew from positions, calls without a result get one that says
    so, results without a call and second results are dropped, results come first in their turn and in the order of
    their calls.
    """
    merged = _alternating(_readable(turn, vendor, model) for turn in turns)
    fitted: list[Turn] = []
    open_calls: list[tuple[str, ToolCall]] = []
    for turn in merged:
        if turn.role == "user":
            fitted.append(Turn("user", _answered(open_calls, turn.parts)))
            open_calls = []
        else:
            number = position(fitted)
            calls = [part for part in turn.parts if isinstance(part, ToolCall)]
            open_calls = [(call.id, replace(call, id=call_id(number, i))) for i, call in enumerate(calls)]
            renamed = iter(call for _, call in open_calls)
            parts = tuple(next(renamed) if isinstance(part, ToolCall) else part for part in turn.parts)
            fitted.append(Turn("assistant", parts))
    return tuple(fitted)


def _readable(turn: Turn, vendor: str, model: str) -> Turn:
    kept: list[Part] = []
    for part in turn.parts:
        match part:
            case Text(text) if text.strip():
                kept.append(Text(scrub(text)))
            case ToolCall() if turn.role == "assistant":
                kept.append(replace(part, name=scrub(part.name), arguments=scrub(part.arguments)))
            case ToolResult() if turn.role == "user":
                kept.append(replace(part, name=scrub(part.name), content=scrub(part.content)))
            case Opaque() if turn.role == "assistant" and (part.vendor, part.model) == (vendor, model):
                kept.append(part)
            case _:
                pass
    # An answer without words still was a turn: positions, and so ids and memory, must not shift.
    if turn.role == "assistant" and not any(isinstance(part, Text | ToolCall) for part in kept):
        kept.append(Text("(no words)"))
    return Turn(turn.role, tuple(kept))


def _alternating(turns: Iterable[Turn]) -> list[Turn]:
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role == "user":
            merged[-1] = Turn("user", merged[-1].parts + turn.parts)
        elif merged and merged[-1].role == turn.role:
            merged += [Turn("user", ()), turn]
        else:
            merged.append(turn)
    if not merged or merged[0].role == "assistant":
        merged.insert(0, Turn("user", (Text("(the beginning is missing)"),)))
    if merged[-1].role == "assistant":
        merged.append(Turn("user", ()))
    return merged


def _answered(calls: list[tuple[str, ToolCall]], parts: tuple[Part, ...]) -> tuple[Part, ...]:
    waiting = [part for part in parts if isinstance(part, ToolResult)]
    results: list[Part] = []
    for old_id, call in calls:
        found = next((result for result in waiting if result.id == old_id), None)
        if found is None:
            results.append(ToolResult(call.id, call.name, LOST, is_error=True))
        else:
            waiting.remove(found)
            results.append(replace(found, id=call.id, name=call.name))
    said = tuple(part for part in parts if isinstance(part, Text))
    return tuple(results) + said or (Text("Go on."),)


def digest(ask: Ask) -> str:
    """Return the SHA-256 (hex) of a question: the key under which its answer is remembered."""
    return sha256(_canonical(ask).encode()).hexdigest()


def encode(answer: Answer) -> bytes:
    """Return an answer as JSON bytes that `decode` reads."""
    return dumps({**asdict(answer), "turn": _turn_out(answer.turn)}, sort_keys=True).encode()


def decode(data: bytes) -> Answer:
    """Rebuild an answer; raises ValueError when the bytes are not from `encode`."""
    try:
        value = loads(data)
        return Answer(**{**value, "turn": _turn_in(value["turn"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"not a remembered answer: {error}") from error


def _canonical(ask: Ask) -> str:
    value = {
        "system": ask.system,
        "turns": [_turn_out(turn) for turn in ask.turns],
        "tools": [asdict(tool) for tool in ask.tools],
        "max_tokens": ask.max_tokens,
        "force_tool": ask.force_tool,
    }
    return dumps(value, sort_keys=True, separators=(",", ":"))


def _turn_out(turn: Turn) -> dict[str, Any]:
    return {"role": turn.role, "parts": [{"kind": type(part).__name__, **asdict(part)} for part in turn.parts]}


def _turn_in(value: dict[str, Any]) -> Turn:
    role: Literal["user", "assistant"] = value["role"]
    parts = [{**part} for part in value["parts"]]
    return Turn(role, tuple(_PARTS[part.pop("kind")](**part) for part in parts))


def size(ask: Ask) -> int:
    """Return how many characters a question has, roughly as the wire carries it."""
    return len(_canonical(ask))
