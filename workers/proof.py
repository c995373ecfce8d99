"""Proof: run a repository's whole suite in a fresh sandbox, with or without a patch, and say what each test did."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.ports import Limits, Sandbox
from workers.engines.repair.goals import covers, told
from workers.engines.repair.suite import survey
from workers.sandbox.intake import load_tree

APPLY = Limits(wall_seconds=30, cpu_seconds=30)
TEST_SECONDS, TEST_SHARE = 60.0, 0.4


@dataclass(frozen=True, slots=True)
class Suite:
    """What a suite's tests did, by node id; `uncollected` are files that could not be read as tests.

    A skipped test is in none of them. `problem` says why the tests could not all be run, empty when they were. `hang`
    names what did not end in time (a test, a file while it was loaded) with its limit, empty when all did.
    """

    passed: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    uncollected: frozenset[str] = frozenset()
    problem: str = ""
    hang: str = ""

    @property
    def red(self) -> frozenset[str]:
        """Everything that is not as it should be."""
        return self.failed | self.uncollected

    def meets(self, goal: str) -> bool:
        """Tell whether a test passed; of a file: that it was collected, and its tests passed and none failed."""
        if goal in self.passed:
            return True
        inside = [test for test in self.passed if covers(goal, test)]
        return bool(inside) and goal not in self.uncollected and not any(covers(goal, test) for test in self.red)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What two runs of a suite say of the patch between them; sorted node ids, or files that could not be collected.

    `fixed` was red and passes now. `red` still fails. `gone` was red and is not run any more: deleted or skipped.
    `broken` passed and does not any more. `new_red` fails and did not before.
    """

    fixed: tuple[str, ...]
    red: tuple[str, ...]
    gone: tuple[str, ...]
    broken: tuple[str, ...]
    new_red: tuple[str, ...]


def compare(before: Suite, after: Suite) -> Verdict:
    """Compare a suite without and with a patch."""
    fixed = {goal for goal in before.red if after.meets(goal)}
    # A file that can be read now may hold tests that fail: it is still red, and they are not new.
    red = {goal for goal in before.red - fixed if any(goal == one or covers(goal, one) for one in after.red)}
    known = {one for one in after.red if any(goal == one or covers(goal, one) for goal in before.red)}
    return Verdict(
        tuple(sorted(fixed)),
        tuple(sorted(red)),
        tuple(sorted(before.red - fixed - red)),
        tuple(sorted(before.passed - after.passed)),
        tuple(sorted(after.red - known - before.passed)),
    )


def run_suite(
    sandbox: Sandbox, tar: bytes, patch: bytes | None, *, seconds: float, heard: Callable[[], None] | None = None
) -> Suite:
    """Run every test of the tree in `tar`, with `patch` (a git patch) applied when given, within `seconds`.

    `heard` is called after every test.
    """
    with sandbox.workspace() as workspace:
        load_tree(tar, workspace)
        if patch is not None:
            done = sandbox.run(
                ["git", "apply", "--whitespace=nowarn", "-"], workspace=workspace, limits=APPLY, stdin=patch
            )
            if done.exit_code != 0:
                said = done.stderr.decode("utf-8", "replace").strip()[:300]
                return Suite(problem=f"the patch does not apply: {said}")
        each = min(TEST_SECONDS, seconds * TEST_SHARE)
        listen = (lambda _now: heard()) if heard is not None else None
        found = survey(sandbox, workspace, seconds=seconds, test_seconds=each, heard=listen)
    problem = found.trouble or ("the tests did not end in time" if found.late else "")
    uncollected = frozenset(found.uncollected)
    failed = frozenset(found.failing) - uncollected
    return Suite(frozenset(found.passing), failed, uncollected, problem, told(found.hung))
