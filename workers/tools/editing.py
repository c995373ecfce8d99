"""Exact search and replace in a text, pure: no files."""

from dataclasses import dataclass

from workers.tools.contracts import ToolFailure


@dataclass(frozen=True, slots=True)
class Edit:
    """The new text and which of its lines (from 1) hold the replacement; `tolerant` when line ends did not match."""

    text: str
    first: int
    last: int
    tolerant: bool = False


def replace_once(text: str, search: str, replace: str) -> Edit:
    """Replace the one occurrence of `search`; raises ToolFailure no_match, several_matches or no_change.

    When the exact text is not there, whole lines are compared without the white space at their ends (which covers
    line endings); that match must be the only one too. New lines get the file's line ending.
    """
    if search == replace:
        raise ToolFailure("no_change", "`search` and `replace` are the same text")
    start = text.find(search)
    if start < 0:
        return _replace_lines(text, search, replace)
    if text.find(search, start + 1) >= 0:
        lines = _lines_of(text, search)
        raise ToolFailure("several_matches", f"the text is there more than once, at lines {lines}; give more around it")
    new = _with_ending(replace, text)
    return _edit(text[:start], new, text[start + len(search) :], tolerant=False)


def _replace_lines(text: str, search: str, replace: str) -> Edit:
    lines = text.splitlines(keepends=True)
    wanted = [line.rstrip() for line in search.splitlines()]
    bare = [line.rstrip() for line in lines]
    if not any(wanted):
        raise ToolFailure("no_match", "the text is not in the file")
    starts = [at for at in range(len(lines) - len(wanted) + 1) if bare[at : at + len(wanted)] == wanted]
    if not starts:
        raise ToolFailure("no_match", f"the text is not in the file.{_hint(bare, wanted)}")
    if len(starts) > 1:
        shown = ", ".join(str(at + 1) for at in starts[:10])
        raise ToolFailure("several_matches", f"the text is there more than once, at lines {shown}; give more around it")
    at, ending = starts[0], _ending(text)
    old = lines[at : at + len(wanted)]
    new = _with_ending(replace, text)
    if new and not new.endswith(ending) and old[-1].endswith(("\n", "\r")):
        new += ending
    if "".join(old) == new:
        raise ToolFailure("no_change", "the file reads like that already")
    return _edit("".join(lines[:at]), new, "".join(lines[at + len(wanted) :]), tolerant=True)


def _edit(before: str, new: str, after: str, *, tolerant: bool) -> Edit:
    first = before.count("\n") + 1
    return Edit(before + new + after, first, first + max(0, new.rstrip("\n").count("\n")), tolerant)


def _ending(text: str) -> str:
    return "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"


def _with_ending(new: str, text: str) -> str:
    return new.replace("\r\n", "\n").replace("\n", _ending(text))


def _lines_of(text: str, search: str) -> str:
    found: list[int] = []
    at = text.find(search)
    while at >= 0 and len(found) < 10:
        found.append(text.count("\n", 0, at) + 1)
        at = text.find(search, at + 1)
    return ", ".join(map(str, found))


def _hint(bare: list[str], wanted: list[str]) -> str:
    """Say where the first line of the wanted text is, apart from its indentation: the usual mistake."""
    first = next(line.strip() for line in wanted if line)
    similar = [number for number, line in enumerate(bare, 1) if line.strip() == first][:5]
    if not similar:
        return " Read the file again: it may have changed."
    where = ", ".join(map(str, similar))
    return f" A line like its first one is at {where}; check the indentation and the lines after it."
