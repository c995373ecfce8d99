"""The requests that we make of GitLab's REST API, over python-gitlab."""

import builtins
import io
import time
from collections.abc import Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import gitlab
import requests
from msgspec import json
from requests.adapters import HTTPAdapter

from bot.domain.errors import Invalid
from bot.forges.remembered import Remembered

_T = TypeVar("_T")
_MOST_ITEMS = 10_000
_PAGE = 100


class Wire:
    """Asks one GitLab as one credential. Paths are below `/api/v4`; every part of them is to be a `part` already.

    Nothing is repeated and no redirect is followed. With `pacing`, writes are a second apart.
    """

    def __init__(self, token: str, url: str, *, timeout: int, pacing: bool, ca_file: str | None) -> None:
        self.headers: Mapping[str, str] = {}
        self._pause = 1.0 if pacing else 0.0
        self._wrote = -self._pause
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials from a .netrc, and no proxy that nobody asked for
        self._session.max_redirects = 0
        self._session.hooks["response"].append(self._heard)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, _Confirming())
        # GitLab takes tokens of every kind, those of OAuth too, as a bearer's.
        self._gitlab = gitlab.Gitlab(
            url,
            oauth_token=token,
            ssl_verify=ca_file or True,
            timeout=timeout,
            session=self._session,
            user_agent="journeyman",
        )

    def close(self) -> None:
        """End the connections; the next request opens new ones."""
        self._session.close()

    def get(self, path: str, kind: type[_T], /, **query: str) -> _T:
        """Read one thing."""
        return json.decode(self._ask(path, query).content, type=kind)

    def list(self, path: str, kind: type[_T], /, **query: str) -> builtins.list[_T]:
        """Read every page of a list; raises Invalid rather than giving a part of one that is too long."""
        found: builtins.list[_T] = []
        for number in range(1, _MOST_ITEMS // _PAGE + 1):
            answer = self._ask(path, {**query, "per_page": str(_PAGE), "page": str(number)})
            rows = json.decode(answer.content, type=list[kind])  # type: ignore[valid-type]
            found += rows
            # A short page need not be the last: what this credential may not see is left out after pages are cut.
            if not answer.headers.get("X-Next-Page", "more" if len(rows) >= _PAGE else ""):
                return found
        raise Invalid(f"GitLab lists more than {_MOST_ITEMS} entries here; that is too much to judge")

    def first(self, path: str, kind: type[_T], most: int, /, **query: str) -> builtins.list[_T]:
        """Read the beginning of a list."""
        answer = self._ask(path, {**query, "per_page": str(most)})
        return json.decode(answer.content, type=list[kind])[:most]  # type: ignore[valid-type]

    def write(self, verb: Literal["post", "put"], path: str, kind: type[_T], /, **fields: str | bool) -> _T:
        """Create or change something, and return what GitLab says of it then."""
        wait = self._wrote + self._pause - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        try:
            answer = self._gitlab.http_request(verb, path, post_data=fields, obey_rate_limit=False)
        finally:
            self._wrote = time.monotonic()
        return json.decode(answer.content, type=kind)

    def _ask(self, path: str, query: dict[str, Any]) -> requests.Response:
        return self._gitlab.http_request("get", path, query_data=query, obey_rate_limit=False)

    def _heard(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self.headers = {name.lower(): value for name, value in response.headers.items()}


class _Confirming(HTTPAdapter):
    """Asks for what is read again only if it changed."""

    def __init__(self) -> None:
        super().__init__()
        self._remembered = Remembered()

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        """Send a request, and answer it from memory when GitLab says that nothing has changed."""
        if request.method != "GET" or request.url is None:
            return super().send(request, *args, **more)
        etag = self._remembered.etag(request.url)
        if etag:
            request.headers["If-None-Match"] = etag
        answer = super().send(request, *args, **more)
        known = self._remembered.confirmed(request.url, answer.headers) if answer.status_code == 304 else None
        if known is not None:
            answer.raw.drain_conn()  # so that its connection is used again
            answer.status_code, answer.reason = 200, "OK"
            answer.headers.update(known.headers)
            answer.raw = io.BytesIO(known.body)
        elif answer.status_code == 200:
            self._remembered.keep(request.url, answer.headers, answer.content)
        return answer


def part(text: str) -> str:
    """Return one part of a path, slashes and all; raises Invalid for one that would lead to another address."""
    if text in ("", ".", ".."):
        raise Invalid(f"GitLab has nothing that is called {text!r}")
    return quote(text, safe="")
