"""Making untrusted output fit to be shown: readable characters, bounded length, cut in the middle."""

# Control characters (C0, delete, C1) but for tab and line feed: terminal escapes begin with one.
_UNREADABLE = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def readable(data: bytes) -> str:
    """Decode what a program wrote; replaces what is not UTF-8 and control characters."""
    return data.decode("utf-8", "replace").replace("\r\n", "\n").translate(_UNREADABLE)


def cut(text: str, limit: int, *, head: int | None = None) -> str:
    """Return the text, or `limit` characters of it with a note between them that says how much is missing.

    The first `head` of them are its beginning, the others its end: a third, unless told, since programs say last what
    went wrong.
    """
    missing = len(text) - limit
    if missing <= 0:
        return text
    head = limit // 3 if head is None else head
    return f"{text[:head]}\n[... {missing} characters cut out of the middle ...]\n{text[head + missing :]}"


def lines_of(text: str) -> list[str]:
    """Return the lines as editors and git count them, without their endings."""
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def numbered(lines: list[str], first: int, *, width: int = 2000) -> str:
    """Return lines with their numbers, the first one being `first`; a very long line is cut."""
    return "\n".join(f"{number:6}\t{_short(line, width)}" for number, line in enumerate(lines, first))


def _short(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[:width]} [... {len(line) - width} characters more]"
