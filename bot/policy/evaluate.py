"""Judge a change by a policy: every rule answers pass, pending or fail, with a reason and the way to mend it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

import pathspec

from bot.domain.change import GATE, Change, Check, LabelSet, Role
from bot.policy.load import LoadedPolicy
from bot.policy.model import Checks, Label, Party, Paths, Rule

RuleState = Literal["pass", "pending", "fail"]
CheckState = Literal["none", "pending", "failure", "success"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a decision may look at, read at one moment.

    `roles` holds the role of everybody who set a label. `stale` are the ids of label acts that spoke of an earlier
    head. `ours` tells whether the head is the very commit that the bot pushed, so that its author is known.
    """

    change: Change
    checks: tuple[Check, ...]
    roles: Mapping[str, Role]
    bot: str
    requester: str
    stale: frozenset[str] = frozenset()
    ours: bool = True


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """One rule's answer."""

    name: str
    state: RuleState
    reason: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The policy's explained answer on one head. `approvers` are those whose approval counts."""

    sha: str
    base_sha: str
    policy: str
    state: Literal["approved", "pending", "blocked"]
    checks: CheckState
    rules: tuple[RuleVerdict, ...]
    approvers: tuple[str, ...]


def evaluate(loaded: LoadedPolicy, snapshot: Snapshot) -> Verdict:
    """Judge a snapshot. Approved only when the change is open and mergeable and every rule passes."""
    rules = (_condition(snapshot.change), *(_rule(rule, snapshot) for rule in loaded.policy.rules))
    states = {rule.state for rule in rules}
    state: Literal["approved", "pending", "blocked"] = "approved"
    if "fail" in states:
        state = "blocked"
    elif "pending" in states:
        state = "pending"
    wanted = [rule.requires.label for rule in loaded.policy.rules if rule.requires.label is not None]
    approvers = sorted({who for label in wanted for who in _approvers(label, snapshot)})
    return Verdict(
        sha=snapshot.change.head_sha,
        base_sha=snapshot.change.base_sha,
        policy=loaded.digest,
        state=state,
        checks=check_state(snapshot.checks, _ignored(loaded)),
        rules=rules,
        approvers=tuple(approvers),
    )


def check_state(checks: tuple[Check, ...], ignore: tuple[str, ...] = ()) -> CheckState:
    """Sum up checks, leaving out the gate's own; an empty set is `none`, never success."""
    states = [check.state for check in checks if check.name != GATE and check.name not in ignore]
    if "failure" in states:
        return "failure"
    if "pending" in states:
        return "pending"
    return "success" if "success" in states else "none"


def _ignored(loaded: LoadedPolicy) -> tuple[str, ...]:
    wanted = [rule.requires.checks for rule in loaded.policy.rules if rule.requires.checks is not None]
    return tuple(name for checks in wanted for name in checks.ignore)


def _condition(change: Change) -> RuleVerdict:
    name = "the change can be merged"
    if change.state != "open":
        return RuleVerdict(name, "fail", f"it is {change.state}", "reopen it")
    if change.draft:
        return RuleVerdict(name, "pending", "it is a draft", "mark it as ready for review")
    if change.mergeable is False:
        return RuleVerdict(name, "fail", "it conflicts with its base branch", "update the branch")
    if change.mergeable is None:
        return RuleVerdict(name, "pending", "the forge has not yet said whether it can be merged")
    return RuleVerdict(name, "pass", "open, and without conflicts")


def _rule(rule: Rule, snapshot: Snapshot) -> RuleVerdict:
    wanted = rule.requires
    answers: list[tuple[RuleState, str, str]] = []
    if wanted.checks is not None:
        answers.append(_checks(wanted.checks, snapshot))
    if wanted.label is not None:
        answers.append(_label(wanted.label, snapshot))
    if wanted.paths is not None:
        answers.append(_paths(wanted.paths, snapshot))
    if not answers:
        return RuleVerdict(rule.name, "fail", "the rule requires nothing", "give it a requirement, or take it out")
    order: tuple[RuleState, ...] = ("fail", "pending", "pass")
    state, reason, fix = min(answers, key=lambda answer: order.index(answer[0]))
    return RuleVerdict(rule.name, state, reason, fix)


