"""The demonstration forge's CI: runs a checkout's tests in the product's own sandbox."""

import shutil
from pathlib import Path

from bot.devforge.ci import CiResult, CiRunner
from bot.ports import Limits, Sandbox
from workers.tools.testing import run_tests

LIMITS = Limits(wall_seconds=180, cpu_seconds=180)


def sandboxed(sandbox: Sandbox) -> CiRunner:
    """Return a runner for `DevForge`."""

    def run(checkout: Path) -> CiResult:
        with sandbox.workspace() as workspace:
            _copy(checkout, workspace)
            done = run_tests(sandbox, workspace, LIMITS)
        lines = [line.strip("= ") for line in done.tail.splitlines() if line.strip()]
        summary = "the tests took too long" if done.timed_out else (lines[-1] if lines else "no output")
        return CiResult(done.exit_code == 0 and not done.timed_out, summary, done.tail)

    return run


def _copy(checkout: Path, workspace: Path) -> None:
    owner = workspace.stat()
    shutil.copytree(checkout, workspace, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    for path in (workspace, *workspace.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid) if not path.is_symlink() else None
