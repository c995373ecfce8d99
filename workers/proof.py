"""Proof: run a repository's whole suite in a fresh sandbox, with or without a patch, and say what each test did."""

from dataclasses import dataclass

from bot.ports import Limits, Sandbox
from workers.engines.repair.suite import survey
from workers.sandbox.intake import load_tree

APPLY = Limits(wall_seconds=30, cpu_seconds=30)
TEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Suite:
    """What a suite's tests did; `problem` says why they could not all be run, empty when they were."""

    passed: frozenset[str]
    failed: frozenset[str]
    problem: str = ""


def run_suite(sandbox: Sandbox, tar: bytes, patch: str | None, *, seconds: float) -> Suite:
    """Run every test of the tree in `tar`, with `patch` (a git patch) applied when given, within `seconds`."""
    with sandbox.workspace() as workspace:
        load_tree(tar, workspace)
        if patch is not None:
            done = sandbox.run(
                ["git", "apply", "--whitespace=nowarn", "-"], workspace=workspace, limits=APPLY, stdin=patch.encode()
            )
            if done.exit_code != 0:
                said = done.stderr.decode("utf-8", "replace").strip()[:300]
                return Suite(frozenset(), frozenset(), f"the patch does not apply: {said}")
        found = survey(sandbox, workspace, seconds=seconds, test_seconds=min(TEST_SECONDS, seconds))
    problem = found.trouble or ("the tests did not end in time" if found.late else "")
    return Suite(frozenset(found.passing), frozenset(found.failing), problem)
