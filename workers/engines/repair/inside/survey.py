"""Run the suite once and tell every outcome, and which lines each test ran."""

import os
import tempfile
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from coverage import Coverage

from workers.engines.repair.inside.clock import Clock, Frames, Hung, picture_of
from workers.engines.repair.inside.forks import Message, Tell, in_child, leave
from workers.engines.repair.inside.recorder import Recorder, hung_for
from workers.engines.repair.inside.session import AtEnd, arguments

MOST_ROUNDS = 12
SOON_HUNG = 2
SHORT = 1.5
WORTH_STARTING = 1.0
IMPORT_SECONDS = 20.0
DEAF_SECONDS = 2.0
BETWEEN_SECONDS = 10.0


class Survey:
    """One survey of the suite.

    `request` has root, tests, left_out (tests and files to pass over), seconds, test_seconds, lines (files to watch)
    and unused (plugins to do without).
    """

    def __init__(self, request: dict[str, Any], tell: Tell) -> None:
        self.root = Path(request["root"])
        self.tests: list[str] = request["tests"]
        self.until: float = time.monotonic() + request["seconds"]
        self.each: float = request["test_seconds"]
        self.watched: list[str] = request["lines"]
        self.left_out: set[str] = set(request["left_out"])
        self.unused: list[str] = request["unused"]
        self.tell = tell
        self.running = ""
        self.collecting: str | None = None
        self.late = False
        self.allowed = 0.0
        self.took: dict[str, float] = {}
        self.hung = 0
        self.cover: Coverage | None = None

    def run(self) -> None:
        """Run everything; a test or file that takes its process down is named and left out of the next round."""
        with tempfile.TemporaryFile() as picture:
            for _ in range(MOST_ROUNDS):
                if self._round(picture.fileno()):
                    return
        self._hear({"kind": "late"})

    def _round(self, picture: int) -> bool:
        """Run what is left in a process of its own; True when there is nothing more to do."""
        self.running, self.collecting = "", None
        self.allowed = self._import_limit()
        end = in_child(lambda tell: self._work(tell, picture), seconds=self.allowed + DEAF_SECONDS, heard=self._hear)
        if end == "done" or self.late:
            return True
        frames = picture_of(picture, self.root)
        why = hung_for(self.allowed, frames) if end == "killed" else _died(frames)
        if self.running:
            self._blame(self.running, {"kind": "outcome", "outcome": "failed", "seconds": self.allowed, **why})
            self._tell_frames(self.running, frames)
            self._take_again()
        elif self.collecting not in (None, "", "."):
            self._blame(self.collecting, {"kind": "uncollected", "text": f"the process {end}", **why})
        else:
            self.tell({"kind": "stuck", "test": "", "how": end, **why})
            return True
        return False

    def _blame(self, test: str, message: Message) -> None:
        self.left_out.add(test)
        self.tell({**message, "test": test})

    def _take_again(self) -> None:
        """Pass over what was run already, or run it again: with the process, the record of its lines is lost."""
        left = self.until - time.monotonic()
        if not self.watched or sum(self.took.values()) > left / 4:
            self.left_out |= self.took.keys()

    def _tell_frames(self, test: str, frames: Frames) -> None:
        for file, line, _ in frames:
            if file in self.watched:
                self.tell({"kind": "line", "file": file, "line": line, "tests": [test]})

    def _hear(self, message: Message) -> float | None:
        """Follow the child; return how long it may stay silent from now on."""
        kind = message["kind"]
        allowed: float = message.get("limit", BETWEEN_SECONDS)
        match kind:
            case "start":
                self.running, self.began = message["test"], time.monotonic()
            case "outcome":
                self.took[message["test"]] = message["seconds"] = round(time.monotonic() - self.began, 4)
                self.running = ""
                self.hung += bool(message.get("hung"))
            case "collecting":
                self.collecting = message["test"]
            case "uncollected" if message.get("hung"):
                self.hung += 1
                self.left_out.add(message["test"])
            case "collected":
                self.collecting = None
            case "late":
                self.late = True
        if kind not in ("collecting", "again"):
            self.tell(message)
        if kind in ("line", "uncollected"):
            return None
        self.allowed = allowed
        return allowed + DEAF_SECONDS

    # --- in the child -------------------------------------------------------------------------------------------------
    def _import_limit(self) -> float:
        shorter = IMPORT_SECONDS / 4 if self.hung >= SOON_HUNG else IMPORT_SECONDS
        return max(0.5, min(shorter, (self.until - time.monotonic()) / 2))

    def _work(self, tell: Tell, picture: int) -> None:
        self.cover = self._cover() if self.watched else None

        def test_limit() -> float:
            shorter = min(self.each, SHORT) if self.hung >= SOON_HUNG else self.each
            left = self.until - time.monotonic()
            if left < min(shorter, WORTH_STARTING):
                tell({"kind": "late"})
                os._exit(1)
            return min(shorter, left)

        clock = Clock(picture, self.root, test_limit, self._import_limit)

        def hear(message: Message) -> None:
            # The child keeps its own count of hung tests: the limit is needed where the alarm is set.
            self.hung += bool(message.get("hung"))
            tell(message)

        def enter(test: str) -> None:
            if self.cover is not None:
                self.cover.switch_context(test)

        def at_end() -> None:
            self._tell_lines(tell)
            leave(tell)

        plugins = [Recorder(self.root, hear, enter, clock, self.left_out), AtEnd(at_end)]
        if self.cover is not None:
            self.cover.start()
        try:
            with redirect_stderr(StringIO()) as said:
                clock.start(self.allowed)
                code = pytest.main([*arguments(self.root, self.unused), *self.tests], plugins=plugins)
        except Hung:
            tell({"kind": "stuck", "test": "", "how": "killed", **hung_for(clock.allowed, clock.frames)})
            return
        finally:
            clock.stop()
        if code == pytest.ExitCode.USAGE_ERROR:
            tell({"kind": "trouble", "text": said.getvalue().strip()[-400:]})
        self._tell_lines(tell)

    def _cover(self) -> Coverage:
        os.environ["COVERAGE_CORE"] = "ctrace"
        include = [str(self.root / path) for path in self.watched]
        return Coverage(data_file=None, config_file=False, include=include, check_preimported=False, messages=False)

    def _tell_lines(self, tell: Tell) -> None:
        if self.cover is None:
            return
        self.cover.stop()
        data = self.cover.get_data()
        for path in data.measured_files():
            name = Path(path).relative_to(self.root).as_posix()
            for line, tests in data.contexts_by_lineno(path).items():
                tell({"kind": "line", "file": name, "line": line, "tests": sorted(tests)})


def _died(frames: Frames) -> dict[str, Any]:
    return {"type": "Killed", "message": "the process died", "frames": frames, "hung": False}
