"""Quick actions: lines such as `/close` in what somebody writes are done in their name, and left out of the text.

They count at the start of a line, outside code, quotes (`>>>`) and HTML comments; what the writer may not do is left.
Carriage returns are dropped before that, wherever they are.
"""

import re
from collections.abc import Callable

from bot.devforge.acts import issues as acts
from bot.devforge.acts import merging
from bot.devforge.call import RepoCall
from bot.devforge.model import Issue
from bot.domain.change import Role

_OUTSIDE = re.compile(
    r"(?P<kept>^```.*?\n```$|`[^`\n]*`|<!--.*?-->|^>>>.*?\n>>>$)|^/(?P<name>[A-Za-z_]+)(?:[ \t]+(?P<rest>[^\n]*))?$\n?",
    re.MULTILINE | re.DOTALL,
)


def act_on(call: RepoCall, one: Issue, text: str) -> str:
    """Do what the text's quick actions say, and return what is left of it."""

    def do(match: re.Match[str]) -> str:
        act = _ACTS.get((match["name"] or "").lower())
        if act is None:
            return match[0]
        act(call, one, (match["rest"] or "").strip())
        return ""

    return _OUTSIDE.sub(do, text.replace("\r", ""))


def _close(call: RepoCall, one: Issue, rest: str) -> None:
    del rest
    if call.user is one.author or call.role.at_least(Role.TRIAGE):
        acts.set_state(call.deed, one, "closed")


def _reopen(call: RepoCall, one: Issue, rest: str) -> None:
    del rest
    if call.user is one.author or call.role.at_least(Role.TRIAGE):
        acts.set_state(call.deed, one, "open")


def _label(call: RepoCall, one: Issue, rest: str) -> None:
    if call.role.at_least(Role.TRIAGE):
        for name in re.findall(r'~"([^"]+)"|~(\S+)', rest):
            acts.add_label(call.deed, one, name[0] or name[1])


def _unlabel(call: RepoCall, one: Issue, rest: str) -> None:
    if call.role.at_least(Role.TRIAGE):
        for name in re.findall(r'~"([^"]+)"|~(\S+)', rest):
            acts.take_label(call.deed, one, name[0] or name[1])


def _draft(call: RepoCall, one: Issue, rest: str) -> None:
    del rest
    if one.change is not None and call.role.at_least(Role.WRITE):
        one.change.draft = True


def _merge(call: RepoCall, one: Issue, rest: str) -> None:
    del rest
    if one.change is not None and call.role.at_least(Role.WRITE):
        merging.merge(call.deed, one, merging.MergeWish("merge", None))


_ACTS: dict[str, Callable[[RepoCall, Issue, str], None]] = {
    "close": _close,
    "reopen": _reopen,
    "label": _label,
    "unlabel": _unlabel,
    "draft": _draft,
    "merge": _merge,
}
