"""Which tests a repair is for, and what their failures tell."""

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from workers.engines.repair.hints import Hint
from workers.engines.repair.mutate.unit import Clues
from workers.engines.repair.overfit import LITERAL
from workers.engines.repair.result import RepairResult, Status
from workers.engines.repair.suite import Failure, Survey
from workers.engines.repair.text import shown

MOST_TOLD = 3
NEXT = "Make it end, or leave it out of the suite."
RETURN = "Make it return, or leave it out of the suite."
NOT_REPAIRABLE = ("SyntaxError", "IndentationError", "TabError", "ModuleNotFoundError")
WAITED_FOR = (
    re.compile(r"DID NOT RAISE (?:any exception, expected `)?(?:any of )?\(?([\w., ]+)"),
    re.compile(r"DID NOT RAISE .*?<class '([\w.]+)'>"),
    re.compile(r"\b(\w+) not raised"),
)


class Ended(Exception):
    """The repair is over; `result` says how. No error: the way out of any phase."""

    def __init__(self, status: Status, reason: str, **rest: object) -> None:
        super().__init__(reason)
        self.result = RepairResult(status=status, reason=reason, **rest)  # type: ignore[arg-type]


def check(survey: Survey) -> None:
    """Raise Ended when the suite told nothing that can be worked with."""
    if "" in survey.hung:
        raise Ended("hang", f"{told(survey.hung)}, so no test could be run. {NEXT}", hung=names(survey.hung))
    if survey.late:
        whole = "The tests did not finish within half of the time given"
        if survey.hung:
            raise Ended("hang", f"{told(survey.hung)}. {whole}. {NEXT}", hung=names(survey.hung))
        raise Ended("timeout", f"{whole}: give more seconds.")
    if survey.trouble:
        raise Ended("broken", f"The tests could not be run: {survey.trouble}")
    if not survey.outcomes and not survey.uncollected:
        raise Ended("broken", "pytest found no tests here: give a folder that has tests.")


def choose(survey: Survey, wanted: Sequence[str], hint: Hint, files: Collection[str]) -> list[str]:
    """Return the failing tests to repair, quickest first: the wanted ones, those of the hint, or all.

    A file that cannot be collected, or a test that hangs, counts where code that may be edited has a part in that.
    """
    chosen = set(asked_for(survey, wanted, hint))
    goals = [test for test in survey.failing if test in chosen]
    if not goals:
        kind: dict[str, object] = {"tests_before": "passed", "tests_after": "passed"}
        raise Ended("nothing_failing", "Every test passes: there is nothing to repair.", **kind)
    ran = {test for numbers in survey.lines.values() for tests in numbers.values() for test in tests}
    hopeless = {test for test in goals if not _has_a_part(survey, test, files, ran)}
    if len(hopeless) == len(goals):
        raise _nothing_to_edit(survey, goals)
    return sorted((test for test in goals if test not in hopeless), key=lambda test: survey.seconds.get(test, 0.0))


def _has_a_part(survey: Survey, test: str, files: Collection[str], ran: Collection[str]) -> bool:
    if test in survey.uncollected:
        return _reaches_code(survey, test, files)
    return test not in survey.hung or test in ran


def _nothing_to_edit(survey: Survey, goals: list[str]) -> Ended:
    hung = {test: survey.hung[test] for test in goals if test in survey.hung}
    if hung:
        reason = f"{told(hung)}, and no code that may be edited was seen at work there. {NEXT}"
        return Ended("hang", reason, failing=tuple(goals), hung=names(hung), tests_before="failed")
    text = survey.uncollected[goals[0]].strip().splitlines()
    frames = survey.failures[goals[0]].frames
    where = f"{frames[-1][0]}:{frames[-1][1]}: " if frames else ""
    reason = f"{goals[0]} cannot be collected: {where}{text[-1] if text else 'no reason given'}"
    return Ended("broken", reason, failing=tuple(goals), tests_before="error", tests_after="error")


def names(hung: Mapping[str, Failure]) -> tuple[str, ...]:
    """Return the tests that hang, and the files whose import does."""
    return tuple(test if "::" in test else _file_of(failure) for test, failure in hung.items())


def _file_of(failure: Failure) -> str:
    """Return the file that was to be read: the outermost one; "" when that is not known."""
    return failure.frames[0][0] if failure.frames else failure.test


