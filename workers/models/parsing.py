"""Reading what models write: tool arguments, and tool calls in plain text from models without a tool parser."""

import re
from ast import literal_eval
from collections.abc import Collection
from json import JSONDecoder, dumps, loads
from typing import Any

MAX_ARGUMENTS = 1_000_000
"""Longer arguments are refused unread (characters)."""

_FENCE = re.compile(r"\A\s*```[a-z]*\s*\n(.*?)\n?```\s*\Z", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def scrub(value: Any) -> Any:
    """Replace lone surrogates, which no wire and no file can carry, in every string of a JSON value."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [scrub(item) for item in value]
        case dict():
            return {scrub(key): scrub(item) for key, item in value.items()}
        case _:
            return value


def arguments(raw: Any, *, lenient: bool) -> tuple[dict[str, Any], str]:
    """Read a call's arguments: an object and "", or {} and why they cannot be used.

    `lenient` also takes fenced, doubly encoded and Python-like objects, which small models write. What is cut off is
    never completed: half a command is not a command.
    """
    if raw is None or raw == "":
        return {}, ""
    if not isinstance(raw, dict | str):
        return {}, f"the arguments are not an object but {type(raw).__name__}"
    try:
        text = raw if isinstance(raw, str) else dumps(raw, allow_nan=False)
        if len(text) > MAX_ARGUMENTS:
            return {}, f"the arguments are too large: {len(text)} characters, {MAX_ARGUMENTS} at most"
        value = _lenient(text) if lenient else _strict(text)
        if isinstance(value, dict):
            return scrub(value), ""
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        return {}, f"the arguments are not valid JSON: {str(error)[:200]}"
    return {}, f"the arguments are not an object but {type(value).__name__}"


def calls_in_text(text: str, tools: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
    """Find tool calls that a model wrote as its whole answer: bare or fenced JSON, or <tool_call> blocks.

    Only calls of offered tools count, and JSON inside prose never does: a model that quotes somebody's text does
    not act on it.
    """
    tagged = _TAGGED.findall(text)
    if tagged and _TAGGED.sub("", text).strip():
        return []
    found = [_call(piece, tools) for piece in tagged or [text]]
    flat = [call for calls in found for call in calls]
    return flat if all(found) else []


def _strict(raw: str) -> Any:
    return loads(raw, strict=False, parse_constant=_no_constant)


def _lenient(raw: str) -> Any:
    fenced = _FENCE.match(raw)
    text = (fenced[1] if fenced else raw).strip()
    try:
        value = _strict(text)
    except ValueError:
        value = _python_like(text)
    return _strict(value) if isinstance(value, str) else value


def _python_like(text: str) -> Any:
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        # Let the first reading name the place; a comma too much before a bracket is the commonest slip.
        return _strict(re.sub(r",(\s*[}\]])", r"\1", text))


def _call(text: str, tools: Collection[str]) -> list[tuple[str, dict[str, Any]]]:
    fenced = _FENCE.match(text)
    try:
        value, end = JSONDecoder(strict=False).raw_decode((fenced[1] if fenced else text).strip())
    except (ValueError, RecursionError):
        return []
    if (fenced[1] if fenced else text).strip()[end:].strip():
        return []
    calls = [_one(item, tools) for item in (value if isinstance(value, list) else [value])]
    return [call for call in calls if call] if all(calls) else []


def _one(item: Any, tools: Collection[str]) -> tuple[str, dict[str, Any]] | None:
    if not isinstance(item, dict):
        return None
    function = item.get("function")
    inner: dict[str, Any] = function if isinstance(function, dict) else item
    name = inner.get("name") or inner.get("tool")
    given = next((inner[key] for key in ("arguments", "parameters", "args") if key in inner), None)
    value, problem = arguments(given, lenient=True)
    return (name, value) if isinstance(name, str) and name in tools and given is not None and not problem else None


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")
