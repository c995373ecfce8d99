"""The clock over the tests of one process: it rings in the process, and shows from outside where the process stands."""

import faulthandler
import os
import re
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

Frames = list[tuple[str, int, str]]

AGAIN = 0.5
LEAST = 0.05
PICTURE_AFTER = 0.5
PICTURE = 64_000
SECTION = re.compile(r"^(?:Current thread|Thread) 0x.*$", re.MULTILINE)
FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.*)$', re.MULTILINE)


class Hung(BaseException):
    """Something took longer than it may; not an Exception, so that ordinary handlers do not swallow it."""


class HungAround(Exception):
    """The same around a test, in its fixtures: pytest keeps its books there only for an Exception."""


class Clock:
    """Raises Hung in the main thread when time is up, and again every half second until it is stopped.

    Code may be deaf to that: a long call in C, a handler that swallows all. So the stacks of all threads are written to
    the file `picture` half a second later, for whoever kills the process. `test_limit` and `import_limit` tell what to
    give the next test, and the next import of a file.
    """

    def __init__(
        self, picture: int, root: Path, test_limit: Callable[[], float], import_limit: Callable[[], float]
    ) -> None:
        self.test_limit = test_limit
        self.import_limit = import_limit
        self.allowed = 0.0
        self.rang = False
        self.frames: Frames = []
        self._picture = picture
        self._root = root
        self._end = 0.0
        self._kind: type[BaseException] = Hung

    def start(self, seconds: float, kind: type[BaseException] = Hung) -> None:
        """Give this many seconds from now on."""
        self.allowed, self.rang, self.frames = seconds, False, []
        os.ftruncate(self._picture, 0)
        os.lseek(self._picture, 0, os.SEEK_SET)
        faulthandler.dump_traceback_later(seconds + PICTURE_AFTER, file=self._picture)
        self._end = time.monotonic() + seconds
        self.resume(kind)

    def resume(self, kind: type[BaseException]) -> None:
        """Give what is left after a pause; what rings is of this kind."""
        self._kind = kind
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, max(LEAST, self._end - time.monotonic()), AGAIN)

    def pause(self) -> None:
        """Do not ring for now."""
        signal.setitimer(signal.ITIMER_REAL, 0)

    def stop(self) -> None:
        """Give no limit any more."""
        self.pause()
        faulthandler.cancel_dump_traceback_later()

    def _ring(self, _signum: int, frame: FrameType | None) -> None:
        if not self.rang:
            self.rang, self.frames = True, _inside(self._root, _stack(frame))
        raise self._kind("it took too long")


def picture_of(picture: int, root: Path) -> Frames:
    """Return where the main thread of a process stood: its frames inside the repository, outermost first."""
    text = os.pread(picture, PICTURE, 0).decode("utf-8", "replace")
    main = SECTION.split(text)[-1]  # threads are written newest first
    return _inside(root, ((path, int(line), name) for path, line, name in FRAME.findall(main)))


def _stack(frame: FrameType | None) -> Frames:
    found: Frames = []
    while frame is not None and len(found) < 2000:
        found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name))
        frame = frame.f_back
    return found


def _inside(root: Path, frames: Iterable[tuple[str, int, str]]) -> Frames:
    """Return those of the frames, given innermost first, that are the repository's, outermost first."""
    start = f"{root}/"
    return [(path.removeprefix(start), line, name) for path, line, name in frames if path.startswith(start)][::-1]
