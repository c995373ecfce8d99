"""Faults on demand: the next matching requests fail the way real forges fail."""

import re
from dataclasses import dataclass, field
from threading import Event, Lock


@dataclass(slots=True)
class Fault:
    """How requests fail: `times` requests of `method` (`*`: any) whose path matches.

    With `after_effect` the write happens first and only the answer is lost. `hang` seconds pass before the answer
    (less when the forge stops). `truncate` cuts the body in the middle and then drops the connection; with status 0
    the true answer is kept, so that hanging and cutting alone are possible. `retry_after` sets that header.
    """

    method: str
    path: re.Pattern[str]
    status: int
    times: int = 1
    retry_after: int | None = None
    after_effect: bool = False
    hang: float = 0.0
    truncate: bool = False


@dataclass(slots=True)
class Faults:
    """The faults that still wait for a request."""

    stopping: Event = field(default_factory=Event)
    _waiting: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def add(self, fault: Fault) -> None:
        """Plan a fault."""
        with self._lock:
            self._waiting.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the first fault for this request and count it as used, or None."""
        with self._lock:
            for fault in self._waiting:
                if fault.method in ("*", method) and fault.path.search(path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._waiting.clear()
