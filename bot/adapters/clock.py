"""The clock on the wall and the process's hybrid logical clock."""

import time
from collections.abc import Callable
from threading import Lock

from bot.domain.envelope import Clock, tick


class SystemTime:
    """Time of this machine. Logical clocks never repeat and never go back within a process, even when the wall does."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._last = Clock(0, 0)
        self._lock = Lock()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._wall()

    def tick(self, *seen: Clock) -> Clock:
        """Return a logical clock later than all seen and than every one returned before."""
        with self._lock:
            self._last = tick(int(self._wall() * 1000), self._last, *seen)
            return self._last
