"""Why a model call failed, and what to do about it.

ModelError (bot.domain.errors)
├── CallFailed           one call to one candidate failed; `kind` says what may be done about it
├── BudgetSpent          the next call could cost more than what is left; nothing was sent
└── NoAnswer             every candidate was tried, or one failed for good
"""

from email.utils import parsedate_to_datetime
from time import time
from typing import Literal

from bot.domain.errors import ModelError

Kind = Literal["retry", "next", "fatal"]

_NEXT = frozenset({401, 402, 403, 404, 405, 410, 413})
_RETRY = frozenset({408, 409, 425, 429})
# An account without money answers 429 or 400 for ever: waiting does not help, another candidate may.
_PENNILESS = frozenset({"insufficient_quota", "billing_error", "billing_hard_limit_reached"})


class CallFailed(ModelError):
    """One call failed.

    `kind`: `retry` (the same candidate may answer later), `next` (only another candidate may), `fatal` (the question
    itself is refused, so asking elsewhere would be wrong or useless). `retry_after` is in seconds when the server said
    so. `lasting` tells that this candidate will answer the same to every question of the run.
    """

    def __init__(
        self, message: str, kind: Kind, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.lasting = kind == "next" and status is not None and status != 413


class BudgetSpent(ModelError):
    """The budget does not cover the worst case of the next call."""


class NoAnswer(ModelError):
    """No candidate answered; `retry_after` is the shortest time that a server asked us to wait, in seconds."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def classify(status: int, code: str = "") -> Kind:
    """Return what may be done about an HTTP status; `code` is the vendor's error code or type, where there is one."""
    if code in _PENNILESS or status in _NEXT:
        return "next"
    if status in _RETRY or status >= 500:
        return "retry"
    return "fatal"


def seconds_to_wait(headers: dict[str, str]) -> float | None:
    """Read `retry-after-ms` or `retry-after` (seconds or a date); None when absent or senseless. Keys in lower case."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None or not text:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
