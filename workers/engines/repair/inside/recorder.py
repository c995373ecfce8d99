"""The pytest plugin that tells what happened, test by test."""

import signal
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import pytest

Tell = Callable[[dict[str, Any]], None]
MOST_FRAMES = 24
DISABLED_OPTIONS = ("timeout", "timeout_method", "timeout_func_only", "randomly_seed", "xdist_timeout")
DISABLED_MARKS = ("timeout(seconds): known, not used here", "xdist_group(name): known, not used here")


class Hung(BaseException):
    """A test took longer than it may; not an Exception, so that ordinary handlers do not swallow it."""


class Recorder:
    """Reports collection, starts and outcomes; stops a test that runs over `limit()` seconds (0: never)."""

    def __init__(self, root: Path, tell: Tell, limit: Callable[[], float], enter: Callable[[str], None]) -> None:
        self.root = root
        self.tell = tell
        self.limit = limit
        self.enter = enter
        self.phases: dict[str, str] = {}
        self.why: dict[str, dict[str, Any]] = {}

    def pytest_addoption(self, parser: pytest.Parser) -> None:
        """Keep the settings of switched-off plugins known, so that strict repositories still start."""
        for name in DISABLED_OPTIONS:
            parser.addini(name, "known, not used here")

    def pytest_configure(self, config: pytest.Config) -> None:
        """Keep the marks of switched-off plugins known."""
        for mark in DISABLED_MARKS:
            config.addinivalue_line("markers", mark)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell what will run."""
        self.tell({"kind": "collected", "tests": [item.nodeid for item in session.items]})

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell what could not be collected."""
        if report.failed:
            why = self.why.pop("collect", {"type": "", "message": "", "frames": []})
            self.tell({"kind": "uncollected", "test": report.nodeid, "text": str(report.longrepr)[-3000:], **why})

    def pytest_internalerror(self, excrepr: object) -> None:
        """Tell what went wrong inside pytest itself."""
        self.tell({"kind": "trouble", "text": str(excrepr).strip().rsplit("\n", 1)[-1][-400:]})

    def pytest_make_collect_report(self, collector: pytest.Collector) -> None:
        """Remember why collecting fails: the report keeps only text."""
        collector.repr_failure = self._collect_failure  # type: ignore[method-assign]

    def _collect_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:
        self.why["collect"] = self._reason(excinfo.value)
        return f"{type(excinfo.value).__name__}: {excinfo.value}"[:2000]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run one test under the clock."""
        self.tell({"kind": "start", "test": item.nodeid})
        self.enter(item.nodeid)
        limit = self.limit()
        if limit:
            signal.signal(signal.SIGALRM, _hang)
            signal.setitimer(signal.ITIMER_REAL, limit, 0.2)
        try:
            return (yield)
        finally:
            if limit:
                signal.setitimer(signal.ITIMER_REAL, 0)
            self.enter("")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the frames of a failure, and spare the costly picture of it."""
        item.repr_failure = _no_picture  # type: ignore[method-assign,assignment]
        if call.excinfo is not None and isinstance(call.excinfo.value, Hung):
            signal.setitimer(signal.ITIMER_REAL, 0)
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
            self.tell({"kind": "outcome", "test": report.nodeid, "outcome": outcome, **why})

    def _reason(self, error: BaseException) -> dict[str, Any]:
        frames: list[tuple[str, int, str]] = []
        seen: set[int] = set()
        link: BaseException | None = error
        while link is not None and id(link) not in seen:
            seen.add(id(link))
            frames.extend(self._frames(link.__traceback__))
            link = link.__cause__ or link.__context__
        return {
            "type": type(error).__name__,
            "message": str(error)[:400],
            "frames": frames[-MOST_FRAMES:],
            "hung": isinstance(error, Hung),
        }

    def _frames(self, trace: TracebackType | None) -> list[tuple[str, int, str]]:
        found: list[tuple[str, int, str]] = []
        while trace is not None and len(found) < 2000:
            code = trace.tb_frame.f_code
            try:
                path = Path(code.co_filename).relative_to(self.root)
            except ValueError:
                pass
            else:
                found.append((path.as_posix(), trace.tb_lineno, code.co_name))
            trace = trace.tb_next
        return found[-MOST_FRAMES:]


def _hang(_signum: int, _frame: FrameType | None) -> None:
    raise Hung("the test took too long")


def _no_picture(_excinfo: object, style: object = None) -> str:
    del style
    return "failed"
