"""The demonstration forge's CI: runs a checkout's tests in the product's own sandbox."""

import shutil
from pathlib import Path

from bot.devforge.ci import CiResult, CiRunner
from bot.ports import Limits, Sandbox

LIMITS = Limits(wall_seconds=180, cpu_seconds=180)
KEPT = 20_000


def sandboxed(sandbox: Sandbox) -> CiRunner:
    """Return a runner for `DevForge`."""

    def run(checkout: Path) -> CiResult:
        with sandbox.workspace() as workspace:
            _copy(checkout, workspace)
            argv = [sandbox.python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
            finished = sandbox.run(argv, workspace=workspace, limits=LIMITS)
        log = (finished.stdout + finished.stderr).decode("utf-8", "replace")[-KEPT:]
        lines = [line.strip("= ") for line in log.splitlines() if line.strip()]
        summary = "the tests took too long" if finished.timed_out else (lines[-1] if lines else "no output")
        return CiResult(finished.exit_code == 0, summary, log)

    return run


def _copy(checkout: Path, workspace: Path) -> None:
    owner = workspace.stat()
    shutil.copytree(checkout, workspace, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    for path in (workspace, *workspace.rglob("*")):
        shutil.chown(path, owner.st_uid, owner.st_gid) if not path.is_symlink() else None
