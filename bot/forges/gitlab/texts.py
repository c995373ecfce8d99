"""Limits of GitLab on text, and text that makes it do nothing."""

import re

from bot.forges.texts import cut_middle

BODY = 999_984  # GitLab takes a million; what a cut leaves may need a few more to be harmless
TITLE = 255
STATUS = 255

_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_ACTION = re.compile(r"^(\s*)/(?=[A-Za-z])")
_UNSEEN = "\N{WORD JOINER}"


def harmless(text: str, limit: int = BODY) -> str:
    """Return the text, cut in the middle to `limit` characters, so that no line of it is a quick action.

    GitLab obeys lines such as `/merge` or `/approve` with the rights of whoever writes them: with ours. Outside code a
    backslash keeps the slash as it is; inside code, where GitLab obeys nothing as long as it sees the code as we do, an
    invisible character stands before it. It looks for such lines after it has dropped every carriage return.
    """
    return _disarmed(cut_middle(_disarmed(text), limit))


def _disarmed(text: str) -> str:
    shown, fence = [], ""
    for line in text.replace("\r\n", "\n").replace("\r", " ").replace("\0", "").split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence[:3]) and len(mark[1]) >= len(fence):
            fence = ""
        shown.append(_ACTION.sub(rf"\1{_UNSEEN}/" if fence else r"\1\\/", line))
    return "\n".join(shown)
