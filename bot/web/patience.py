"""A gunicorn worker whose clients must send a whole request in time: its threads are few, and half a request holds one.

gunicorn's own time-outs know nothing of a client that sends a byte now and then.
"""

import time
from typing import Any

from gunicorn.http import get_parser
from gunicorn.http.errors import NoMoreData
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

REQUEST_SECONDS = 10.0


class TooSlow(NoMoreData, TimeoutError):  # type: ignore[misc]
    """The request did not come in time. gunicorn closes the connection without a word when that is in the head."""


class _Reader(SocketUnreader):  # type: ignore[misc]
    """Reads one connection; the clock of a request starts with its first read after `restart`."""

    def __init__(self, sock: Any, seconds: float) -> None:
        super().__init__(sock)
        self._seconds = seconds
        self._until: float | None = None

    def restart(self) -> None:
        """Begin another request."""
        self._until = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return what comes next; raises TooSlow when nothing came in time."""
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        left = self._until - time.monotonic()
        if left <= 0:
            raise TooSlow
        self.sock.settimeout(left)
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TooSlow from None
        finally:
            self.sock.settimeout(None)
        return data


class PatientWorker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's threads, and a deadline for each request; the application's `request_seconds` says which."""

    def handle(self, conn: Any) -> Any:
        """Serve one request of a connection."""
        if conn.parser is None:
            conn.parser = get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = _Reader(conn.sock, self.app.request_seconds)
        conn.parser.unreader.restart()
        return super().handle(conn)
