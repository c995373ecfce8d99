"""Answers about the policy's rules and the use of models: `/agent explain` and `/agent budget`."""

from difflib import get_close_matches

from bot.domain.facts import Judged, ModelUsed
from bot.domain.run import Run
from bot.policy.load import LoadedPolicy
from bot.policy.model import Rule
from bot.services.messages import MARKS, cost
from bot.services.quoting import code

MAX_ROWS = 20
MAX_NAMES = 12


def budget(run: Run, runs: int, most_runs: int, attempts: int) -> str:
    """What a run has used by model, and its bounds: `runs` of `most_runs` on this issue, tries for each task."""
    rows = [f"{run.id}: {cost(run)}."]
    models: dict[tuple[str, str], list[ModelUsed]] = {}
    for use in run.used:
        models.setdefault((use.vendor, use.model), []).append(use)
    if models:
        rows += ["", "| model | calls | tokens in | tokens out | cost |", "|---|---|---|---|---|"]
        for (vendor, model), uses in sorted(models.items())[:MAX_ROWS]:
            known = [use.cost for use in uses if use.cost is not None]
            money = f"${sum(known):.2f}" if len(known) == len(uses) else "unknown"
            tokens = f"{sum(use.input_tokens for use in uses)} | {sum(use.output_tokens for use in uses)}"
            rows.append(f"| {code(f'{vendor}/{model}')} | {len(uses)} | {tokens} | {money} |")
    tasks = run.planned.plan.graph.tasks if run.planned is not None else ()
    rows += ["", "Bounds:", ""]
    for task in tasks:
        used = run.attempts.get(task.id, 0)
        rows.append(f"- {code(task.title)}: {used} of {attempts} tries, at most {task.seconds:.0f} s each")
    return "\n".join([*rows, f"- runs on this issue: {runs} of {most_runs}"])


def rules(policy: LoadedPolicy, judged: Judged | None) -> str:
    """List the rules of a policy with how each stands, if a change was judged by it."""
    states = {name: MARKS.get(state, state) for name, state, _ in judged.rules} if judged is not None else {}
    rows = [f"- {code(rule.name)}{_state(states.get(rule.name))}: {_asks(rule)}" for rule in policy.policy.rules]
    shown = rows if len(rows) <= MAX_ROWS else [*rows[:MAX_ROWS], f"- … {len(rows) - MAX_ROWS} more …"]
    return "\n".join([f"The gate asks for all of this (policy {code(policy.source)}):", "", *shown])


def rule(wanted: str, policy: LoadedPolicy, judged: Judged | None) -> str:
    """Explain the rule of this name: what it asks for, how it stands, why, and what to do."""
    names = {_spoken(one.name): one for one in policy.policy.rules}
    asked = _spoken(wanted)
    one = names.get(asked)
    if one is None:
        close = [name for name in names if asked and name.startswith(asked)] or get_close_matches(asked, names, 1)
        guess = f"Did you mean {code(names[close[0]].name, 100)}? " if close else ""
        return f"The policy has no rule {code(wanted, 60)}. {guess}`/agent explain` lists all."
    parts = [f"{code(one.name, 100)} asks for: {_asks(one)} (policy {code(policy.source)})."]
    row = next((row for row in judged.rules if row[0] == one.name), None) if judged is not None else None
    if row is None or judged is None:
        return "\n".join([*parts, "", "No change of this run was judged by it yet."])
    return "\n".join([*parts, "", f"On {judged.sha[:12]}: {MARKS.get(row[1], row[1])}: {code(row[2], 300)}."])


def _spoken(name: str) -> str:
    """Return a name as people may write it: with quotes around it, in any case."""
    return name.strip(" \t\r\n`\"'").casefold()


def _state(mark: str | None) -> str:
    return f" {mark}" if mark else ""


def _asks(rule: Rule) -> str:
    """Say in words what a rule requires."""
    wanted, parts = rule.requires, []
    if wanted.checks is not None:
        left_out = f", {_list(wanted.checks.ignore)} left out" if wanted.checks.ignore else ""
        checks = "one check" if wanted.checks.at_least == 1 else f"{wanted.checks.at_least} checks"
        parts.append(f"at least {checks} succeeded on the head, and none failed{left_out}")
    if wanted.label is not None:
        by = wanted.label.set_by
        never = f", and is not the {' or the '.join(by.never)}" if by.never else ""
        who = f"a human who has {by.role} access{never}"
        parts.append(f"the label {code(wanted.label.name)}, set on the present head by {who}")
    if wanted.paths is not None:
        parts.append(f"no changed path matches {_list(wanted.paths.none)}")
    return "; ".join(parts) or "nothing, so it never holds"


def _list(names: tuple[str, ...]) -> str:
    shown = ", ".join(code(name, 80) for name in names[:MAX_NAMES])
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES} more"
