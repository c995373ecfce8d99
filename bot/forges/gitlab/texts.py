"""Limits of GitLab on text, and text that makes it do nothing."""

import re

BODY = 1_000_000
TITLE = 255
STATUS = 255

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_ACTION = re.compile(r"^([ \t]*)/(?=[A-Za-z])")
_UNSEEN = "\N{WORD JOINER}"


def harmless(text: str) -> str:
    """Return the text so that no line of it is a quick action.

    GitLab obeys lines such as `/merge` or `/approve` with the rights of whoever writes them: with ours. Outside code a
    backslash keeps the slash as it is; inside code, where GitLab obeys nothing as long as it sees the code as we do, an
    invisible character stands before it.
    """
    shown, fence = [], ""
    for line in re.split(r"(\r\n|\r|\n)", text):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence[:3]) and len(mark[1]) >= len(fence):
            fence = ""
        shown.append(_ACTION.sub(rf"\1{_UNSEEN}/" if fence else r"\1\\/", line))
    return "".join(shown)
