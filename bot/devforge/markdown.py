"""Renders what people and bots write: safe markdown, folded details, check boxes; HTML comments stay hidden.

Nothing of the text becomes HTML by itself, and nothing is loaded from elsewhere: images are shown as their text.
"""

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

_ENGINE = (
    MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"]).disable("image")
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_FOLD = re.compile(r"\s*(</?details>|<summary>.*?</summary>)\s*", re.IGNORECASE)
_BOX = re.compile(r"<li>(<p>)?\[([ xX])\] ")


def render(text: str) -> Markup:
    """Return a text as HTML that is safe to show."""
    out: list[str] = []
    depth = 0
    for kind, piece in _pieces(text):
        if kind == "open":
            depth += 1
            out.append("<details>")
        elif kind == "close":
            out.append("</details>" if depth else "")
            depth = max(0, depth - 1)
        elif kind == "summary":
            out.append(f"<summary>{escape(piece)}</summary>" if depth else f"<p>{escape(piece)}</p>")
        else:
            out.append(_BOX.sub(_box, _ENGINE.render(piece)))
    return Markup("".join(out) + "</details>" * depth)  # markdown-it escapes: html is off


def _box(match: re.Match[str]) -> str:
    ticked = " checked" if match[2] in "xX" else ""
    return f'<li class="task">{match[1] or ""}<input type="checkbox" disabled{ticked}> '


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """Cut a text into markdown and folds; what stands in fenced code is left alone."""
    kept: list[str] = []
    for line, fenced in _lines(text):
        parts = [] if fenced else _FOLD.findall(line)
        if not parts or _FOLD.sub("", line).strip():
            kept.append(line)
            continue
        yield "text", "\n".join(kept)
        kept = []
        for tag in parts:
            lower = tag.lower()
            if lower.startswith("<summary>"):
                yield "summary", re.sub(r"<[^>]*>", "", tag)
            else:
                yield ("open" if lower == "<details>" else "close"), ""
    yield "text", "\n".join(kept)


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Return each line and whether it is part of fenced code, without the comments outside of code."""
    for block, fenced in _blocks(text):
        shown = block if fenced else _COMMENT.sub("", block)
        for line in shown.split("\n"):
            yield line, fenced


def _blocks(text: str) -> Iterator[tuple[str, bool]]:
    fence, kept = "", list[str]()
    for line in text.replace("\r\n", "\n").split("\n"):
        mark = _FENCE.match(line)
        if not fence and mark:
            yield "\n".join(kept), False
            fence, kept = mark[1], [line]
        elif fence and mark and mark[1].startswith(fence):
            yield "\n".join([*kept, line]), True
            fence, kept = "", []
        else:
            kept.append(line)
    yield "\n".join(kept), bool(fence)
