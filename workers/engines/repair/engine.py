"""The repair engine: survey, rank, search, verify. It only reads the source, and runs its code only in the sandbox."""

import re
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from bot.ports import Sandbox
from workers.engines.repair import goals, suite
from workers.engines.repair.diff import first_line, unified
from workers.engines.repair.hints import Hint, read_hint
from workers.engines.repair.mutate.unit import parse
from workers.engines.repair.patches import Patch, apply_to, pairs
from workers.engines.repair.plan import plan, read_units
from workers.engines.repair.result import Outcome, Phase, Progress, RepairResult
from workers.engines.repair.search import Aim, Tried, hunt
from workers.engines.repair.source import TooLarge, copy_tree, editable
from workers.engines.repair.spectrum import rank
from workers.engines.repair.text import Unreadable

TEST_SECONDS = 5.0
PATIENCE = 10.0
SURVEY_SHARE = 0.5
SINGLE_SHARE = 0.85
LINGER, LINGER_PAIRS = 0.2, 1.0
MOST_VERIFIED = 3
MOST_TOLD = 5
NO_MODULE = re.compile(r"No module named '[^']{1,100}'")


class RepairEngine:
    """Finds a small edit that makes failing tests pass. One engine may be used many times, and by many threads."""

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


@dataclass(slots=True)
class _Job:
    """One repair. `tried` counts candidates over all batches."""

    sandbox: Sandbox
    source: Path
    wanted: tuple[str, ...]
    hint: Hint
    seconds: float
    most: int
    on_progress: Callable[[Progress], None] | None
    began: float = field(default_factory=time.monotonic)
    files: dict[str, bytes] = field(default_factory=dict)
    tried: int = 0

    def run(self) -> RepairResult:
        try:
            result = self._run()
        except goals.Ended as ended:
            result = ended.result
        except TooLarge as error:
            result = RepairResult("broken", reason=str(error))
        return replace(result, seconds=self._elapsed(), candidates=self.tried)

    def _run(self) -> RepairResult:
        survey = self._survey()
        goals.check(survey)
        self._confirm(survey, goals.asked_for(survey, self.wanted, self.hint))
        wanted = goals.choose(survey, self.wanted, self.hint, self.files)
        self._say("rank", note=f"{len(wanted)} failing")
        failures = [survey.failures[goal] for goal in wanted if goal in survey.failures]
        scores = rank(survey.lines, failing=wanted, passing=survey.passing, failures=failures, hint=self.hint)
        place = next(iter(scores), ("", 0))
        before = _before(survey, wanted)
        facts = RepairResult(
            "none", "", place[0], place[1], before, before, failing=tuple(wanted), hung=goals.names(survey.hung)
        )
        if not scores:
            return _named(replace(facts, reason="The failing tests run no code that may be edited."), survey)
        clues = goals.clues(survey, wanted, self.source)
        singles = self.most if len(wanted) == 1 else self.most * 3 // 4  # the rest is for pairs
        patches: list[Patch] = [(one,) for one in plan(read_units(self.files, scores), scores, clues, most=singles)]
        deadly = survey.deadly
        aim = Aim(
            goals=tuple(goal for goal in wanted if goal not in deadly),
            deadly=tuple(goal for goal in wanted if goal in deadly),
            keep=tuple(survey.passing),
            left_out=tuple(test for test in deadly if test not in wanted),
            suite_seconds=survey.usual_seconds,
        )
        return _named(self._search(patches, aim, survey, facts), survey)

    def _search(self, patches: list[Patch], aim: Aim, survey: suite.Survey, facts: RepairResult) -> RepairResult:
        tried = self._hunt(patches, aim, share=SINGLE_SHARE if len(aim.all_goals) > 1 else 1.0, linger=LINGER)
        found = self._best(patches, tried, survey, facts)
        if found is None and tried.partial:
            found = self._together(patches, tried, aim, survey, facts)
        if found is not None:
            return found
        if tried.trouble:
            return replace(facts, status="broken", reason=f"The search could not run: {tried.trouble}")
        if not self.tried or _misses_module(survey, facts):
            return replace(facts, status="broken", reason=self._obstacle(patches, survey, facts))
        if tried.exhausted:
            where = f"{facts.file}:{facts.line} is the most suspicious line"
            return replace(facts, reason=f"None of {self.tried} edits makes the failing tests pass; {where}.")
        why = f"No patch within {self.seconds:g} seconds ({self.tried} edits tried): give more seconds."
        return replace(facts, status="timeout", reason=why)

    def _together(
        self, patches: list[Patch], tried: Tried, aim: Aim, survey: suite.Survey, facts: RepairResult
    ) -> RepairResult | None:
        """Return what two edits do together, or one for a part of the goals; sets whether anything is left to try."""
        if not tried.half:
            both = pairs(
                patches, tried.partial, aim.all_goals, most=max(0, self.most - self.tried), wide=tried.exhausted
            )
            pair = self._hunt(both, aim, share=1.0, linger=LINGER_PAIRS)
            found = self._best(both, pair, survey, facts)
            if found is not None:
                return found
            tried.exhausted = tried.exhausted and pair.exhausted
        return self._part(patches, tried, survey, facts)

    # --- phases -------------------------------------------------------------------------------------------------------
    def _survey(self) -> suite.Survey:
        with self.sandbox.workspace() as workspace:
            self._say("copy")
            names = editable(copy_tree(self.source, workspace))
            self.files = {name: (workspace / name).read_bytes() for name in names}
            self._say("survey", note="running the tests")
            return suite.survey(
                self.sandbox,
                workspace,
                watch=names,
                seconds=max(5.0, self.seconds * SURVEY_SHARE),
                test_seconds=min(TEST_SECONDS, max(1.0, self.seconds / 20)),
                heard=lambda now: self._say("survey", len(now.outcomes), len(now.tests)),
            )

    def _confirm(self, survey: suite.Survey, wanted: Collection[str]) -> None:
        """Give tests that were stopped for time one more chance, unwatched and with more of it: slow is not wrong."""
        hung = [test for test in survey.hung if "::" in test]
        ours = [test for test in hung if test in wanted]
        others = [test for test in hung if test not in wanted]
        patience = min(PATIENCE, self.seconds / 10)
        if ours and self._has_ended(survey, ours[:1], patience, self.seconds) and ours[1:]:
            self._has_ended(survey, ours[1:], patience, self.seconds / 3)
        if others:
            self._has_ended(survey, others, patience, 2 * patience)

    def _has_ended(self, survey: suite.Survey, tests: list[str], patience: float, most: float) -> bool:
        """Run tests again with `patience` for each and `most` for all; settle those that pass. True when all do."""
        left = self.seconds - self._elapsed()
        if left < 4 * patience or patience <= max(survey.failures[test].limit for test in tests):
            return False
        with self.sandbox.workspace() as workspace:
            copy_tree(self.source, workspace)
            seconds = min(most, patience * len(tests) + 2.0, left / 3)
            again = suite.survey(self.sandbox, workspace, tests=tests, seconds=seconds, test_seconds=patience)
        for test in tests:
            if again.outcomes.get(test) == "passed":
                survey.settle(test, again.seconds[test])
            elif test in again.hung and again.hung[test].limit > survey.failures[test].limit:
                survey.failures[test] = again.hung[test]
        return all(survey.outcomes[test] == "passed" for test in tests)

    def _hunt(self, patches: Sequence[Patch], aim: Aim, *, share: float, linger: float) -> Tried:
        left = (self.seconds - self._elapsed() - 2.0 - 2 * aim.suite_seconds) * share
        if left <= 0 or not patches:
            return Tried(exhausted=not patches)
        base = self.tried

        def heard(now: Tried) -> None:
            self._say("search", base + now.count, base + len(patches), f"{len(now.plausible)} plausible")

        with self.sandbox.workspace() as workspace:
            copy_tree(self.source, workspace)
            tried = hunt(self.sandbox, workspace, patches, aim, seconds=left, linger=linger, heard=heard)
        self.tried += tried.count
        return tried

    def _best(
        self, patches: Sequence[Patch], tried: Tried, survey: suite.Survey, facts: RepairResult
    ) -> RepairResult | None:
        """Return the best plausible patch that a fresh sandbox confirms."""
        for place in sorted(tried.plausible, key=lambda one: -sum(part.merit for part in patches[one]))[:MOST_VERIFIED]:
            fixed = self._fixed(patches[place], survey, facts)
            if fixed is not None:
                return fixed
        return None

    def _part(
        self, patches: Sequence[Patch], tried: Tried, survey: suite.Survey, facts: RepairResult
    ) -> RepairResult | None:
        """Return a patch for some of the failing tests, where nothing serves them all: others may be unrelated."""

        def worth(place: int) -> tuple[bool, int, float]:
            return place in tried.half, len(tried.partial[place]), sum(part.merit for part in patches[place])

        for place in sorted(tried.partial, key=worth, reverse=True)[:MOST_VERIFIED]:
            met = tuple(goal for goal in facts.failing if goal in tried.partial[place])
            fixed = self._fixed(patches[place], survey, replace(facts, failing=met)) if met else None
            if fixed is not None:
                return fixed
        return None

    def _obstacle(self, patches: list[Patch], survey: suite.Survey, facts: RepairResult) -> str:
        """Say why nothing could be tried, or nothing could help."""
        missing = _misses_module(survey, facts)
        if missing:
            return f"{missing}: install it for the sandbox's interpreter; JOURNEYMAN_SANDBOX_PYTHON names another one."
        try:
            parse(facts.file, self.files.get(facts.file, b""))
        except Unreadable as error:
            return f"{facts.file} cannot be edited: {error}."
        if patches:
            return "Running the tests left no time to try an edit: give more seconds."
        return f"There is no edit to try at {facts.file}:{facts.line}."

    def _fixed(self, patch: Patch, survey: suite.Survey, facts: RepairResult) -> RepairResult | None:
        """Return the answer, when one more run of the whole suite with the patch confirms it."""
        after = apply_to(self.files, patch)
        again = self._run_again(after, survey, facts)
        kept = all(again.outcomes.get(test) == "passed" for test in survey.passing)
        if not kept or again.trouble or not all(goals.is_met(again, goal) for goal in facts.failing):
            return None
        still = [test for test in survey.failing if test not in facts.failing and not goals.is_met(again, test)]
        told = [test for test in still if test not in survey.hung]
        tests = f"{len(facts.failing)} failing test{'s pass' if len(facts.failing) > 1 else ' passes'}"
        reason = f"{tests} with this change, and every test that passed before still does."
        first = min(after)
        return replace(
            facts,
            status="fixed",
            patch="".join(unified(path, self.files[path], after[path]) for path in sorted(after)),
            file=first,
            line=first_line(self.files[first], after[first]),
            tests_after="passed",
            reason=f"{reason} Still failing: {goals.some(told, MOST_TOLD)}." if told else reason,
            operator="+".join(one.operator for one in patch),
            still_failing=tuple(still),
        )

    def _run_again(self, after: dict[str, bytes], survey: suite.Survey, facts: RepairResult) -> suite.Survey:
        """Run the whole suite once more, in a fresh sandbox, on a clean copy with the patch."""
        self._say("verify", note=", ".join(after))
        with self.sandbox.workspace() as workspace:
            copy_tree(self.source, workspace)
            for path, text in after.items():
                (workspace / path).write_bytes(text)
            bound = 30.0 + 2 * survey.usual_seconds
            left_out = [test for test in survey.deadly if test not in facts.failing]
            return suite.survey(
                self.sandbox, workspace, left_out=left_out, seconds=bound, test_seconds=4 * TEST_SECONDS
            )

    # --- small things -------------------------------------------------------------------------------------------------
    def _elapsed(self) -> float:
        return round(time.monotonic() - self.began, 3)

    def _say(self, phase: Phase, done: int = 0, total: int = 0, note: str = "") -> None:
        if self.on_progress is not None:
            self.on_progress(Progress(phase, done, total, note, self._elapsed()))