def told(hung: Mapping[str, Failure]) -> str:
    """Say which tests and files hang, where they stood, and what their limit was: the first by name, others counted."""
    return some([_told(failure) for failure in hung.values()], MOST_TOLD, "; ", "; and ")


def some(texts: Sequence[str], most: int, between: str = ", ", last: str = " and ") -> str:
    """Return the first `most` of these in one line, and how many more there are."""
    rest = len(texts) - most
    return between.join(texts[:most]) + (f"{last}{rest} more" if rest > 0 else "")


def _told(failure: Failure) -> str:
    path, line, _ = failure.frames[-1] if failure.frames else ("", 0, "")
    where = f" (it was at {path}:{line})" if path else ""
    limit = f"within {round(failure.limit, 1):g} s"
    if "::" in failure.test:
        return f"{failure.test} did not end {limit}{where}"
    return f"{_file_of(failure) or 'the configuration of the tests'} did not load {limit}{where}"


def asked_for(survey: Survey, wanted: Sequence[str], hint: Hint) -> list[str]:
    """Return the tests that are wished for, failing or not: the wanted ones, the failing ones of the hint, or all."""
    known = [*survey.uncollected, *survey.outcomes]
    if not wanted:
        return [test for test in survey.failing if hint.picks(test)] or known
    chosen = [test for test in known if any(covers(wish, test) for wish in wanted)]
    if not chosen:
        raise Ended("broken", f"No test matches {', '.join(wanted)}: give node ids as pytest prints them.")
    return chosen


def covers(wish: str, test: str) -> bool:
    """Tell whether a wish (node id, file or folder) covers a test."""
    wish = wish.removeprefix("./").rstrip("/")
    return test == wish or any(test.startswith(wish + mark) for mark in ("::", "[", "/"))


def _reaches_code(survey: Survey, test: str, files: Collection[str]) -> bool:
    failure = survey.failures.get(test)
    if failure is None or failure.type in NOT_REPAIRABLE:
        return False
    return failure.type == "ImportError" or any(file in files for file, _, _ in failure.frames)


def waited_for(message: str) -> set[str]:
    """Return the names of the exceptions that a failing test says it did not see."""
    told = [name.strip() for pattern in WAITED_FOR for match in pattern.findall(message) for name in match.split(",")]
    last = {name.rsplit(".", 1)[-1] for name in told}
    return {name for name in last if name.isidentifier() and name[0].isupper()}


def clues(survey: Survey, goals: Sequence[str], source: Path) -> Clues:
    """Return what the failures of these tests, and the tests' own text, tell about the fault."""
    failures = [survey.failures[goal] for goal in goals if goal in survey.failures]
    expected = {name for one in failures for name in waited_for(one.message)}
    literals: set[str] = set()
    named: set[str] = set()
    for path in {goal.split("::")[0] for goal in goals}:
        if (source / path).is_file():
            text = shown((source / path).read_bytes())
            literals.update(LITERAL.findall(text))
            named |= _raises_in(text, {goal.split("::")[-1].split("[")[0] for goal in goals})
    return Clues(
        errors=frozenset(one.type for one in failures),
        expected=frozenset(expected | named),
        literals=frozenset(literals),
        messages=tuple(one.message for one in failures),
    )


def _raises_in(text: str, functions: set[str]) -> set[str]:
    """Return the exceptions that these test functions name in `raises(...)` or `assertRaises(...)`."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()
    wanted = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name in functions]
    calls = [call for one in wanted for call in ast.walk(one) if isinstance(call, ast.Call) and call.args]
    return {
        ast.unparse(call.args[0]).rsplit(".", 1)[-1]
        for call in calls
        if ast.unparse(call.func).rsplit(".", 1)[-1] in ("raises", "assertRaises")
    }


def is_met(survey: Survey, goal: str) -> bool:
    """Tell whether a goal (a test, or a file that could not be collected) passed in this survey."""
    if goal in survey.outcomes or "::" in goal:
        return survey.outcomes.get(goal) == "passed"
    inside = [outcome for test, outcome in survey.outcomes.items() if covers(goal, test)]
    return goal not in survey.uncollected and "passed" in inside and not {"failed", "error"} & set(inside)
