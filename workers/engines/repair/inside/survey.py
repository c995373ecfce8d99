"""Run the suite once and tell every outcome, and which lines each test ran."""

import os
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

from workers.engines.repair.inside.forks import Message, Tell, in_child
from workers.engines.repair.inside.recorder import Recorder
from workers.engines.repair.inside.session import arguments

MOST_ROUNDS = 12
SOON_HUNG = 2


class Survey:
    """One survey of the suite; `request` has root, tests, seconds, test_seconds and lines (files to watch)."""

    def __init__(self, request: dict[str, Any], tell: Tell) -> None:
        self.root = Path(request["root"])
        self.tests: list[str] = request["tests"]
        self.until = time.monotonic() + request["seconds"]
        self.each: float = request["test_seconds"]
        self.watched: list[str] = request["lines"]
        self.tell = tell
        self.running = ""
        self.killed: list[str] = []
        self.done: set[str] = set()
        self.hung = 0
        self.collected = False

    def run(self) -> None:
        """Run everything; a test that takes its process down is named and left out of the next round."""
        for _ in range(MOST_ROUNDS):
            left = self.until - time.monotonic()
            if left <= 0:
                self.tell({"kind": "late"})
                return
            self.running = ""
            end = in_child(self._work, seconds=min(left, 30.0), heard=self._hear)
            if end == "done":
                return
            if not self.running:
                self.tell({"kind": "stuck", "while": "running" if self.collected else "collecting", "how": end})
                return
            self.killed.append(self.running)
            why = {"type": "Killed", "message": f"the process was {end}", "frames": [], "hung": end == "killed"}
            self.tell({"kind": "outcome", "test": self.running, "outcome": "failed", **why})

    def _hear(self, message: Message) -> float | None:
        kind = message["kind"]
        if kind == "crash":
            self.tell(message)
            return None
        if kind == "start":
            self.running = message["test"]
            self.began = time.monotonic()
        if kind == "outcome":
            self.running = ""
            self.done.add(message["test"])
            self.hung += bool(message.get("hung"))
            message["seconds"] = round(time.monotonic() - self.began, 4)
        if kind == "collected":
            self.collected = True
        self.tell(message)
        return self._limit() * 2 + 5.0 if kind in ("start", "outcome", "collected") else None

    def _limit(self) -> float:
        shorter = min(self.each, 1.5) if self.hung >= SOON_HUNG else self.each
        left = self.until - time.monotonic()
        return max(0.2, shorter if shorter < left else left)

    def _work(self, tell: Tell) -> None:
        cover = self._cover() if self.watched else None

        def hear(message: Message) -> None:
            # The child keeps its own count of hung tests: the limit is needed where the alarm is set.
            self.hung += bool(message.get("hung"))
            tell(message)

        def enter(test: str) -> None:
            if cover is not None:
                cover.switch_context(test)

        plugin = Recorder(self.root, hear, self._limit, enter)
        skip = [f"--deselect={test}" for test in [*self.killed, *sorted(self.done)]]
        if cover is not None:
            cover.start()
        with redirect_stderr(StringIO()) as said:
            code = int(pytest.main([*arguments(self.root), *skip, *self.tests], plugins=[plugin]))
        if code == pytest.ExitCode.USAGE_ERROR:
            tell({"kind": "trouble", "text": said.getvalue().strip()[-400:]})
        if cover is not None:
            cover.stop()
            self._tell_lines(cover, tell)
        tell({"kind": "exit", "code": code})

    def _cover(self) -> Coverage:
        os.environ["COVERAGE_CORE"] = "ctrace"
        include = [str(self.root / path) for path in self.watched]
        return Coverage(data_file=None, config_file=False, include=include, check_preimported=False, messages=False)

    def _tell_lines(self, cover: Coverage, tell: Tell) -> None:
        data = cover.get_data()
        for path in data.measured_files():
            name = Path(path).relative_to(self.root).as_posix()
            for line, tests in data.contexts_by_lineno(path).items():
                tell({"kind": "line", "file": name, "line": line, "tests": sorted(tests)})
