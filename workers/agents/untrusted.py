"""Untrusted text for a prompt: made harmless to look at, cut to size, and put between marks that nobody can guess."""

import re
from dataclasses import dataclass
from secrets import token_hex
from unicodedata import normalize

from bot.ports import Memo
from bot.services.quoting import unseen
from workers.tools.output import cut

LIMIT = 12_000
"""Characters of one section, unless it says otherwise."""

_FORGED = re.compile(r"<{2,}\s*/?\s*(?:data|end)\b[^\n]*", re.IGNORECASE)
# What chat templates use to mark turns: a model on the premises may read them as such, even inside a message.
_TEMPLATE = re.compile(
    r"<\|[^|\n]{0,64}\|>|<\uff5c[^\uff5c\n]{0,64}\uff5c>|\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>"
    r"|</?(?:tool_call|tool_response|think|s|bos|eos)>",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Section:
    """A piece of untrusted text; `label` is ours and says what it is (`issue body`, `test output`)."""

    label: str
    text: str
    limit: int = LIMIT


def mark_for(memo: Memo | None, scope: str) -> str:
    """Return the mark of a run: random, and the same again when the run is restarted with its memory."""
    fresh = token_hex(16)
    if memo is None:
        return fresh
    memo.remember(scope, "prompt-mark", fresh.encode())
    kept = memo.recall(scope, "prompt-mark")
    return kept.decode() if kept else fresh


def framed(section: Section, mark: str) -> str:
    """Return the section between this run's marks."""
    text = cut(harmless(section.text, mark), section.limit, head=section.limit * 2 // 3)
    return f"<<<data {mark}: {section.label}>>>\n{text}\n<<<end {mark}>>>"


def harmless(text: str, mark: str = "") -> str:
    """Return the text without invisible characters, forged marks and chat-template tokens.

    Bidirectional controls, zero-width and tag characters, soft hyphens, other controls and lone surrogates go; what
    looks like one of our marks becomes `[mark removed]`; template tokens lose their brackets.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    seen = "".join(char for char in text if char in "\n\t" or not unseen(char))
    if mark:
        seen = seen.replace(mark, "[mark removed]")
    # Look-alikes (full-width brackets) are judged by what they look like, line by line; other lines stay as they are.
    lines = [_plain(line) for line in seen.split("\n")]
    return _TEMPLATE.sub(lambda found: found[0].strip("<>[]|\uff5c").join("()"), "\n".join(lines))


def _plain(line: str) -> str:
    folded = normalize("NFKC", line)
    return _FORGED.sub("[mark removed]", folded) if _FORGED.search(folded) else line
