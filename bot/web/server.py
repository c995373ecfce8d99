"""waitress, whose threads get whole requests only; here with an end for every client that keeps it waiting.

waitress's own time-out is about silence: it knows nothing of a client that sends a byte now and then, nor of one that
does not read its answer.
"""

import resource
import socket
import time
from collections.abc import Callable
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import BadRequest, Error, RequestEntityTooLarge

Refuse = Callable[[int, str], bytes]
"""What answers a request that does not get as far as the application: its status and the reason, to JSON."""

THREADS = 16
CONNECTIONS = 2000
IDLE_SECONDS = 15.0
STOP_SECONDS = 10.0
LINGER_SECONDS = 2.0
LONGEST_LINE = 4096
DRAIN_PIECE = 64 * 1024
DRAIN_BYTES = 256 * 1024 * 1024


class _TooSlow(Error):  # type: ignore[misc]
    code, reason = 408, "Request Timeout"


class _Request(HTTPRequestParser):  # type: ignore[misc]
    """A request as it comes in. `error` says what is wrong with it; no more of it is read then."""

    def __init__(self, settings: Adjustments, max_body: int) -> None:
        super().__init__(settings)
        self.begun = time.time()
        self._max_body = max_body

    def received(self, data: bytes) -> int:
        """Take what came; return how much of it belongs to this request."""
        try:
            taken: int = super().received(data)
        except ValueError as wrong:  # waitress does not expect it of int() and urlsplit()
            taken, self.error = len(data), BadRequest(str(wrong))
        if error := self.error or self._excess():
            self.fail(error)
        return taken

    def fail(self, error: Error) -> None:
        """End it with an error; no more of it is asked for either."""
        self.error, self.completed, self.expect_continue = error, True, False

    def _excess(self) -> Error | None:
        """Say what is too large about the body; waitress's own limit would count the framing too."""
        body = self.body_rcv
        if body is None:
            return None
        if max(self.content_length, len(body)) > self._max_body:
            return RequestEntityTooLarge("the body is too large")
        if self.chunked and len(body.control_line) + len(body.trailer) > LONGEST_LINE:
            return BadRequest("a line of the chunked body is too long")  # each piece of it has the whole searched again
        return None


class _Refusal(ErrorTask):  # type: ignore[misc]
    """Answers a request with an error as the application would."""

    def execute(self) -> None:
        """Write the answer."""
        error = self.request.error
        body = self.channel.server.refuse(error.code, error.body)
        self.status = f"{error.code} {error.reason}"
        self.response_headers.append(("Content-Type", "application/json"))
        self.set_close_on_finish()
        self.channel.refused = True
        self.content_length = len(body)
        self.write(body)


