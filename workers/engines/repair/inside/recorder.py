"""The pytest plugin that tells what happened, test by test."""

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from workers.engines.repair.inside.clock import Clock, Frames, Hung, HungAround

Tell = Callable[[dict[str, Any]], None]
MOST_FRAMES = 24
SWITCHED_OFF_OPTIONS = (
    "timeout",
    "timeout_method",
    "timeout_func_only",
    "randomly_seed",
    "xdist_timeout",
    "faulthandler_timeout",
    "faulthandler_exit_on_timeout",
)
SWITCHED_OFF_MARKS = ("timeout(seconds): known, not used here", "xdist_group(name): known, not used here")


class Recorder:
    """Reports collection, starts and outcomes; with a clock, each import and each test has its limit.

    `enter` is called with a test's name before it, and with "" after it. `left_out` are tests and files to pass over.
    """

    def __init__(
        self,
        root: Path,
        tell: Tell,
        enter: Callable[[str], None] = lambda _: None,
        clock: Clock | None = None,
        left_out: Iterable[str] = (),
    ) -> None:
        self.root = root
        self.tell = tell
        self.enter = enter
        self.clock = clock
        self.left_out = frozenset(left_out)
        self.phases: dict[str, str] = {}
        self.why: dict[str, dict[str, Any]] = {}

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Keep the settings of switched-off plugins known, so that strict repositories still start."""
        for name in SWITCHED_OFF_OPTIONS:
            parser.addini(name, "known, not used here")

    def pytest_configure(self, config: pytest.Config) -> None:
        """Keep the marks of switched-off plugins known."""
        for mark in SWITCHED_OFF_MARKS:
            config.addinivalue_line("markers", mark)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell what will run."""
        self.tell({"kind": "collected", "tests": [item.nodeid for item in session.items]})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell what could not be collected."""
        if report.failed:
            why = self.why.pop("collect", {"type": "", "message": "", "frames": []})
            self.tell({"kind": "uncollected", "test": report.nodeid, "text": str(report.longrepr)[-3000:], **why})

    def pytest_internalerror(self, excrepr: object, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell what went wrong inside pytest itself."""
        if isinstance(excinfo.value, Hung):
            raise excinfo.value
        self.tell({"kind": "trouble", "text": str(excrepr).strip().rsplit("\n", 1)[-1][-400:]})

    def pytest_sessionstart(self) -> None:
        """The settings and the first conftest files are read; what comes next has limits of its own."""
        if self.clock is not None:
            self.clock.stop()

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Do not read the files that are to be left out."""
        return True if self._relative(str(collection_path)) in self.left_out else None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Do not run the tests that are to be left out."""
        items[:] = [item for item in items if item.nodeid not in self.left_out]

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Collect (import, mostly) under the clock, and remember why it fails: the report keeps only text."""
        collector.repr_failure = self._collect_failure  # type: ignore[method-assign]
        clock = self.clock
        if clock is None:
            return (yield)
        limit = clock.import_limit()
        self.tell({"kind": "collecting", "test": collector.nodeid, "limit": limit})
        clock.start(limit)
        try:
            return (yield)
        finally:
            clock.stop()

    def _collect_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        error = excinfo.value
        cause = error.__cause__ if isinstance(error, pytest.Collector.CollectError) else None
        self.why["collect"] = self._reason(cause if isinstance(cause, SyntaxError) else error)
        said = cause.msg if isinstance(cause, SyntaxError) else cause or error
        return f"{type(cause or error).__name__}: {said}"[:2000]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run one test under the clock."""
        clock = self.clock
        limit = clock.test_limit() if clock is not None else 0.0
        self.tell({"kind": "start", "test": item.nodeid, "limit": limit})
        self.enter(item.nodeid)
        if clock is not None:
            clock.start(limit)
            clock.pause()
        try:
            return (yield)
        finally:
            if clock is not None:
                clock.stop()
            self.enter("")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Generator[None, None, None]:
        """Let the clock go on: it may ring only where pytest expects that anything is raised."""
        yield from self._timed(HungAround)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Generator[None, None, None]:
        """Let the clock go on."""
        yield from self._timed(Hung)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """Let the clock go on, from the start again where time is up already: what was opened is to be closed."""
        if self.clock is not None and self.clock.rang:
            self.why.setdefault(item.nodeid, hung_for(self.clock.allowed, self.clock.frames))
            self.tell({"kind": "again", "limit": self.clock.allowed})
            self.clock.start(self.clock.allowed)
        yield from self._timed(HungAround)
        if self.clock is not None and self.clock.rang:
            self.why.setdefault(item.nodeid, hung_for(self.clock.allowed, self.clock.frames))

    def _timed(self, kind: type[BaseException]) -> Generator[None, None, None]:
        if self.clock is None:
            return (yield)
        self.clock.resume(kind)
        try:
            return (yield)
        finally:
            self.clock.pause()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the frames of a failure, and spare the costly picture of it."""
        item.repr_failure = _no_picture  # type: ignore[method-assign,assignment]
        report = yield
        if report.failed and call.excinfo is not None:
            self.why.setdefault(item.nodeid, self._reason(call.excinfo.value))
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Join the three phases of a test into one outcome."""
        before = self.phases.get(report.nodeid, "")
        if report.failed:
            self.phases[report.nodeid] = "failed" if report.when == "call" or before == "failed" else "error"
        elif report.skipped:
            self.phases[report.nodeid] = before or "skipped"
        elif report.when == "call":
            self.phases[report.nodeid] = before or "passed"
        if report.when == "teardown":
            why = self.why.pop(report.nodeid, {})
            outcome = self.phases.pop(report.nodeid, "error")
            if outcome == "passed" and why.get("hung"):
                outcome = "failed"  # it passed because we stopped what it waited for
            self.tell({"kind": "outcome", "test": report.nodeid, "outcome": outcome, **why})

    def _reason(self, error: BaseException) -> dict[str, Any]:
        if self.clock is not None and (self.clock.rang or isinstance(error, Hung | HungAround)):
            return hung_for(self.clock.allowed, self.clock.frames or self._frames(error.__traceback__))
        frames: list[tuple[str, int, str]] = []
        seen: set[int] = set()
        link: BaseException | None = error
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            frames.extend(self._frames(link.__traceback__))
            link = link.__cause__ or link.__context__
        if isinstance(error, SyntaxError) and (path := self._relative(error.filename or "")):
            frames.append((path, error.lineno or 1, ""))
        return {
            "type": type(error).__name__,
            "message": str(error)[:400],
            "frames": frames[-MOST_FRAMES:],
        }

    def _frames(self, trace: TracebackType | None) -> list[tuple[str, int, str]]:
        found: list[tuple[str, int, str]] = []
        while trace is not None and len(found) < 2000:
            code = trace.tb_frame.f_code
            path = self._relative(code.co_filename)
            if path is not None:
                found.append((path, trace.tb_lineno, code.co_name))
            trace = trace.tb_next
        return found[-MOST_FRAMES:]

    def _relative(self, path: str) -> str | None:
        try:
            return Path(path).relative_to(self.root).as_posix()
        except ValueError:
            return None


def hung_for(seconds: float, frames: Frames) -> dict[str, Any]:
    """Return the reason of a failure by time, as messages tell it: the first frame tells which file was to be read."""
    shown = frames if len(frames) <= MOST_FRAMES else [frames[0], *frames[1 - MOST_FRAMES :]]
    return {"type": "Hung", "message": "it took too long", "frames": shown, "hung": True, "limit": seconds}


def _no_picture(_excinfo: object, style: object = None) -> str:
    del style
    return "failed"
