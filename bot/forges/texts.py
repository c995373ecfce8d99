"""The hidden marker that finds the bot's own comment again, and cutting texts to what a forge allows."""

import re

from bot.domain.errors import Invalid

_TOPIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/]*(?:-[A-Za-z0-9_.:/]+)*")
_CUT = "\n\n[... {} characters cut here: the forge allows no more ...]\n\n"


def marker(topic: str) -> str:
    """Return the HTML comment that marks a topic; raises Invalid for a topic that could end the comment."""
    if not _TOPIC.fullmatch(topic):
        raise Invalid(f"a comment topic holds letters, digits and _ . : / and single dashes, not {topic[:60]!r}")
    return f"<!-- journeyman:{topic} -->"


def marked(topic: str, body: str, limit: int) -> str:
    """Return the body of the comment on a topic, marker first, of at most `limit` characters."""
    return cut_middle(f"{marker(topic)}\n{body.strip()}", limit)


def is_marked(topic: str, body: str) -> bool:
    """Tell whether a body is of this topic. A marker further down is somebody's quotation and does not count."""
    return body.startswith(marker(topic))


def same(one: str, other: str) -> bool:
    """Tell whether two texts read the same; forges may change line ends and outer white space."""
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def cut_middle(text: str, limit: int) -> str:
    """Return the text, or its beginning and end with a note between when it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    note = _CUT.format(len(text) - limit)
    room = limit - len(_CUT.format(len(text)))
    head = room // 2
    return text[:head] + note + text[len(text) - (room - head) :]


def cut_end(text: str, limit: int) -> str:
    """Return the text as one line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "\u2026"