class _Channel(HTTPChannel):  # type: ignore[misc]
    """A connection; `request` is what has come in part, `requests` what has come whole and is being answered.

    One whose request is refused drains after the answer: `to_drain` says how many bytes are still thrown away. Closed
    over unread bytes, the kernel resets it, and most clients, who are still sending, never see the answer.
    """

    error_task_class = _Refusal
    request: Any
    close_when_flushed: bool
    refused = False
    to_drain = 0

    def parser_class(self, settings: Adjustments) -> _Request:
        """Return the reader of the next request."""
        return _Request(settings, self.server.max_body)

    def handle_read(self) -> None:
        """Take what came; a client that ends in the middle of a body may still listen."""
        if self.to_drain:
            self._drain()
        elif self.request is not None and self.request.headers_finished and self._ended():
            self._refuse(BadRequest("the body ended before its length"))
        else:
            super().handle_read()

    def handle_expt(self) -> None:
        """Close for urgent data, which HTTP has no use for: unread, it would wake the loop without end."""
        self._close()

    def handle_close(self) -> None:
        """Close; a client that hangs up while it is drained is first read to its end."""
        if not self.to_drain:
            super().handle_close()

    def look_at_clock(self, now: float) -> None:
        """Give up what has waited too long for its client."""
        if self.requests:
            return
        if self.to_drain:
            if now - self.last_activity > self.server.request_seconds / 2:
                self._close()
            return
        closing = self.will_close or self.close_when_flushed
        if self.request is not None and not closing and now - self.request.begun > self.server.request_seconds:
            self._refuse(_TooSlow("the request did not come whole in time"))
        elif now - self.last_activity > IDLE_SECONDS:
            self.handle_close()

    def at_work(self, *, lingering: bool) -> bool:
        """Tell whether an answer is due; `lingering` counts what has come in part, and answers not yet read."""
        return bool(self.requests or self.total_outbufs_len or (lingering and (self.request or self.to_drain)))

    def _ended(self) -> bool:
        try:
            return not self.socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return False

    def _flush_some(self, do_close: bool = True) -> bool:
        sent: bool = super()._flush_some(do_close)
        if self.refused and self.close_when_flushed and self.connected and not self.total_outbufs_len:
            self.socket.shutdown(socket.SHUT_WR)
            self.close_when_flushed, self.to_drain = False, self.server.max_body + DRAIN_BYTES
        return sent

    def _drain(self) -> None:
        try:
            read = len(self.socket.recv(DRAIN_PIECE))
        except BlockingIOError:
            return
        except OSError:
            read = 0
        self.to_drain -= read
        if not read or self.to_drain <= 0:
            self._close()

    def _close(self) -> None:
        self.to_drain = 0
        self.handle_close()

    def _refuse(self, error: Error) -> None:
        with self.requests_lock:
            self.request.fail(error)
            self.requests.append(self.request)
            self.request = None
            self.server.add_task(self)


class Server(TcpWSGIServer):  # type: ignore[misc]
    """Serves an application on a socket that listens already.

    A body is at most `max_body` bytes (413), and a request has `request_seconds` to come whole (408). What still comes
    after such an answer is thrown away, for half that time at most.
    """

    channel_class = _Channel

    def __init__(
        self, app: Flask, refuse: Refuse, listener: socket.socket, *, max_body: int, request_seconds: float
    ) -> None:
        self.refuse, self.max_body, self.request_seconds = refuse, max_body, request_seconds
        self._stopping = False
        settings = Adjustments(
            threads=THREADS,
            connection_limit=_connections(),
            cleanup_interval=1,
            max_request_header_size=32 * 1024,
            asyncore_use_poll=True,
            log_socket_errors=False,
            backlog=2048,
            ident=None,
        )
        where = (listener.family, listener.type, listener.proto, listener.getsockname())
        super().__init__(app, _sock=listener, adj=settings, sockinfo=where, bind_socket=False)

    def maintenance(self, now: float) -> None:
        """Look at every connection's clock; waitress calls this once a second."""
        for channel in list(self.active_channels.values()):
            channel.look_at_clock(now)

    def stop(self, *_: Any) -> None:
        """Begin to end; a handler of signals."""
        self._stopping = True
        self.pull_trigger()

    def run(self) -> None:
        """Serve until `stop`, then answer what has come, for at most ten seconds."""
        while not self._stopping:
            self._turn(1.0)
        wasyncore.dispatcher.close(self)
        begun = time.monotonic()
        while (waited := time.monotonic() - begun) < STOP_SECONDS and self._at_work(waited):
            self._turn(0.1)
        self.task_dispatcher.shutdown(timeout=1)

    def _turn(self, seconds: float) -> None:
        wasyncore.loop(timeout=seconds, use_poll=True, map=self._map, count=1)

    def _at_work(self, waited: float) -> bool:
        lingering = waited < LINGER_SECONDS
        return any(channel.at_work(lingering=lingering) for channel in self.active_channels.values())


def _connections() -> int:
    """Return for how many connections there is room, having made some: a long body takes a second file descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare, wanted = 100, 2 * CONNECTIONS + 100
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(THREADS, min(CONNECTIONS, (soft - spare) // 2))
