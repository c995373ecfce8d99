"""What GitHub or PyGithub throws, said in our words.

401                               Unavailable: a credential that ran out is replaced, and nothing is lost
403                               Denied, with the permission that is missing where GitHub names it
403 of a suspended installation   Unavailable: its owner can take that back
404, 410                          NotFound
405, 409                          Stale
other 4xx                         Invalid
403 or 429 that limit the rate    Unavailable with `retry_after`
408, 5xx, network, time-out       Unavailable; ambiguous for a write: look before saying it again
an answer of an unknown shape     Unavailable, for the same reason
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import requests
from github import GithubException
from github.GithubException import BadAttributeException, IncompletableObject

from bot.domain.errors import Denied, ForgeError, Invalid, NotFound, Stale, Unavailable
from bot.forges.github.wire import SUSPENDED
from bot.forges.pauses import seconds, until

_SECONDARY_PAUSE = 60.0  # what GitHub asks for when a secondary limit comes without a Retry-After
_LONGEST = 300  # characters of GitHub's own words that we repeat
# What PyGithub does with an answer that is no JSON, has another shape than documented, or leads to another host.
_UNREADABLE = (
    BadAttributeException,
    IncompletableObject,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise every failure of a conversation with GitHub as a ForgeError; ours pass unchanged."""
    try:
        yield
    except GithubException as error:
        raise forge_error(error.status, error.data, error.headers or {}) from error
    except requests.RequestException as error:
        raise Unavailable(f"GitHub could not be reached ({type(error).__name__}); it will be tried again") from error
    except _UNREADABLE as error:
        raise Unavailable(f"GitHub's answer could not be read ({type(error).__name__})") from error


def forge_error(status: int, data: object, headers: Mapping[str, Any]) -> ForgeError:
    """Return the error for an answer that is not a success."""
    text = f"GitHub said {status}: {_words(data)}"
    pause = _pause(status, text, {name.lower(): str(value) for name, value in headers.items()})
    if pause is not None or status == 408 or status >= 500:
        return Unavailable(text, pause)
    match status:
        case 401:
            return Unavailable(
                f"{text}; check the token: it has run out, was revoked, or is not one of this forge "
                f"(of an App: its id and its key)"
            )
        case 403 if SUSPENDED in text.lower():
            return Unavailable(f"{text}; its owner takes that back on the page of the installation")
        case 403:
            return Denied(f"{text}; check the token and its permissions{_asked(headers)}")
        case 404 | 410:
            return NotFound(text)
        case 405 | 409:
            return Stale(text)
        case _:
            return Invalid(text)


def _asked(headers: Mapping[str, Any]) -> str:
    """Return what GitHub says would be enough; alternatives are between semicolons."""
    wanted = str({name.lower(): value for name, value in headers.items()}.get("x-accepted-github-permissions") or "")
    return f": this needs {' or '.join(part.strip() for part in wanted.split(';'))}"[:200] if wanted else ""


def _words(data: object) -> str:
    if not isinstance(data, dict):
        return "no explanation"
    parts = [str(data.get("message") or "no explanation")]
    errors = data.get("errors")
    for error in errors if isinstance(errors, list) else ():
        parts.append(str(error.get("message") or error) if isinstance(error, dict) else str(error))
    return "; ".join(parts)[:_LONGEST]


def _pause(status: int, text: str, headers: Mapping[str, str]) -> float | None:
    """Return how many seconds GitHub wants us to stay away, None when this is no request to slow down."""
    if status in (403, 429, 503) and "retry-after" in headers:
        return seconds(headers["retry-after"], _SECONDARY_PAUSE)
    if status not in (403, 429):
        return None
    if headers.get("x-ratelimit-remaining") == "0" and "x-ratelimit-reset" in headers:
        return until(headers["x-ratelimit-reset"], headers)
    if status == 429 or "rate limit" in text.lower():
        return _SECONDARY_PAUSE
    return None
