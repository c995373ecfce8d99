"""The unified diff of one change, as git and patch read it."""

import difflib
import io

NO_END = "\\ No newline at end of file\n"


def unified(path: str, before: bytes, after: bytes) -> str:
    """Return the diff of one file in git's form, with three lines of context; "" when nothing differs.

    Bytes that are not UTF-8 are lone surrogates (`surrogateescape`): encoded the same way, they are themselves again.
    """
    old, new = _lines(before), _lines(after)
    made: list[str] = [f"diff --git a/{path} b/{path}\n"] if old != new else []
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        made.append(line if line.endswith("\n") else f"{line}\n{NO_END}")
    return "".join(made)


def _lines(text: bytes) -> list[str]:
    """Return the lines as git counts them: only a line feed ends one."""
    return list(io.StringIO(text.decode("utf-8", "surrogateescape"), newline="\n"))


def first_line(before: bytes, after: bytes) -> int:
    """Return the first line of the old text that the change touches."""
    old, new = before.splitlines(), after.splitlines()
    for number, (one, two) in enumerate(zip(old, new, strict=False), 1):
        if one != two:
            return number
    return max(1, min(len(old), len(new)))
