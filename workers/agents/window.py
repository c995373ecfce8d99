"""Keeping a long transcript within a model's window: old tool results shrink first, words and calls stay."""

from collections.abc import Sequence
from dataclasses import replace

from bot.ports import Part, Text, ToolCall, ToolResult, Turn

KEPT = 200
"""Characters that an old result keeps."""
STEP = 8
"""Turns that shrink together, so that the beginning stays the same for some questions and the vendor's cache holds."""


def window(turns: Sequence[Turn], limit: int) -> tuple[Turn, ...]:
    """Return the transcript with as many old results cut as it takes to have at most `limit` characters.

    The first turn, which holds the task, and the last STEP turns are never cut; so the limit is an aim, not a promise.
    Pure, and the same for the same transcript.
    """
    shown = tuple(turns)
    for end in range(STEP, len(turns) - STEP + 1, STEP):
        if sum(map(_size, shown)) <= limit:
            break
        shown = (*(_shrunk(turn) if 0 < number < end else turn for number, turn in enumerate(turns)),)
    return shown


def _size(turn: Turn) -> int:
    return sum(_length(part) for part in turn.parts)


def _length(part: Part) -> int:
    match part:
        case Text(text):
            return len(text)
        case ToolResult():
            return len(part.content)
        case ToolCall():
            return len(repr(part.arguments))
        case _:
            return len(repr(part.data))


def _shrunk(turn: Turn) -> Turn:
    return Turn(turn.role, tuple(_cut(part) if isinstance(part, ToolResult) else part for part in turn.parts))


def _cut(result: ToolResult) -> ToolResult:
    gone = len(result.content) - KEPT
    if gone <= KEPT:
        return result
    note = f"{result.content[:KEPT]}\n[{gone} characters of this old result are left out; call the tool again for them]"
    return replace(result, content=note)
