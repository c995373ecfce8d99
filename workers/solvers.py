"""Who does a task: the repair engine, or an agent with a model. Both prove their work in a fresh sandbox."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.domain.errors import PatchRefused
from bot.domain.facts import Fact, ModelUsed, ToolRefused
from bot.domain.graph import Task
from bot.domain.intent import Intent
from bot.ports import Limits, Memo, Sandbox
from workers.agents.loop import AgentLoop, LoopLimits
from workers.agents.prompts import system_prompt, task_prompt
from workers.agents.remember import RememberingTools
from workers.agents.untrusted import mark_for
from workers.engines.repair.engine import RepairEngine
from workers.engines.repair.result import RepairResult
from workers.models.budget import Budget
from workers.models.gateway import Candidate, Gateway
from workers.proof import Suite, run_suite
from workers.sandbox.intake import diff, load_tree, snapshot
from workers.tools.registry import ToolBox

TOKENS_PER_TASK = 1_000_000


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

    def solve(self, tar: bytes, intent: Intent, task: Task) -> Solved | Unsolved:
        """Work on the files of the base commit within the task's seconds."""
        ...


@dataclass(frozen=True, slots=True)
class RepairSolver:
    """The deterministic engine: no model, no network, no luck."""

    sandbox: Sandbox

    def solve(self, tar: bytes, intent: Intent, task: Task) -> Solved | Unsolved:
        """Find the smallest edit that makes the failing tests pass and breaks no other."""
        with self.sandbox.workspace() as source:
            load_tree(tar, source)
            hint = f"{intent.title}\n{intent.text}"
            result = RepairEngine(self.sandbox).repair(source, hint=hint, seconds=task.seconds)
        if result.status != "fixed":
            return Unsolved(CODES[result.status], result.reason)
        return Solved(result.patch.encode(), _repair_evidence(result))


CODES = {"none": "no_patch", "nothing_failing": "nothing_failing", "broken": "broken_suite", "timeout": "timeout"}


def _repair_evidence(result: RepairResult) -> dict[str, str | int | float]:
    return {
        "solver": "repair engine, no model",
        "test_before": result.tests_before,
        "test_after": result.tests_after,
        "command": f"python -m pytest {' '.join(result.failing[:3])}".strip(),
        "failing_before": len(result.failing),
        "place": f"{result.file}:{result.line}",
        "candidates": result.candidates,
        "seconds": round(result.seconds, 1),
    }


@dataclass(frozen=True, slots=True)
class AgentSolver:
    """An agent that reads, edits and tests in the sandbox, driven by a model; `record` writes facts about it."""

    sandbox: Sandbox
    candidates: Sequence[Candidate]
    memo: Memo
    scope: str
    record: Callable[[Fact], None]

    def solve(self, tar: bytes, intent: Intent, task: Task) -> Solved | Unsolved:
        """Let the agent work, then run the suite before and after in fresh workspaces and compare."""
        begun = time.monotonic()
        with self.sandbox.workspace() as workspace:
            load_tree(tar, workspace)
            snapshot(self.sandbox, workspace)
            result = self._work(workspace, intent, task)
            if isinstance(result, Unsolved):
                return result
            try:
                patch = diff(self.sandbox, workspace)
            except PatchRefused as error:
                return Unsolved("patch_refused", str(error))
        if not patch.strip():
            return Unsolved("no_patch", f"the agent changed nothing; it said: {result}")
        return self._prove(tar, patch, task, begun)

    def _work(self, workspace: Path, intent: Intent, task: Task) -> str | Unsolved:
        limits = Limits(wall_seconds=min(120.0, task.seconds), cpu_seconds=task.seconds)
        tools = RememberingTools(ToolBox(self.sandbox, workspace, limits), self.memo, self.scope)
        budget = Budget(TOKENS_PER_TASK)
        with closing(Gateway(self.candidates, self.memo, self.scope, budget, self._used(task.id))) as gateway:
            loop = AgentLoop(gateway, tools, LoopLimits(max_seconds=task.seconds), on_refused=self._refused(task.id))
            prompt = task_prompt(intent, (), mark=mark_for(self.memo, self.scope))
            result = loop.run(prompt, system_prompt())
        return result.summary if result.finished else Unsolved(f"agent_{result.code}", result.summary)

    def _used(self, task: str) -> Callable[[str, str, int, int, float | None], None]:
        def used(vendor: str, model: str, asked: int, answered: int, cost: float | None) -> None:
            self.record(ModelUsed(task, vendor, model, asked, answered, cost))

        return used

    def _refused(self, task: str) -> Callable[[str, str], None]:
        return lambda tool, reason: self.record(ToolRefused(task, tool[:100], reason[:1000]))

    def _prove(self, tar: bytes, patch: str, task: Task, begun: float) -> Solved | Unsolved:
        before = run_suite(self.sandbox, tar, None, seconds=task.seconds)
        after = run_suite(self.sandbox, tar, patch, seconds=task.seconds)
        objection = _objection(before, after)
        if objection is not None:
            return objection
        fixed = sorted(before.failed - after.failed)
        evidence: dict[str, str | int | float] = {
            "solver": "agent",
            "test_before": "failed",
            "test_after": "passed",
            "command": f"python -m pytest {' '.join(fixed[:3])}".strip(),
            "failing_before": len(before.failed),
            "failing_after": len(after.failed),
            "passing_after": len(after.passed),
            "seconds": round(time.monotonic() - begun, 1),
        }
        return Solved(patch.encode(), evidence)


def _objection(before: Suite, after: Suite) -> Unsolved | None:
    """Say what speaks against a patch: no failing test passes now, or a passing one no longer does."""
    if after.problem:
        return Unsolved("broken_suite", f"with the patch the tests cannot be run: {after.problem}")
    broken = sorted(before.passed - after.passed)
    if broken:
        return Unsolved("regression", f"these passed before and do not any more: {', '.join(broken[:5])}")
    new_red = sorted(after.failed - before.failed)
    if new_red:
        return Unsolved("tests_red", f"these fail with the patch: {', '.join(new_red[:5])}")
    if not before.failed and not before.problem:
        return Unsolved("nothing_failing", "no test failed before, so nothing shows that the patch mends anything")
    if before.failed and not before.failed - after.failed:
        return Unsolved("tests_red", f"still failing: {', '.join(sorted(after.failed)[:5])}")
    return None
