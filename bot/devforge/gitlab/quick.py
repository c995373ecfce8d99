"""Quick actions: lines such as `/close` in what somebody writes are done in their name, and left out of the text.

What the writer may not do, or what cannot be done, is left out all the same.
"""

import re
from collections.abc import Callable

from bot.devforge.acts import approving, changes, merging
from bot.devforge.acts import issues as acts
from bot.devforge.call import RepoCall
from bot.devforge.gitlab.quick_lines import extract
from bot.devforge.model import Issue
from bot.domain.change import Role

Act = Callable[[RepoCall, Issue, str], None]
_LABELS = re.compile(r'~"([^"]+)"|~([^\s,"]+)')


def act_on(call: RepoCall, one: Issue, text: str) -> str:
    """Do what the text's quick actions say, and return what is left of it; a text without any stays as it is."""
    left, lines = extract(text)
    for line in lines:
        act = _ACTS.get(line.name)
        if act is not None:
            act(call, one, line.rest)
    return left if lines else text


def _state(state: str) -> Act:
    def act(call: RepoCall, one: Issue, rest: str) -> None:  # noqa: ARG001 - these take nothing
        merged = one.change is not None and one.change.merged_at is not None
        if not merged and (call.user is one.author or call.role.at_least(Role.TRIAGE)):
            acts.set_state(call.deed, one, state)

    return act


def _names(rest: str) -> list[str]:
    return [quoted or plain for quoted, plain in _LABELS.findall(rest)]


def _label(call: RepoCall, one: Issue, rest: str) -> None:
    if call.role.at_least(Role.TRIAGE):
        for name in _names(rest):
            acts.add_label(call.deed, one, name)


def _unlabel(call: RepoCall, one: Issue, rest: str) -> None:
    if call.role.at_least(Role.TRIAGE):
        for name in _names(rest) if rest else list(one.labels):
            acts.take_label(call.deed, one, name)


def _relabel(call: RepoCall, one: Issue, rest: str) -> None:
    _unlabel(call, one, "")
    _label(call, one, rest)


def _title(call: RepoCall, one: Issue, rest: str) -> None:
    if rest and (call.user is one.author or call.role.at_least(Role.TRIAGE)):
        acts.reword(call.deed, one, (rest[:255], one.body))


def _draft(wanted: bool) -> Act:
    def act(call: RepoCall, one: Issue, rest: str) -> None:  # noqa: ARG001 - these take nothing
        if one.change is not None and (call.user is one.author or call.role.at_least(Role.WRITE)):
            changes.set_draft(call.deed, one, wanted)

    return act


def _merge(call: RepoCall, one: Issue, rest: str) -> None:
    del rest
    if one.change is None or not call.role.at_least(Role.WRITE):
        return
    try:
        merging.merge_as_gitlab(call.deed, one, merging.MergeWish("merge", None), squash=False)
    except (merging.NotMergeable, merging.Moved):
        return


def _approve(call: RepoCall, one: Issue, rest: str) -> None:
    del rest
    if one.change is not None and call.role.at_least(Role.WRITE):
        approving.approve(call.deed, one)


def _unapprove(call: RepoCall, one: Issue, rest: str) -> None:
    del rest
    if one.change is not None:
        approving.unapprove(call.deed, one)


def _target(call: RepoCall, one: Issue, rest: str) -> None:
    known = one.change is not None and call.repo.git.branch(rest) is not None
    if known and one.change is not None and (call.user is one.author or call.role.at_least(Role.WRITE)):
        one.change.base = rest


_ACTS: dict[str, Act] = {
    "close": _state("closed"),
    "reopen": _state("open"),
    "label": _label,
    "labels": _label,
    "unlabel": _unlabel,
    "remove_label": _unlabel,
    "relabel": _relabel,
    "title": _title,
    "draft": _draft(True),
    "ready": _draft(False),
    "merge": _merge,
    "approve": _approve,
    "unapprove": _unapprove,
    "target_branch": _target,
}
