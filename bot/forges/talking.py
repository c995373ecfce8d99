"""How both adapters talk with their forge: one thread at a time, away when told to be, and looking before repeating."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from bot.domain.errors import Invalid, Stale, Unavailable

Translated = Callable[[], AbstractContextManager[None]]
"""Raises every failure of a conversation with the forge as a ForgeError."""

_Thing = TypeVar("_Thing")
_LONGEST_REST = 3600.0  # the hourly limit is the longest one; a wrong clock shall not stop us for days


class Line:
    """The line of one credential to a forge called `name`."""

    def __init__(self, name: str, translated: Translated) -> None:
        self.lock = threading.RLock()
        self._name = name
        self._translated = translated
        self._rests_until = 0.0

    @contextmanager
    def talking(self) -> Iterator[None]:
        """Talk; while the forge wants this credential to stay away nobody asks it for anything."""
        with self.lock:
            left = self._rests_until - time.monotonic()
            if left > 0:
                raise Unavailable(f"{self._name} asked us to slow down, and the time is not up", retry_after=left)
            try:
                with self._translated():
                    yield
            except Unavailable as error:
                if error.retry_after:
                    self._rests_until = time.monotonic() + min(error.retry_after, _LONGEST_REST)
                raise


def ensure(translated: Translated, find: Callable[[], _Thing | None], create: Callable[[], _Thing]) -> _Thing:
    """Find a thing or create it; when creating fails in a way that may have worked, look again."""
    found = find()
    if found is not None:
        return found
    try:
        with translated():
            return create()
    except (Invalid, Stale, Unavailable) as error:
        found = None if told_to_wait(error) else find()
        if found is None:
            raise
        return found


def told_to_wait(error: Exception) -> bool:
    """Tell whether the forge did nothing because it wants us to come back later."""
    return isinstance(error, Unavailable) and error.retry_after is not None
