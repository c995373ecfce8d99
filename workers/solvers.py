"""Who does a task: the repair engine, or an agent with a model. Both prove their work in a fresh sandbox."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bot.domain.errors import PatchRefused
from bot.domain.facts import Fact, ModelUsed, ToolRefused
from bot.domain.graph import Task
from bot.domain.intent import Intent
from bot.ports import Limits, Memo, Sandbox
from bot.services.patch import examine
from workers.agents.loop import AgentLoop, LoopLimits
from workers.agents.prompts import system_prompt, task_prompt
from workers.agents.remember import RememberingTools
from workers.agents.untrusted import mark_for
from workers.engines.repair.engine import RepairEngine
from workers.engines.repair.goals import NEXT, some
from workers.engines.repair.result import RepairResult
from workers.engines.repair.source import is_test
from workers.models.budget import Budget
from workers.models.gateway import Candidate, Gateway
from workers.proof import Suite, Verdict, compare, run_suite
from workers.sandbox.intake import diff, load_tree, snapshot
from workers.sandbox.until import UntilSandbox
from workers.tools.registry import ToolBox

TOKENS_PER_TASK = 1_000_000
SELDOM = 2.0
BEFORE_SHARE = 0.25
PROOF_LEAST, PROOF_MOST = 0.15, 0.4
MOST_NAMED = 10
TEST_SETTINGS = frozenset({"pytest.ini", "tox.ini", ".coveragerc"})

StillMine = Callable[[], None]
"""Returns while the task is this worker's and still wanted; raises otherwise, which ends the work at once."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A patch, and plain evidence of what it does."""

    patch: bytes
    evidence: dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Unsolved:
    """No patch: a word of the error-rationale vocabulary, and the reason for people."""

    code: str
    reason: str


class Solver(Protocol):
    """Does one task."""

    def solve(self, tar: bytes, intent: Intent, task: Task, still_mine: StillMine) -> Solved | Unsolved:
        """Work on the files of the base commit within the task's seconds; what `still_mine` raises passes through."""
        ...


@dataclass(slots=True)
class Seldom:
    """Calls `check` when it is called itself, but at most every two seconds."""

    check: StillMine
    last: float = field(default_factory=time.monotonic)

    def __call__(self) -> None:
        """Check, if the last time is long enough ago."""
        if time.monotonic() - self.last >= SELDOM:
            self.check()
            self.last = time.monotonic()


@dataclass(frozen=True, slots=True)
class RepairSolver:
    """The deterministic engine: no model, no network, no luck."""

    sandbox: Sandbox

    def solve(self, tar: bytes, intent: Intent, task: Task, still_mine: StillMine) -> Solved | Unsolved:
        """Find the smallest edit that makes the failing tests pass and breaks no other."""
        with self.sandbox.workspace() as source:
            load_tree(tar, source)
            hint = f"{intent.title}\n{intent.text}"
            seldom = Seldom(still_mine)
            engine = RepairEngine(self.sandbox)
            result = engine.repair(source, hint=hint, seconds=task.seconds, on_progress=lambda _now: seldom())
        if result.status != "fixed":
            return Unsolved(CODES[result.status], result.reason)
        return Solved(result.patch_bytes, _repair_evidence(result))


CODES = {
    "none": "no_patch",
    "nothing_failing": "nothing_failing",
    "broken": "broken_suite",
    "timeout": "timeout",
    "hang": "hang",
}


def _repair_evidence(result: RepairResult) -> dict[str, str | int | float]:
    left_out = [test for test in result.hung if test not in result.failing]
    return {
        "solver": "repair engine, no model",
        "test_before": result.tests_before,
        "test_after": result.tests_after,
        "command": f"python -m pytest {' '.join(result.failing[:3])}".strip(),
        "failing_before": len(result.failing),
        "place": f"{result.file}:{result.line}",
        "candidates": result.candidates,
        "seconds": round(result.seconds, 1),
        **({"left_out": f"hung before as well: {', '.join(left_out[:5])}"} if left_out else {}),
        **_still_failing(result.still_failing),
    }


def _still_failing(tests: Sequence[str]) -> dict[str, str | int | float]:
    """Name what fails with the patch as it did without: the checks of the change stay red for it."""
    names = [test[:200] for test in tests]
    return {"still_failing": some(names, MOST_NAMED), "still_failing_count": len(tests)} if tests else {}


