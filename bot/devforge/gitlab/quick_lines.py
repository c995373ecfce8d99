"""Finding quick actions in a text as GitLab finds them: by expressions until its version 17, in markdown since.

Here a line counts that either of them obeys, so whatever is harmless here is so on every GitLab.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark").enable("table")
_ACTED = (
    "close reopen label labels unlabel remove_label relabel title draft ready merge approve unapprove target_branch"
)
_KNOWN = (
    "assign unassign reassign assign_reviewer reviewer request_review unassign_reviewer remove_reviewer milestone "
    "remove_milestone due remove_due_date estimate remove_estimate spend spent spend_time remove_time_spent lock "
    "unlock subscribe unsubscribe todo done award react confidential duplicate move clone create_merge_request "
    "copy_metadata relate unlink weight clear_weight epic remove_epic iteration severity rebase submit_review "
    "request_changes tag promote promote_to promote_to_incident publish page timeline zoom remove_zoom shrug tableflip"
)
NAMES = tuple(f"{_ACTED} {_KNOWN}".split())
_COMMAND = rf"^/(?P<name>{'|'.join(sorted(NAMES, key=len, reverse=True))})(?:[ ](?P<rest>[^\n]*))?(?:\s*\n|$)"
_HTML = r"^<[^>]+?>\n.+?\n</[^>]+?>$"
_FLAGS = re.MULTILINE | re.DOTALL | re.IGNORECASE
_BY_EXPRESSION = re.compile(rf"^```.+?\n```$|^.*`\n*.+?\n*`$|{_HTML}|^>>>.+?\n>>>$|{_COMMAND}", _FLAGS)
_IN_PARAGRAPH = re.compile(rf"`.+?`|{_HTML}|{_COMMAND}", _FLAGS)


class Line(NamedTuple):
    """One quick action: where it stands in the text, its name and what follows it."""

    start: int
    end: int
    name: str
    rest: str


def extract(text: str) -> tuple[str, list[Line]]:
    """Return what is left of a text, and its quick actions in their order."""
    text = text.replace("\r", "")
    found = {line.start: line for line in (*_by_expression(text), *_in_markdown(text))}
    left, at = "", 0
    for line in sorted(found.values()):
        left, at = left + text[at : max(at, line.start)], max(at, line.end)
    return (left + text[at:]).rstrip(), sorted(found.values())


def _lines(pattern: re.Pattern[str], text: str, offset: int = 0) -> Iterator[Line]:
    for match in pattern.finditer(text):
        if match["name"]:
            yield Line(
                offset + match.start(), offset + match.end(), match["name"].lower(), (match["rest"] or "").strip()
            )


def _by_expression(text: str) -> Iterator[Line]:
    return _lines(_BY_EXPRESSION, text)


def _in_markdown(text: str) -> Iterator[Line]:
    """Look into the paragraphs that are in nothing else: no list, no quote, no code and no HTML."""
    rows = text.split("\n")
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row) + 1)
    for token in _MARKDOWN.parse("\n".join(_quoted(rows))):
        if token.type == "paragraph_open" and token.level == 0 and token.map:
            first, last = token.map
            paragraph = "\n".join(rows[first:last])
            yield from _lines(_IN_PARAGRAPH, paragraph, starts[first])


def _quoted(rows: list[str]) -> Iterator[str]:
    """Write what stands between two lines of `>>>` as the quote that it is to GitLab."""
    fences = [at for at, row in enumerate(rows) if row.rstrip() == ">>>"]
    pairs = list(zip(fences[::2], fences[1::2], strict=False))
    for at, row in enumerate(rows):
        yield f"> {row}" if any(first <= at <= last for first, last in pairs) else row
