"""CI: really runs a repository's tests on each push and reports the check run `tests` of the app `devforge-ci`."""

import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from bot.devforge.acts import checks, pipelines
from bot.devforge.gitrepo import GitFailed
from bot.devforge.model import CheckRun, Pipeline, Repository
from bot.devforge.world import CI_APP, World

CHECK = "tests"
_QUEUE = 256
_KEPT = 60_000


@dataclass(frozen=True, slots=True)
class CiResult:
    """How a CI run ended: one line, and the log for people."""

    ok: bool
    summary: str
    log: str


CiRunner = Callable[[Path], CiResult]


def pytest_runner(deadline: float = 120.0) -> CiRunner:
    """Return a runner that runs pytest in the checkout, as a plain process with a clean environment.

    It isolates nothing: hand in another runner for code that is not trusted.
    """

    def run(checkout: Path) -> CiResult:
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        env = {"PATH": os.defpath, "HOME": str(checkout), "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(
            argv,
            cwd=checkout,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        with process:
            try:
                out, _ = process.communicate(timeout=deadline)
            except subprocess.TimeoutExpired:
                out = _kill(process)
                return CiResult(False, f"the tests ran longer than {deadline:.0f} s", _cut(out))
            _kill_group(process)
        text = _cut(out)
        last = text.strip().splitlines()[-1] if text.strip() else "pytest said nothing"
        return CiResult(process.returncode == 0, last.strip("= "), text)

    return run


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill(process: subprocess.Popen[bytes]) -> bytes:
    _kill_group(process)
    try:
        return process.communicate(timeout=5)[0]
    except subprocess.TimeoutExpired:
        return b"(the output could not be read to its end)"


def _cut(out: bytes) -> str:
    """Keep the two ends of a long log."""
    text = out.decode(errors="replace").replace("\0", "")
    if len(text) <= _KEPT:
        return text
    return f"{text[: _KEPT // 2]}\n... {len(text) - _KEPT} characters left out ...\n{text[-_KEPT // 2 :]}"


def _code(log: str) -> str:
    """Write a log as a code block that nothing in it can end."""
    longest = max((len(ticks) for ticks in re.findall("`+", log)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{log}\n{fence}"


@dataclass(frozen=True, slots=True)
class _Work:
    repo: Repository
    run: CheckRun


class Ci:
    """One worker thread behind a bounded queue; a commit that has been tested is not tested again."""

    def __init__(self, world: World, runner: CiRunner) -> None:
        self._world = world
        self._runner = runner
        self._queue: queue.Queue[_Work | None] = queue.Queue(_QUEUE)
        self._waiting = 0
        self._thread = Thread(target=self._work, name="devforge-ci", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Drop what waits and end the thread; a run on its way is left to its own deadline."""
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
        self._queue.put(None)
        self._thread.join(timeout=10)

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits or runs; read it under the world's lock."""
        return self._waiting == 0

    def build(self, repo: Repository, branch: str, sha: str) -> None:
        """Queue a run for a commit; the caller holds the world's lock."""
        if any(run.sha == sha and run.app == CI_APP for run in repo.checks):
            return
        if self._world.dialect == "github":
            self._add(repo, sha, branch, 0)
            return
        by = self._world.author(repo.git.commit(sha).committer.email) or self._world.ghost
        self.run_in(repo, pipelines.start(self._world, repo, sha, branch, "push", by))

    def run_in(self, repo: Repository, pipeline: Pipeline) -> CheckRun:
        """Queue a run in a pipeline, whatever ran in it before; the caller holds the world's lock."""
        return self._add(repo, pipeline.sha, pipeline.ref, pipeline.id)

    def _add(self, repo: Repository, sha: str, branch: str, pipeline: int) -> CheckRun:
        at = self._world.now()
        run = CheckRun(
            self._world.next_id(), sha, CHECK, CI_APP, at, title="Waiting", summary=branch, pipeline=pipeline
        )
        checks.add_check(self._world, repo, run)
        try:
            self._queue.put_nowait(_Work(repo, run))
            self._waiting += 1
        except queue.Full:
            self._finish(repo, run, CiResult(False, "too many runs wait; push again later", ""))
        return run

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            with self._world.lock:
                work.run.status, work.run.title = "in_progress", "Running"
            result = self._test(work)
            with self._world.lock:
                self._finish(work.repo, work.run, result)
                self._waiting -= 1
                self._world.moved.notify_all()

    def _test(self, work: _Work) -> CiResult:
        with tempfile.TemporaryDirectory(prefix="devforge-ci-", ignore_cleanup_errors=True) as folder:
            checkout = Path(folder) / "checkout"
            checkout.mkdir()
            try:
                work.repo.git.export(work.run.sha, checkout)
                return self._runner(checkout)
            except (GitFailed, OSError) as error:
                return CiResult(False, "the run could not be made", str(error))
            except Exception as error:  # noqa: BLE001 - the caller's runner may raise anything; CI must report it and live
                return CiResult(False, "the runner failed", f"{type(error).__name__}: {error}")

    def _finish(self, repo: Repository, run: CheckRun, result: CiResult) -> None:
        was, run.status = run.status, "completed"
        run.conclusion = "success" if result.ok else "failure"
        run.completed = self._world.now()
        run.title, run.summary = result.summary[:255], result.summary[:65535]
        run.text = _code(result.log[:65000]) if result.log else None
        checks.check_moved(self._world, repo, run, was)
