"""Python source as bytes and as text: an edit of the text is spelled in the file's own encoding and line ends."""

import codecs
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from tokenize import detect_encoding

from bot.domain.errors import JourneymanError

Span = tuple[int, int, bytes]
"""Put these bytes in place of those from the first offset to the second."""

# White space up to a form feed says nothing to Python, which begins to count the indentation anew there.
FEED = re.compile(r"^[ \t\f]*\f", re.MULTILINE)
LINE_END = re.compile(r"\r?\n")


class Unreadable(JourneymanError):
    """The bytes are no Python text that could be edited and written back; the message says why."""


@dataclass(frozen=True, slots=True)
class Text:
    """A source file. `view` is what is parsed and edited: UTF-8, no byte order mark, no form feeds before code, and
    line feeds where the file has carriage returns alone. `newline` is how the file ends most of its lines.
    """

    raw: bytes
    view: bytes
    codec: str
    newline: str
    _uniform: bool
    _view_starts: tuple[int, ...]
    _raw_starts: tuple[int, ...]

    def spell(self, edits: Iterable[tuple[int, int, str]]) -> tuple[Span, ...]:
        """Return edits of the view as edits of the bytes; raises UnicodeEncodeError for what the encoding lacks."""
        return tuple((self._place(start), self._place(end), self._bytes(text)) for start, end, text in edits)

    def _place(self, offset: int) -> int:
        if self.raw is self.view:
            return offset
        line = bisect_right(self._view_starts, offset) - 1
        before = self.view[self._view_starts[line] : offset]
        return self._raw_starts[line] + len(before.decode().encode(self.codec))

    def _bytes(self, text: str) -> bytes:
        return (LINE_END.sub(self.newline, text) if self._uniform else text).encode(self.codec)


def read(raw: bytes) -> Text:
    """Read a source file as Python does (PEP 263); raises Unreadable."""
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    codec = _codec(raw)
    body = raw.removeprefix(mark)
    try:
        text = body.decode(codec)
        table = {char: char.encode(codec) for char in set(text)} if codec != "utf-8" else {}
    except UnicodeError as error:
        raise Unreadable(f"it is not {codec} text: {error}") from None
    if table and b"".join(map(table.__getitem__, text)) != body:
        raise Unreadable(f"its encoding {codec} does not give each character bytes of its own: save it as UTF-8")
    newline = _newline(text)
    lines = text.split("\r" if newline == "\r" else "\n")
    kept = [FEED.sub("", line) for line in lines]
    view = "\n".join(kept).encode()
    if view == raw:
        view = raw
    skipped = [len(line) - len(rest) for line, rest in zip(lines, kept, strict=True)]  # all of it white space: one byte
    ends = [len(line.encode(codec)) + 1 for line in lines]
    raw_starts = [start + skip for start, skip in zip(accumulate([len(mark), *ends]), skipped, strict=False)]
    view_starts = list(accumulate([0, *(len(line.encode()) + 1 for line in kept)]))[: len(lines)]
    uniform = newline == "\r" or text.count(newline) == text.count("\n")
    return Text(raw, view, codec, newline, uniform, tuple(view_starts), tuple(raw_starts))


def apply(raw: bytes, spans: Iterable[Span]) -> bytes:
    """Return the bytes with the edits done; they do not overlap."""
    for start, end, new in sorted(spans, reverse=True):
        raw = raw[:start] + new + raw[end:]
    return raw


def shown(raw: bytes) -> str:
    """Return the text of a source file for reading only; never raises."""
    try:
        return read(raw).view.decode()
    except Unreadable:
        return raw.decode("utf-8", "replace")


def _codec(raw: bytes) -> str:
    try:
        return detect_encoding(BytesIO(raw).readline)[0].removesuffix("-sig")
    except (SyntaxError, UnicodeError) as error:
        raise Unreadable(f"Python cannot read it: {error}") from None


def _newline(text: str) -> str:
    if "\n" not in text and "\r" in text:
        return "\r"
    return "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