def _checks(wanted: Checks, snapshot: Snapshot) -> tuple[RuleState, str, str]:
    ignored = (GATE, *wanted.ignore)
    relevant = [check for check in snapshot.checks if check.name not in ignored]
    red = [check.name for check in relevant if check.state == "failure"]
    if red:
        return "fail", f"failed: {_names(red)}", "push a fix, or run the checks again"
    slow = [check.name for check in relevant if check.state == "pending"]
    if slow:
        return "pending", f"still running: {_names(slow)}", ""
    green = [check.name for check in relevant if check.state == "success"]
    if len(green) < wanted.at_least:
        missing = f"{len(green)} of at least {wanted.at_least} checks succeeded on this commit"
        return "pending", missing, "set up continuous integration for this branch; no check is no success"
    return "pass", f"succeeded: {_names(green)}", ""


def _label(wanted: Label, snapshot: Snapshot) -> tuple[RuleState, str, str]:
    approvers = _approvers(wanted, snapshot)
    if approvers:
        return "pass", f'"{wanted.name}" set by {_names(approvers)}', ""
    how = f"somebody with {wanted.set_by.role} access{_excluded(wanted.set_by.never)} sets it"
    for label in snapshot.change.labels:
        if label.name == wanted.name:
            return (
                "pending",
                f'"{wanted.name}" by {label.by or "nobody"} does not count: {_objection(wanted, label, snapshot)}',
                how,
            )
    return "pending", f'"{wanted.name}" is not set', how


def _approvers(wanted: Label, snapshot: Snapshot) -> list[str]:
    labels = [label for label in snapshot.change.labels if label.name == wanted.name]
    return [label.by for label in labels if not _objection(wanted, label, snapshot)]


def _objection(wanted: Label, label: LabelSet, snapshot: Snapshot) -> str:
    """Say why this label does not count as an approval; empty when it does."""
    if not label.by:
        return "nobody knows who set it"
    if _same(label.by, (snapshot.bot,)):
        return f"{label.by} is the bot"
    for party in wanted.set_by.never:
        if _same(label.by, _members(party, snapshot)):
            return f"{label.by} is the {party}"
    if label.by_bot is not False:
        return f"{label.by} is a bot" if label.by_bot else f"nobody knows whether {label.by} is a person"
    role = snapshot.roles.get(label.by, Role.NONE)
    if not role.at_least(wanted.set_by.role):
        return f"{label.by} has {role} access, not {wanted.set_by.role}"
    if label.event in snapshot.stale:
        return "commits were pushed after it; take it off and set it again"
    if "committer" in wanted.set_by.never and not snapshot.ours and "" in snapshot.change.committers:
        return "nobody knows who wrote one of the commits; push them with an address that the forge knows"
    return ""


def _members(party: Party, snapshot: Snapshot) -> tuple[str, ...]:
    match party:
        case "bot":
            return (snapshot.bot,)
        case "requester":
            return (snapshot.requester,)
        case "author":
            return (snapshot.change.author,)
        case "committer":
            return snapshot.change.committers
        case _:  # pragma: no cover - the type checker proves that nothing is left
            assert_never(party)


def _paths(wanted: Paths, snapshot: Snapshot) -> tuple[RuleState, str, str]:
    hits = protected(wanted.none, snapshot.change.files)
    if hits:
        return "fail", f"touches {_names(hits)}", "leave these paths to a change made and merged by people"
    return "pass", "none is touched", ""


def protected(patterns: tuple[str, ...], paths: tuple[str, ...]) -> list[str]:
    """Return the paths that match a pattern, without regard to case: some file systems have none either."""
    spec = pathspec.GitIgnoreSpec.from_lines(pattern.casefold() for pattern in patterns)
    return [path for path in paths if spec.match_file(path.casefold())]


def protected_paths(loaded: LoadedPolicy) -> tuple[str, ...]:
    """Return every pattern that the policy's path rules protect."""
    return tuple(
        pattern
        for rule in loaded.policy.rules
        if rule.requires.paths is not None
        for pattern in rule.requires.paths.none
    )


def _same(login: str, members: tuple[str, ...]) -> bool:
    return login.casefold() in {member.casefold() for member in members}


def _excluded(parties: tuple[Party, ...]) -> str:
    *most, last = [f"the {party}" for party in parties] or [""]
    return f" who is not {', '.join(most)}{' or ' if most else ''}{last}" if last else ""


def _names(names: list[str]) -> str:
    shown = ", ".join(sorted(set(names))[:5])
    return shown if len(set(names)) <= 5 else f"{shown} and {len(set(names)) - 5} more"
