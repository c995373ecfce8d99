"""What both wires share: an HTTP client that keeps its deadline, and errors in our words."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from json import loads
from time import monotonic
from typing import Any

import httpx2

from workers.models.errors import CallFailed, classify, seconds_to_wait

MAX_ANSWER = 32 * 1024 * 1024
"""More bytes than this in one answer are a fault of the server."""
SILENCE = 30.0
"""Seconds without a byte, once an answer has begun, after which it counts as cut."""
CONNECT = 10.0
CUT_OFF = "the answer was cut off by the token limit in this call"
"""What a model is told about a call that its token limit cut."""


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, request: httpx2.Request, until: float) -> None:
        self._inner, self._request, self._until = inner, request, until

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for chunk in self._inner:
            seen += len(chunk)
            if seen > MAX_ANSWER:
                raise httpx2.ReadError(f"the answer is larger than {MAX_ANSWER} bytes", request=self._request)
            if monotonic() > self._until:
                raise httpx2.ReadTimeout("the answer dripped in past its deadline", request=self._request)
            yield chunk

    def close(self) -> None:
        self._inner.close()


class _Bounded(httpx2.BaseTransport):
    """httpx bounds the silence between two bytes; this bounds the whole answer, in time and in size."""

    def __init__(self, inner: httpx2.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        waits: dict[str, float] = request.extensions.get("timeout", {})
        until = monotonic() + (waits.get("read") or 600.0)
        response = self._inner.handle_request(request)
        if waits:
            waits["read"] = max(0.01, min(SILENCE, until - monotonic()))
        stream = response.stream
        if isinstance(stream, httpx2.SyncByteStream):
            response.stream = _BoundedStream(stream, request, until)
        return response

    def close(self) -> None:
        self._inner.close()


def bounded_client() -> httpx2.Client:
    """Return a client that follows no redirect and takes no proxy or certificate from the environment."""
    return httpx2.Client(
        transport=_Bounded(httpx2.HTTPTransport(trust_env=False)), trust_env=False, follow_redirects=False
    )


def timeout(seconds: float) -> httpx2.Timeout:
    """Return the time-outs for a call that must end within `seconds`."""
    left = max(0.01, seconds)
    return httpx2.Timeout(left, connect=min(CONNECT, left))


@dataclass(frozen=True, slots=True)
class Caller:
    """Names a candidate in messages and keeps its key out of them."""

    vendor: str
    model: str
    api_key: str

    def failed(self, response: httpx2.Response, body: object) -> CallFailed:
        """Turn an HTTP error into a CallFailed."""
        status = response.status_code
        code, message = _error(body)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return CallFailed(
            self._say(f"HTTP {status} {code}: {message}" if code else f"HTTP {status}: {message}"),
            classify(status, code),
            status=status,
            retry_after=seconds_to_wait(headers),
        )

    def broken(self, error: Exception | str) -> CallFailed:
        """Turn a failed connection, a time-out or an unreadable answer into a CallFailed that may be tried again."""
        cause = error.__cause__ if isinstance(error, Exception) else None
        return CallFailed(self._say(f"{error} {cause or ''}"), "retry")

    def _say(self, text: str) -> str:
        hidden = text.replace(self.api_key, "[key]") if self.api_key else text
        return f"{self.vendor}/{self.model or '?'}: {' '.join(hidden.split())[:300]}"


def parse(caller: Caller, text: str) -> dict[str, Any]:
    """Read an answer's body; raises CallFailed when it is not a JSON object."""
    with suppress(ValueError, RecursionError):
        value = loads(text)
        if isinstance(value, dict):
            return value
    raise caller.broken(f"the answer is not a JSON object: {text[:80]!r}")


def first_listed(caller: Caller, text: str) -> str:
    """Return the first model of a server's list; raises CallFailed when it lists none."""
    rows = parse(caller, text).get("data")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("id"):
            return str(row["id"])
    raise CallFailed(f"{caller.vendor}: the server lists no model; set JOURNEYMAN_MODEL", "next", status=404)


def count(value: object) -> int:
    """Read a token count; anything that is not a number counts as 0."""
    return int(value) if isinstance(value, int | float) and value >= 0 else 0


def fields(value: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object under a name, or {} when there is none."""
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def shown_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a tool's schema without its dialect, which some servers take for an unknown keyword."""
    return {key: value for key, value in schema.items() if key != "$schema"}


def _error(body: object) -> tuple[str, str]:
    inner = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(inner, dict):
        return "", str(inner or "")
    return str(inner.get("code") or inner.get("type") or ""), str(inner.get("message") or "")
