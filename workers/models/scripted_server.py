"""A loopback server that plays a script over the OpenAI and the Anthropic wire, mishaps included.

It refuses what the real servers refuse (unanswered calls, illegal tool names), so it also keeps the adapters honest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import dumps, loads
from sys import exception
from threading import Event, Thread
from typing import Any, Self

from workers.models.script import Act, Attempts, Cut, Hang, HttpError, Reply, Script, fill
from workers.models.scripted_wires import AnthropicWire, Heard, OpenAIWire, Wire, line

MAX_REQUEST = 64 * 1024 * 1024
MODEL = "scripted"
_WIRES: Mapping[str, Wire] = {"/v1/chat/completions": OpenAIWire(), "/v1/messages": AnthropicWire()}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request as it came. Credentials are not kept."""

    path: str
    body: dict[str, Any]
    status: int


class ScriptedServer:
    """Serves `/v1/chat/completions`, `/v1/messages` (plain and streamed), `/v1/models` and `/health`.

    A context manager; listens as soon as it is made (port 0: any free one). With `api_key` every other key gets 401.
    """

    def __init__(self, script: Script, port: int = 0, *, host: str = "127.0.0.1", api_key: str = "") -> None:
        self.script = script
        self.requests: list[Recorded] = []
        self.stopping = Event()
        self.attempts = Attempts()
        self.api_key = api_key
        self._server = _Server((host, port), _Handler)
        self._server.owner = self
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """The address without a path; `/v1` under it is the OpenAI base URL."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> Self:
        """Serve in a thread."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop serving, let go of every hanging request, and close."""
        self.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(5)
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def act(self, heard: Heard) -> Act:
        """Return what to do about a request."""
        attempt = self.attempts.next(heard.beginning, heard.position)
        act = fill(self.script.at(heard.position, attempt), heard.output)
        if isinstance(act, Reply) and [call.name for call in act.calls] == ["finish"]:
            # A script that has ended can finish only where there is such a tool.
            return act if "finish" in heard.wire_names else Reply(say=str(act.calls[0].arguments.get("summary", "")))
        return act


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: ScriptedServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away: with hanging and cut answers they do."""
        if not isinstance(exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 60

    def do_GET(self) -> None:
        match self.path.split("?")[0]:
            case "/health":
                self._send(200, {"status": "ok"})
            case "/v1/models":
                row = {"id": MODEL, "object": "model", "type": "model", "created": 0, "owned_by": "journeyman"}
                row |= {"display_name": MODEL, "created_at": "2026-01-01T00:00:00Z"}
                self._send(200, {"object": "list", "data": [row], "has_more": False})
            case _:
                self._send(404, {"error": {"message": "no such page", "type": "not_found_error"}})

    def do_POST(self) -> None:
        path = self.path.split("?")[0]
        size = int(self.headers.get("content-length") or 0)
        wire = _WIRES.get(path)
        if wire is None or size > MAX_REQUEST:
            self.close_connection = True
            self._send(404 if wire is None else 413, {"error": {"message": "no such page, or too large"}})
            return
        try:
            body = loads(self.rfile.read(size))
            heard = wire.hear(body)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self._send(400, wire.error(400, f"invalid request: {error}"))
            return
        self._play(path, body, wire, heard)

    def _play(self, path: str, body: dict[str, Any], wire: Wire, heard: Heard) -> None:
        owner = self.server.owner
        act: Act = owner.act(heard) if self._allowed() else HttpError(401)
        status = act.status if isinstance(act, HttpError) else 200
        owner.requests.append(Recorded(path, body, status))
        match act:
            case HttpError(status, retry_after):
                wait = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
                self._send(status, wire.error(status, f"scripted status {status}"), wait)
            case Hang(seconds):
                owner.stopping.wait(seconds)
                self.close_connection = True
            case Cut(reply, size):
                self._cut(wire, reply, heard, size)
            case Reply() if heard.stream:
                self._stream(b"".join(line(*event) for event in wire.events(act, heard)), whole=True)
            case Reply():
                self._send(200, wire.answer(act, heard))

    def _allowed(self) -> bool:
        wanted = self.server.owner.api_key
        given = self.headers.get("x-api-key") or (self.headers.get("authorization") or "").removeprefix("Bearer ")
        return not wanted or given == wanted

    def _cut(self, wire: Wire, reply: Reply, heard: Heard, size: int) -> None:
        if heard.stream:
            call = reply.calls[0]
            half = Reply(calls=(type(call)(call.name, {}, call.text[:size]),))
            events = [line(*event) for event in wire.events(half, heard)]
            self._stream(b"".join(events[: max(1, len(events) - 3)]), whole=False)
            return
        data = dumps(wire.answer(reply, heard)).encode()
        self._head(200, len(data), {})
        self.wfile.write(data[: min(size, len(data) - 1)])
        self.close_connection = True

    def _stream(self, data: bytes, *, whole: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if whole:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def _send(self, status: int, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        data = dumps(body).encode()
        self._head(status, len(data), headers or {})
        self.wfile.write(data)

    def _head(self, status: int, size: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(size))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the requests are recorded."""
