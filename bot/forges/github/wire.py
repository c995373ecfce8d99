"""How requests reach one GitHub: PyGithub's requester with a credential that may be renewed, and the pace of writes."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from github import Auth
from github.Requester import Requester

from bot.forges.remembered import Remembered

SUSPENDED = "installation has been suspended"
"""GitHub's words for it, in small letters; asking for another token tells on which page that is taken back."""


class Renewable(Auth.Auth, ABC):
    """A credential that can be had anew when GitHub no longer accepts it."""

    @abstractmethod
    def renewed(self, headers: Mapping[str, Any]) -> bool:
        """Get a new one after a 401 with these headers; False where another request would end the same way."""


@dataclass(slots=True)
class Pace:
    """At least `seconds` between two writes, whichever credential makes them."""

    seconds: float
    _last: float = field(default=float("-inf"))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def wait(self, verb: str) -> None:
        """Wait for the turn of a request."""
        if verb == "GET" or not self.seconds:
            return
        with self._lock:
            time.sleep(max(0.0, self._last + self.seconds - time.monotonic()))
            self._last = time.monotonic()


@dataclass(frozen=True, slots=True)
class Wire:
    """The address of a GitHub's REST API and how it is spoken to; `verify` may name certificates to trust."""

    url: str
    timeout: int
    verify: bool | str
    pace: Pace

    def requester(self, auth: Auth.Auth) -> "PatientRequester":
        """Return a way to make requests with a credential; its connections end with `close`."""
        return PatientRequester(self, auth)


class PatientRequester(Requester):
    """Says a request once more with a renewed credential when GitHub refused the one it had, and did nothing."""

    def __init__(self, wire: Wire, auth: Auth.Auth) -> None:
        super().__init__(
            auth=auth,
            base_url=wire.url,
            timeout=wire.timeout,
            user_agent="journeyman",
            per_page=100,
            verify=wire.verify,
            retry=None,
            pool_size=None,
            lazy=True,
        )
        self._pace = wire.pace
        self._remembered = Remembered()

    def requestJson(
        self,
        verb: str,
        url: str,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        *args: Any,
        **more: Any,
    ) -> tuple[int, dict[str, Any], str]:
        """Make a request; what is read again is asked for only if it changed."""
        if verb != "GET":
            return self._twice(verb, url, parameters, headers, *args, **more)
        place = f"{url} {sorted((parameters or {}).items())} {(headers or {}).get('Accept', '')}"
        etag = self._remembered.etag(place)
        asked = {**(headers or {}), **({"If-None-Match": etag} if etag else {})}
        status, told, text = self._twice(verb, url, parameters, asked, *args, **more)
        if status == 304 and (known := self._remembered.confirmed(place, told)) is not None:
            return 200, dict(known.headers), known.body.decode()
        if status == 200:
            self._remembered.keep(place, told, text.encode())
        return status, told, text

    def _twice(self, verb: str, *args: Any, **more: Any) -> tuple[int, dict[str, Any], str]:
        """Make one request, or the same one twice."""
        self._pace.wait(verb)
        status, headers, text = super().requestJson(verb, *args, **more)
        refused = status == 401 or (status == 403 and SUSPENDED in text.lower())
        if refused and isinstance(self.auth, Renewable) and self.auth.renewed(headers):
            self._pace.wait(verb)
            return super().requestJson(verb, *args, **more)
        return status, headers, text
