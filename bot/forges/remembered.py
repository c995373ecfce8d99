"""Answers that a forge may confirm instead of sending them again: GETs are asked with the ETag of the last answer.

A confirmation (304) costs GitHub's hourly limit nothing. Nothing is used without having been confirmed.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

_MOST = 500
_MOST_BYTES = 32 * 1024 * 1024
_OF_THE_BODY = frozenset({"content-length", "content-type", "content-encoding"})
_LONGEST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer to a GET."""

    etag: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Remembered:
    """The latest answers to one credential, by address; those not asked for longest go first."""

    _answers: "OrderedDict[str, Answer]" = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def etag(self, address: str) -> str | None:
        """Return what the last answer from an address was known by."""
        with self._lock:
            found = self._answers.get(address)
            return found.etag if found is not None else None

    def confirmed(self, address: str, headers: Mapping[str, str]) -> Answer | None:
        """Return the answer that a forge has just confirmed, with the headers of that; None when it is gone."""
        with self._lock:
            found = self._answers.get(address)
            if found is None:
                return None
            self._answers.move_to_end(address)
            fresh = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_BODY}
            return Answer(found.etag, {**found.headers, **fresh}, found.body)

    def keep(self, address: str, headers: Mapping[str, str], body: bytes) -> None:
        """Remember an answer that has an ETag and is not too long."""
        named = {name.lower(): value for name, value in headers.items()}
        etag = named.get("etag", "")
        with self._lock:
            old = self._answers.pop(address, None)
            if old is not None:
                self._bytes -= len(old.body)
            if not etag or len(body) > _LONGEST or "no-store" in named.get("cache-control", ""):
                return
            self._answers[address] = Answer(etag, dict(headers), body)
            self._bytes += len(body)
            while len(self._answers) > _MOST or self._bytes > _MOST_BYTES:
                _, gone = self._answers.popitem(last=False)
                self._bytes -= len(gone.body)
