"""The repair engine: survey, rank, search, verify. It never writes to the source and runs its code only in the sandbox."""

import ast
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.ports import Sandbox
from workers.engines.repair import suite
from workers.engines.repair.diff import first_line, unified
from workers.engines.repair.hints import Hint, read_hint
from workers.engines.repair.mutate.unit import Clues
from workers.engines.repair.overfit import LITERAL, apply
from workers.engines.repair.plan import Candidate, plan, read_units
from workers.engines.repair.result import Outcome, Phase, Progress, RepairResult, Status
from workers.engines.repair.search import Aim, Tried, hunt
from workers.engines.repair.source import TooLarge, copy_tree, editable
from workers.engines.repair.spectrum import Line, rank

TEST_SECONDS = 5.0
SURVEY_SHARE = 0.5
LINGER = 1.5
VERIFY_SECONDS = 30.0
SAYS_EXPECTED = re.compile(r"DID NOT RAISE (?:any of )?.*?<class '(?:[\w.]*\.)?(\w+)'>|(\b[A-Z]\w*(?:Error|Exception)\b) not raised")


class RepairEngine:
    """Finds a small edit that makes failing tests pass. One engine may be used many times, one repair at a time."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def repair(
        self,
        source: Path,
        *,
        tests: Sequence[str] = (),
        hint: str = "",
        seconds: float = 120,
        max_candidates: int = 2000,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> RepairResult:
        """Return a patch for the failing tests of the repository at `source`, or why there is none.

        `tests` (node ids, files or folders) or what `hint` (an issue's text) mentions are the goal; without them, every
        failing test is. No test that passed before may fail. Ends within about `seconds`; only SandboxUnavailable and
        OSError from reading the source are raised.
        """
        job = _Job(self._sandbox, source, tuple(tests), read_hint(hint), seconds, max_candidates, on_progress)
        return job.run()


class _Ended(Exception):  # noqa: N818 - not an error: the way out of any phase with a result
    def __init__(self, result: RepairResult) -> None:
        super().__init__(result.reason)
        self.result = result


@dataclass(slots=True)
class _Job:
    sandbox: Sandbox
    source: Path
    wanted: tuple[str, ...]
    hint: Hint
    seconds: float
    most: int
    on_progress: Callable[[Progress], None] | None
    began: float = field(default_factory=time.monotonic)
    files: dict[str, bytes] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)
    tried: int = 0

    def run(self) -> RepairResult:
        try:
            return self._run()
        except _Ended as ended:
            return replace(ended.result, seconds=self._elapsed(), candidates=self.tried)
        except TooLarge as error:
            return self._result("broken", reason=str(error))

    # --- phases -------------------------------------------------------------------------------------------------------
    def _run(self) -> RepairResult:
        survey = self._survey()
        goals = self._goals(survey)
        self._say("rank", note=f"{len(goals)} failing")
        scores = rank(
            survey.lines,
            failing=goals,
            passing=survey.passing,
            failures=[survey.failures[goal] for goal in goals if goal in survey.failures],
            hint=self.hint,
        )
        if not any(file in self.files for file, _ in scores):
            raise _Ended(self._result("none", failing=goals, before=self._before(survey, goals), reason="The failing tests run no code that may be edited."))
        candidates = plan(read_units(self.files, scores), scores, self._clues(survey, goals), most=self.most)
        aim = Aim(tuple(goals), tuple(test for test in survey.passing), (), sum(survey.seconds.values()))
        tried = self._hunt(candidates, aim)
        for place in sorted(tried.plausible, key=lambda one: -candidates[one].merit)[:3]:
            result = self._verified(candidates[place], survey, goals)
            if result is not None:
                return result
        return self._no_patch(tried, survey, goals, scores)

    def _survey(self) -> suite.Survey:
        with self.sandbox.workspace() as workspace:
            self._say("copy")
            self.paths = copy_tree(self.source, workspace)
            names = editable(self.paths)
            self.files = {name: (workspace / name).read_bytes() for name in names}
            self._say("survey", note="running the tests")
            found = suite.survey(
                self.sandbox,
                workspace,
                watch=names,
                seconds=max(5.0, self.seconds * SURVEY_SHARE),
                test_seconds=min(TEST_SECONDS, max(1.0, self.seconds * 0.08)),
                heard=lambda now: self._say("survey", len(now.outcomes), len(now.tests)),
            )
        self._check(found)
        return found

    def _check(self, found: suite.Survey) -> None:
        """End here when the suite told nothing that can be worked with."""
        if found.late or "killed" in found.trouble:
            what = "while being collected" if "collecting" in found.trouble else "within half of the time given"
            raise _Ended(self._result("timeout", reason=f"The tests did not finish {what}: give more seconds, or name tests."))
        if found.trouble:
            raise _Ended(self._result("broken", reason=f"The tests could not be run: {found.trouble}"))
        if not found.outcomes and not found.uncollected:
            raise _Ended(self._result("broken", reason="pytest found no tests here: give a folder that has tests."))

    def _goals(self, survey: suite.Survey) -> list[str]:
        known = [*survey.uncollected, *survey.outcomes]
        if self.wanted:
            chosen = [test for test in known if any(_names(wish, test) for wish in self.wanted)]
            if not chosen:
                raise _Ended(self._result("broken", reason=f"No test matches {', '.join(self.wanted)}."))
        else:
            chosen = [test for test in survey.failing if self.hint.picks(test)] or known
        goals = [test for test in survey.failing if test in set(chosen)]
        if not goals:
            raise _Ended(self._result("nothing_failing", before="passed", after="passed", reason="Every test passes: there is nothing to repair."))
        broken = [test for test in goals if test in survey.uncollected and not self._reaches_code(survey, test)]
        if broken and len(broken) == len(goals):
            text = survey.uncollected[broken[0]].strip().splitlines()
            last = text[-1] if text else "no reason given"
            raise _Ended(self._result("broken", failing=goals, before="error", reason=f"{broken[0]} cannot be collected: {last}"))
        return [test for test in goals if test not in broken]

    def _reaches_code(self, survey: suite.Survey, test: str) -> bool:
        failure = survey.failures.get(test)
        if failure is None or failure.type in ("SyntaxError", "IndentationError", "TabError", "ModuleNotFoundError"):
            return False
        return any(file in self.files for file, _, _ in failure.frames) or failure.type == "ImportError"

    def _clues(self, survey: suite.Survey, goals: Sequence[str]) -> Clues:
        failures = [survey.failures[goal] for goal in goals if goal in survey.failures]
        expected = {name for one in failures for pair in SAYS_EXPECTED.findall(one.message) for name in pair if name}
        literals: set[str] = set()
        for path in {goal.split("::")[0] for goal in goals}:
            if (self.source / path).is_file():
                literals.update(LITERAL.findall((self.source / path).read_text("utf-8", "replace")))
        return Clues(
            errors=frozenset(one.type for one in failures),
            expected=frozenset(expected),
            literals=frozenset(literals),
            messages=tuple(one.message for one in failures),
        )

    def _hunt(self, candidates: Sequence[Candidate], aim: Aim) -> Tried:
        left = self.seconds - self._elapsed() - min(VERIFY_SECONDS, 2.0 + 3 * aim.suite_seconds)
        if left <= 0 or not candidates:
            return Tried(exhausted=not candidates)
        with self.sandbox.workspace() as workspace:
            copy_tree(self.source, workspace)
            base = self.tried
            tried = hunt(
                self.sandbox,
                workspace,
                candidates,
                aim,
                seconds=left,
                linger=LINGER,
                heard=lambda now: self._say("search", base + now.count, base + len(candidates), f"{len(now.plausible)} plausible"),
            )
        self.tried += tried.count
        return tried

    def _verified(self, candidate: Candidate, survey: suite.Survey, goals: Sequence[str]) -> RepairResult | None:
        """Run the whole suite once more, in a fresh sandbox on a clean copy with the patch; None when it does not hold."""
        self._say("verify", note=candidate.path)
        after = apply(self.files[candidate.path], candidate.edits)
        with self.sandbox.workspace() as workspace:
            copy_tree(self.source, workspace)
            (workspace / candidate.path).write_bytes(after)
            again = suite.survey(self.sandbox, workspace, seconds=VERIFY_SECONDS + 2 * sum(survey.seconds.values()), test_seconds=TEST_SECONDS * 4)
        kept = all(again.outcomes.get(test) == "passed" for test in survey.passing)
        if again.trouble or not kept or any(_names(goal, test) for goal in goals for test in again.failing):
            return None
        before = self.files[candidate.path]
        return RepairResult(
            status="fixed",
            patch=unified(candidate.path, before, after),
            file=candidate.path,
            line=first_line(before, after),
            tests_before=self._before(survey, goals),
            tests_after="passed",
            failing=tuple(goals),
            candidates=self.tried,
            seconds=self._elapsed(),
            reason=f"{len(goals)} failing test{'s' if len(goals) > 1 else ''} pass with this change, and every test that passed before still does.",
            operator=candidate.operator,
        )

    def _no_patch(self, tried: Tried, survey: suite.Survey, goals: Sequence[str], scores: dict[Line, float]) -> RepairResult:
        place = next((line for line in scores if line[0] in self.files), ("", 0))
        before = self._before(survey, goals)
        if tried.trouble:
            return self._result("broken", failing=goals, before=before, reason=f"The search could not run: {tried.trouble}", place=place)
        if tried.exhausted:
            reason = f"None of {self.tried} small edits makes the failing tests pass; {place[0]}:{place[1]} is the most suspicious line."
            return self._result("none", failing=goals, before=before, reason=reason, place=place)
        reason = f"No patch within {self.seconds:g} seconds ({self.tried} edits tried): give more seconds."
        return self._result("timeout", failing=goals, before=before, reason=reason, place=place)

    # --- small things -------------------------------------------------------------------------------------------------
    @staticmethod
    def _before(survey: suite.Survey, goals: Sequence[str]) -> Outcome:
        kinds = {survey.outcomes.get(goal, "error") for goal in goals}
        return "failed" if "failed" in kinds else "error"

    def _result(
        self,
        status: Status,
        *,
        reason: str,
        failing: Sequence[str] = (),
        before: Outcome = "unknown",
        after: Outcome | None = None,
        place: Line = ("", 0),
    ) -> RepairResult:
        return RepairResult(
            status=status,
            file=place[0],
            line=place[1],
            tests_before=before,
            tests_after=after or before,
            failing=tuple(failing),
            candidates=self.tried,
            seconds=self._elapsed(),
            reason=reason,
        )

    def _elapsed(self) -> float:
        return round(time.monotonic() - self.began, 3)

    def _say(self, phase: Phase, done: int = 0, total: int = 0, note: str = "") -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(phase, done, total, note, self._elapsed()))


def _names(wish: str, test: str) -> bool:
    """Tell whether a wish (node id, file or folder) covers a test."""
    wish = wish.removeprefix("./").rstrip("/")
    return test == wish or any(test.startswith(wish + mark) for mark in ("::", "[", "/"))


def parses(text: bytes) -> bool:
    """Tell whether a file's text is Python."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
