"""What GitLab or python-gitlab throws, said in our words.

401                             Unavailable: a credential that ran out is replaced, and nothing is lost
403                             Denied
404, 410                        NotFound
405, 406, 409                   Stale
other 4xx, and a redirect       Invalid
429                             Unavailable with `retry_after`
408, 5xx, network, time-out     Unavailable; ambiguous for a write: look before saying it again
an answer of an unknown shape   Unavailable, for the same reason
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import msgspec
import requests
from gitlab.exceptions import GitlabError

from bot.domain.errors import Denied, ForgeError, Invalid, NotFound, Stale, Unavailable
from bot.forges.pauses import seconds, until

_PAUSE = 60.0  # where GitLab does not say
_LONGEST = 300  # characters of GitLab's own words that we repeat
Headers = Callable[[], Mapping[str, str]]


def translator(headers: Headers) -> Callable[[], AbstractContextManager[None]]:
    """Return what raises every failure of a conversation as a ForgeError; `headers` are those of the last answer."""

    @contextmanager
    def translated() -> Iterator[None]:
        try:
            yield
        except GitlabError as error:
            raise forge_error(error.response_code, error.error_message, headers()) from error
        except requests.TooManyRedirects as error:
            raise Invalid("GitLab sends us to another address; set its own, and the project's present path") from error
        except requests.RequestException as error:
            raise Unavailable(
                f"GitLab could not be reached ({type(error).__name__}); it will be tried again"
            ) from error
        except (msgspec.MsgspecError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise Unavailable(f"GitLab's answer could not be read ({type(error).__name__})") from error

    return translated


def forge_error(status: int | None, words: object, headers: Mapping[str, str]) -> ForgeError:
    """Return the error for an answer that is not a success; without a status nothing is known of the answer."""
    text = f"GitLab said {status or 'nothing that can be read'}: {_told(words)}"
    if status is None or status in (408, 425, 429) or status >= 500:
        return Unavailable(text, _pause(status, headers))
    match status:
        case 401:
            return Unavailable(f"{text}; check the token: it has run out, was revoked, or is not one of this forge")
        case 403:
            return Denied(f"{text}; check the token, its scopes and its role")
        case 404 | 410:
            return NotFound(text)
        case 405 | 406 | 409:
            return Stale(text)
        case _:
            return Invalid(text)


def _told(words: object) -> str:
    """Return GitLab's own words on one line: a text, a list of texts, or texts by the field that they are about."""
    match words:
        case str() | bytes():
            text = words if isinstance(words, str) else words.decode("utf-8", "replace")
        case list():
            text = "; ".join(str(word) for word in words)
        case dict():
            text = "; ".join(f"{name} {_told(word)}" for name, word in words.items())
        case _:
            text = ""
    return " ".join(text.split())[:_LONGEST] or "no explanation"


def _pause(status: int | None, headers: Mapping[str, str]) -> float | None:
    """Return how many seconds GitLab wants us to stay away, None when this is no request to slow down."""
    if status in (429, 503) and "retry-after" in headers:
        return seconds(headers["retry-after"], _PAUSE)
    if status != 429:
        return None
    return until(headers["ratelimit-reset"], headers) if "ratelimit-reset" in headers else _PAUSE
