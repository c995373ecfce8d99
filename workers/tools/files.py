"""Tools on files: list, read, search, edit, write. They work on the host's side, through the link-safe helpers only."""

import time
from typing import Any

import re2

from workers.sandbox.workspace import PathRefused, parts_of, read_bytes, read_text, walk, write_text
from workers.tools.contracts import (
    PATH,
    PATH_FAILURES,
    Room,
    Tool,
    ToolFailure,
    ToolOutcome,
    arguments,
    integer,
    string,
)
from workers.tools.editing import Edit, replace_once
from workers.tools.output import cut, lines_of, numbered, readable

_FILE_BYTES = 2_000_000
_READ_LINES = 400
_READ_CHARS = 20_000
_SEARCH_HITS = 100
_SEARCH_BYTES = 60_000_000
_SEARCH_SECONDS = 10.0
_LIST_ENTRIES = 500
_CONTEXT = 3


def _text(room: Room, path: str) -> str:
    try:
        return read_text(room.workspace, path, limit=_FILE_BYTES)
    except PathRefused as error:
        raise ToolFailure.of(error) from error


def _store(room: Room, path: str, text: str) -> None:
    if len(text.encode()) > _FILE_BYTES:
        raise ToolFailure("too_large", f"{path} would have more than {_FILE_BYTES} bytes")
    try:
        write_text(room.workspace, path, text)
    except PathRefused as error:
        raise ToolFailure.of(error) from error


def _read(room: Room, given: dict[str, Any]) -> ToolOutcome:
    path, start = given["path"], given.get("start", 1)
    lines = lines_of(_text(room, path))
    if not lines:
        return ToolOutcome(f"{path} is empty.")
    if start > len(lines):
        raise ToolFailure("missing", f"{path} has only {len(lines)} lines")
    end = min(given.get("end", len(lines)), len(lines), start + _READ_LINES - 1)
    if end < start:
        raise ToolFailure("invalid_arguments", "`end` must not be before `start`")
    shown = cut(numbered(lines[start - 1 : end], start), _READ_CHARS)
    more = "" if end == len(lines) else f"\nLines {start} to {end} of {len(lines)}; `start` and `end` show others."
    return ToolOutcome(shown + more)


def _list(room: Room, given: dict[str, Any]) -> ToolOutcome:
    prefix = _prefix(given.get("path", ""))
    found = [path for path in walk(room.workspace) if path.startswith(prefix)]
    if not found:
        raise ToolFailure("missing", f"there are no files below {prefix or 'the workspace'}")
    more = f"\n[{len(found) - _LIST_ENTRIES} files more; name a directory]" if len(found) > _LIST_ENTRIES else ""
    return ToolOutcome("\n".join(found[:_LIST_ENTRIES]) + more)


def _prefix(path: str) -> str:
    try:
        parts = parts_of(path)
    except PathRefused as error:
        raise ToolFailure.of(error) from error
    return "".join(f"{part}/" for part in parts)


def _search(room: Room, given: dict[str, Any]) -> ToolOutcome:
    pattern = _compiled(given["pattern"], regex=given.get("regex", False), ignore_case=given.get("ignore_case", False))
    wanted = re2.compile(_glob(given["files"])) if "files" in given else None
    most, scanned, deadline = given.get("most", _SEARCH_HITS), 0, time.monotonic() + _SEARCH_SECONDS
    hits: list[str] = []
    notes: list[str] = []
    for path in walk(room.workspace):
        if wanted and not wanted.fullmatch(path):
            continue
        if len(hits) >= most or scanned > _SEARCH_BYTES or time.monotonic() > deadline:
            notes.append("[stopped early: too many hits or files; narrow the pattern or `files`]")
            break
        try:
            data = read_bytes(room.workspace, path, limit=_FILE_BYTES)
        except PathRefused:
            continue
        scanned += len(data)
        if b"\0" in data[:8000]:
            continue
        found = [(number, line) for number, line in enumerate(lines_of(readable(data)), 1) if pattern.search(line)]
        hits += [f"{path}:{number}: {line.strip()[:300]}" for number, line in found[: most - len(hits)]]
    return ToolOutcome("\n".join([*hits, *notes]) or "No line matches.")


def _compiled(pattern: str, *, regex: bool, ignore_case: bool) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not ignore_case
    options.max_mem = 8 << 20
    try:
        return re2.compile(pattern if regex else re2.escape(pattern), options)
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if error.args and isinstance(error.args[0], bytes) else error
        raise ToolFailure("bad_pattern", f"RE2 cannot read the pattern: {str(reason)[:200]}") from error