def _named(result: RepairResult, survey: suite.Survey) -> RepairResult:
    """Name what ends its process, or hangs: as the reason when the failing tests do, else as what was left out."""
    killed = [test for test in result.failing if test in survey.killed]
    if result.status != "fixed" and killed and len(killed) == len(result.failing):
        who = f"{goals.some(killed, MOST_TOLD)} {'end their' if len(killed) > 1 else 'ends its'} own process"
        result = replace(result, reason=f"{who} (os._exit, or a crash). {result.reason} {goals.RETURN}")
    hung = survey.hung
    if not hung:
        return result
    ours = {test: failure for test, failure in hung.items() if test in result.failing}
    if result.status != "fixed" and ours and len(ours) == len(result.failing):
        return replace(result, status="hang", reason=f"{goals.told(ours)}. {result.reason} {goals.NEXT}")
    others = {test: failure for test, failure in hung.items() if test not in result.failing or result.status != "fixed"}
    if not others:
        return result
    return replace(result, reason=f"{result.reason} Left out, since it hung before any edit: {goals.told(others)}.")


def _misses_module(survey: suite.Survey, facts: RepairResult) -> str:
    """Return what Python says of a module that is not installed, where that is why all fail; "" otherwise."""
    said = [
        survey.uncollected.get(goal) or survey.failures[goal].message
        for goal in facts.failing
        if goal in survey.failures
    ]
    absent = [found[0] for text in said if (found := NO_MODULE.search(text))]
    return absent[0] if absent and len(absent) == len(said) else ""


def _before(survey: suite.Survey, wanted: Sequence[str]) -> Outcome:
    kinds = {survey.outcomes.get(goal, "error") for goal in wanted}
    return "failed" if "failed" in kinds else "error"