@dataclass(frozen=True, slots=True)
class AgentSolver:
    """An agent that reads, edits and tests in the sandbox, driven by a model; `record` writes facts about it.

    `protected` are the patterns of paths that its tools do not write.
    """

    sandbox: Sandbox
    candidates: Sequence[Candidate]
    memo: Memo
    scope: str
    record: Callable[[Fact], None]
    protected: tuple[str, ...] = ()

    def solve(self, tar: bytes, intent: Intent, task: Task, still_mine: StillMine) -> Solved | Unsolved:
        """Run the suite, let the agent work, and run the suite again on a clean copy with the patch.

        All of it shares the task's seconds: the first run takes a quarter at most, and some is kept for the last.
        """
        begun = time.monotonic()
        seldom = Seldom(still_mine)
        before = run_suite(self.sandbox, tar, None, seconds=task.seconds * BEFORE_SHARE, heard=seldom)
        hopeless = _hopeless(before)
        if hopeless is not None:
            return hopeless
        took = time.monotonic() - begun
        kept = min(max(2 * took, PROOF_LEAST * task.seconds), PROOF_MOST * task.seconds)
        patch = self._patch(tar, intent, task, begun + task.seconds - kept, still_mine)
        if isinstance(patch, Unsolved):
            return patch
        left = max(kept / 2, begun + task.seconds - time.monotonic())
        after = run_suite(self.sandbox, tar, patch, seconds=left, heard=seldom)
        verdict = compare(before, after)
        objection = _objection(after, verdict)
        if objection is not None:
            return objection
        return Solved(patch, _agent_evidence(before, after, verdict, time.monotonic() - begun))

    def _patch(self, tar: bytes, intent: Intent, task: Task, end: float, still_mine: StillMine) -> bytes | Unsolved:
        """Let the agent work until `end`; return what it changed."""
        sandbox = UntilSandbox(self.sandbox, end)
        with self.sandbox.workspace() as workspace:
            load_tree(tar, workspace)
            snapshot(self.sandbox, workspace)
            result = self._work(sandbox, workspace, intent, task, still_mine)
            if isinstance(result, Unsolved):
                return result
            try:
                patch = diff(self.sandbox, workspace)
                if not patch.strip():
                    return Unsolved("no_patch", f"the agent changed nothing; it said: {result}")
                files = examine(patch, ()).files
            except PatchRefused as error:
                return Unsolved("patch_refused", str(error))
        if all(_is_about_tests(path) for path in files):
            only = ", ".join(files[:5])
            return Unsolved("tests_only", f"only tests were changed ({only}), so nothing shows that the fault is gone")
        return patch

    def _work(
        self, sandbox: UntilSandbox, workspace: Path, intent: Intent, task: Task, still_mine: StillMine
    ) -> str | Unsolved:
        seconds = max(0.0, sandbox.end - time.monotonic())
        limits = Limits(wall_seconds=min(120.0, task.seconds), cpu_seconds=task.seconds)
        tools = RememberingTools(ToolBox(sandbox, workspace, limits, protected=self.protected), self.memo, self.scope)
        seldom, used = Seldom(still_mine), self._used(task.id)
        budget = Budget(TOKENS_PER_TASK)
        with closing(Gateway(self.candidates, self.memo, self.scope, budget, used, before_call=still_mine)) as gateway:
            loop = AgentLoop(
                gateway,
                tools,
                LoopLimits(max_seconds=seconds),
                on_event=lambda _event: seldom(),
                on_refused=self._refused(task.id),
            )
            prompt = task_prompt(intent, (), mark=mark_for(self.memo, self.scope))
            result = loop.run(prompt, system_prompt())
        return result.summary if result.finished else Unsolved(f"agent_{result.code}", result.summary)

    def _used(self, task: str) -> Callable[[str, str, int, int, float | None], None]:
        def used(vendor: str, model: str, asked: int, answered: int, cost: float | None) -> None:
            self.record(ModelUsed(task, vendor, model, asked, answered, cost))

        return used

    def _refused(self, task: str) -> Callable[[str, str], None]:
        return lambda tool, reason: self.record(ToolRefused(task, tool[:100], reason[:1000]))


def _is_about_tests(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name in TEST_SETTINGS or (is_test(path) and name != "setup.py")


def _hopeless(before: Suite) -> Unsolved | None:
    """Say why nothing that an agent does could be proven, before it is paid for."""
    if before.problem and before.hang:
        return Unsolved("hang", f"{before.hang}, so nothing could be proven. {NEXT}")
    if before.problem and not before.uncollected:
        return Unsolved("broken_suite", f"the tests cannot be run as they are: {before.problem}")
    if not before.red:
        return Unsolved("nothing_failing", "no test fails, so nothing would show that a patch mends anything")
    return None


def _objection(after: Suite, verdict: Verdict) -> Unsolved | None:
    """Say what speaks against a patch."""
    if after.problem and after.hang:
        return Unsolved("hang", f"with the patch, {after.hang}. {NEXT}")
    if after.problem:
        return Unsolved("broken_suite", f"with the patch the tests cannot be run: {after.problem}")
    objections = (
        ("regression", "these passed before and do not any more", verdict.broken),
        ("tests_red", "these fail with the patch", verdict.new_red),
        ("tests_gone", "these failed and are not run any more, deleted or skipped", verdict.gone),
    )
    for code, words, tests in objections:
        if tests:
            return Unsolved(code, f"{words}: {', '.join(tests[:5])}")
    if not verdict.fixed:
        hang = f". {after.hang}. {NEXT}" if after.hang else ""
        return Unsolved("hang" if hang else "tests_red", f"still failing: {', '.join(verdict.red[:5])}{hang}")
    return None


def _agent_evidence(before: Suite, after: Suite, verdict: Verdict, seconds: float) -> dict[str, str | int | float]:
    partly = f"{len(verdict.fixed)} of {len(before.red)} failing tests pass"
    return {
        "solver": "agent",
        "test_before": "failed" if before.failed else "error",
        "test_after": partly if after.red else "passed",
        "command": f"python -m pytest {' '.join(verdict.fixed[:3])}".strip(),
        "failing_before": len(before.red),
        "failing_after": len(after.red),
        "passing_after": len(after.passed),
        "seconds": round(seconds, 1),
        **_still_failing(verdict.red),
    }