def _glob(pattern: str) -> str:
    """Turn a glob into a regular expression: `**/` any directories, `*` and `?` within one name."""
    pattern = pattern if "/" in pattern else f"**/{pattern}"
    out = []
    while pattern:
        for sign, meaning in (("**/", "(?:.*/)?"), ("**", ".*"), ("*", "[^/]*"), ("?", "[^/]")):
            if pattern.startswith(sign):
                out.append(meaning)
                pattern = pattern.removeprefix(sign)
                break
        else:
            out.append(re2.escape(pattern[0]))
            pattern = pattern[1:]
    return "".join(out)


def _edit(room: Room, given: dict[str, Any]) -> ToolOutcome:
    path = room.writable(given["path"])
    edit = replace_once(_text(room, path), given["search"], given["replace"])
    _store(room, path, edit.text)
    return ToolOutcome(_changed(path, edit))


def _changed(path: str, edit: Edit) -> str:
    lines = lines_of(edit.text)
    first, last = max(1, edit.first - _CONTEXT), min(len(lines), edit.last + _CONTEXT)
    note = " (matched without regard to white space at line ends)" if edit.tolerant else ""
    return f"Edited {path}{note}. It now reads:\n" + cut(numbered(lines[first - 1 : last], first), _READ_CHARS)


def _write(room: Room, given: dict[str, Any]) -> ToolOutcome:
    path, text = room.writable(given["path"]), given["content"]
    try:
        read_bytes(room.workspace, path, limit=_FILE_BYTES)
        was_there = True
    except PathRefused as error:
        if error.code not in ("missing", "too_large"):
            raise ToolFailure.of(error) from error
        was_there = error.code == "too_large"
    _store(room, path, text)
    return ToolOutcome(f"{'Replaced' if was_there else 'Created'} {path}: {len(lines_of(text))} lines.")


FILE_TOOLS = (
    Tool(
        name="files.list",
        description="List the repository's files, all of them or those below a directory. Leaves out `.git`.",
        schema=arguments({"path": string("Directory to list; the root when left out.", most=1000, least=0)}),
        risk="read",
        idempotent=True,
        reversible=True,
        run=_list,
        postconditions=("nothing changed",),
        failures={"missing": "there are no files there", "outside": PATH_FAILURES["outside"]},
    ),
    Tool(
        name="files.read",
        description=f"Read a text file with line numbers, at most {_READ_LINES} lines at a time.",
        schema=arguments(
            {
                "path": PATH,
                "start": integer("First line, from 1.", least=1, most=10_000_000),
                "end": integer("Last line, included.", least=1, most=10_000_000),
            },
            "path",
        ),
        risk="read",
        idempotent=True,
        reversible=True,
        run=_read,
        preconditions=("the file exists and is text",),
        postconditions=("nothing changed",),
        failures=PATH_FAILURES,
    ),
    Tool(
        name="files.search",
        description="Find lines in the repository's text files. Answers with path:line: text.",
        schema=arguments(
            {
                "pattern": string("Text to find; a regular expression (RE2) when `regex` is true.", most=1000),
                "regex": {"type": "boolean", "description": "Take the pattern as a regular expression."},
                "ignore_case": {"type": "boolean", "description": "Do not tell upper from lower case."},
                "files": string("Only files whose path fits this glob, for example src/**/*.py or *.md.", most=300),
                "most": integer("Stop after this many lines.", least=1, most=_SEARCH_HITS),
            },
            "pattern",
        ),
        risk="read",
        idempotent=True,
        reversible=True,
        run=_search,
        postconditions=("nothing changed", "no link was followed, no binary file searched"),
        failures={"bad_pattern": "RE2 cannot read the regular expression"},
    ),
    Tool(
        name="files.edit",
        description=(
            "Replace text in a file. `search` must occur exactly once, so give enough lines around it, "
            "exactly as they are in the file, without line numbers. Answers with the changed lines."
        ),
        schema=arguments(
            {
                "path": PATH,
                "search": string("The text to replace.", most=100_000),
                "replace": string("The text to put there.", most=200_000, least=0),
            },
            "path",
            "search",
            "replace",
        ),
        risk="write",
        idempotent=False,
        reversible=True,
        run=_edit,
        preconditions=("the file exists and is text", "the text occurs exactly once", "the path is not protected"),
        postconditions=("only the found text changed", "line endings and mode are kept"),
        failures={
            **PATH_FAILURES,
            "no_match": "the text is not in the file",
            "several_matches": "the text is there more than once",
            "no_change": "both texts are the same",
            "protected": "the path may not be written",
        },
    ),
    Tool(
        name="files.write",
        description="Create a text file, or replace a whole one. To change a part of a file use files.edit.",
        schema=arguments(
            {"path": PATH, "content": string("The whole text.", most=500_000, least=0)}, "path", "content"
        ),
        risk="write",
        idempotent=True,
        reversible=False,
        run=_write,
        preconditions=("the path is not protected", "there is no directory, link or device at the path"),
        postconditions=("the file holds exactly the text", "missing directories were made"),
        failures={**PATH_FAILURES, "protected": "the path may not be written"},
    ),
)
