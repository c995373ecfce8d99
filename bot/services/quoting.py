"""Show text that people or programs wrote so that nothing in it acts: no mention, link, image, HTML, closing keyword,
command, hidden or re-ordered character, and no way out of the span or block that holds it.

Forges read mentions and references from rendered text, so a backslash or an entity does not stop them; code does.
Commit messages are not rendered at all, so there the characters that act are replaced by look-alikes.
"""

import re
from unicodedata import category

TERMINAL = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
REFERENCE = re.compile(r"#(?=[0-9])")
SHORT_REFERENCE = re.compile(r"\b(gh)-(?=[0-9])", re.IGNORECASE)
LINKED = re.compile(r"/(issues|pull|merge_requests|work_items|epics)/(?=[0-9])", re.IGNORECASE)
ADDRESSES = (
    (re.compile("@"), "\N{FULLWIDTH COMMERCIAL AT}"),
    (re.compile("!(?=[0-9])"), "\N{FULLWIDTH EXCLAMATION MARK}"),
    (re.compile("://"), ":\N{DIVISION SLASH}\N{DIVISION SLASH}"),
    (re.compile(r"\b(www)\.", re.IGNORECASE), "\\1\N{ONE DOT LEADER}"),
)

_TICK = "\N{MODIFIER LETTER GRAVE ACCENT}"
# Variation selectors and the Hangul and Khmer fillers show nothing but are no format characters by category.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u3164\uffa0") | frozenset(
    chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0000, 0xE1000))
)


def code(text: str, limit: int = 200) -> str:
    """Show one line of foreign text as a code span that nothing in it can end, also within a table."""
    line = _cut(_line(text[: 10 * limit]), limit).replace("`", _TICK).replace("|", "\N{BROKEN BAR}")
    return f"`{line or ' '}`"


def block(text: str, lines: int = 30, width: int = 300) -> str:
    """Show foreign text as a fenced block that nothing in it can end, cut in the middle past `lines` lines."""
    rows = text.splitlines()
    if len(rows) > lines:
        half = lines // 2
        rows = [*rows[:half], f"… {len(rows) - 2 * half} lines left out …", *rows[-half:]]
    body = "\n".join(_harmless(visible(row[:width])) for row in rows).replace("```", _TICK * 3)
    return f"```text\n{body}\n```"


def plain(text: str, limit: int) -> str:
    """Show one line of foreign text where no code is possible: a title, the subject of a commit."""
    line = _line("".join(char for char in visible(text[: 10 * limit]) if char not in "`<>[]|*"))
    for pattern, look_alike in ADDRESSES:
        line = pattern.sub(look_alike, line)
    return _cut(line, limit)


def visible(text: str) -> str:
    """Return the text with every kind of space as a space, and without what cannot be seen or re-orders the rest."""
    shown = TERMINAL.sub("", text)
    kept = (char for char in shown if not unseen(char) or (char.isascii() and char.isspace()))
    return "".join(" " if char.isspace() else char for char in kept)


def unseen(char: str) -> bool:
    """Tell whether a character shows nothing or re-orders others: controls, tabs and line feeds too, and fillers."""
    if char.isascii():
        return not char.isprintable()
    return category(char) in {"Cc", "Cf", "Cs", "Co"} or char in _UNSEEN


def _line(text: str) -> str:
    return " ".join(_harmless(visible(text)).split())


def _harmless(text: str) -> str:
    """Break references to issues: a closing keyword before one would close it wherever the text is read unrendered."""
    text = REFERENCE.sub("\N{FULLWIDTH NUMBER SIGN}", text)
    text = SHORT_REFERENCE.sub("\\1\N{NON-BREAKING HYPHEN}", text)
    return LINKED.sub("/\\1\N{DIVISION SLASH}", text)


def _cut(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
