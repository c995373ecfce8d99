"""`DevForge`: starts, stops and seeds the forge."""

import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any, Self

from flask import Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from bot.devforge.app import create_app
from bot.devforge.ci import Ci, CiRunner, pytest_runner
from bot.devforge.seeding import Seeding
from bot.devforge.seeding import Source as Source  # the type of what `add_repo` takes
from bot.devforge.world import Dialect, World


def _quiet(world: World) -> type[WSGIRequestHandler]:
    """Return what answers without writing a line per request, by the world's own clock."""

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: Any) -> None:
            """Say nothing."""

        def date_time_string(self, timestamp: float | None = None) -> str:
            """Return what the header says of the time."""
            return super().date_time_string(world.now() if timestamp is None else timestamp)

    return Quiet


class DevForge(Seeding):
    """A forge on 127.0.0.1. Use it as a context manager, or call `start` and `stop`.

    `data` holds the git repositories (a temporary folder, removed by `stop`, when None). `runner` tests each push;
    None switches CI off. `port` 0 takes a free one. Seeding works before and after `start`.
    """

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int = 0,
        runner: CiRunner | None = pytest_runner(),  # noqa: B008 - a pure factory of a function
        dialect: Dialect = "github",
    ) -> None:
        self._temporary = Path(tempfile.mkdtemp(prefix="devforge-")) if data is None else None
        super().__init__(World(data or self._temporary or Path(), dialect))
        self.admin_token = secrets.token_hex(16)
        self.observers: list[Callable[[Response], None]] = []
        self._port = port
        self._ci = Ci(self.world, runner) if runner else None
        self._server: BaseWSGIServer | None = None
        self._thread: Thread | None = None
        self.world.emit = self._sender.emit
        if self._ci:
            self.world.build, self.world.run_in = self._ci.build, self._ci.run_in

    # --- life -------------------------------------------------------------------------------------------------------
    def start(self) -> Self:
        """Serve until `stop`; raises OSError when the port is taken."""
        app = create_app(self.world, self._sender, self, self.observers)
        self._server = self._listen(app)
        self.world.address = f"http://localhost:{self.port}"
        self._sender.start()
        if self._ci:
            self._ci.start()
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="devforge-http", daemon=True)
        self._thread.start()
        return self

    def _listen(self, app: Callable[..., Any]) -> BaseWSGIServer:
        # werkzeug ends the whole process when the port is taken; a socket of our own raises instead
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", self._port))
                listener.listen(128)
            except OSError:
                self.stop()
                raise
            fd, handler = listener.fileno(), _quiet(self.world)
            return make_server("127.0.0.1", self._port, app, threaded=True, request_handler=handler, fd=fd)

    def stop(self) -> None:
        """Stop serving, sending and testing; remove a temporary data folder."""
        self.world.faults.stopping.set()
        if self._server and self._thread:
            self._server.shutdown()
            self._thread.join(timeout=10)
            self._server.server_close()
            self._server = None
            self._sender.stop()
            if self._ci:
                self._ci.stop()
        if self._temporary:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that is served; raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the forge is not running: call start()")
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The root of the pages and of git, such as http://localhost:8080."""
        return self.world.address

    @property
    def api_url(self) -> str:
        """The root of the REST API: PyGithub's `base_url`."""
        return self.world.api

    def seeding(self) -> dict[str, Callable[..., Any]]:
        """Return the calls that `POST /_dev/NAME` may make."""
        return {**super().seeding(), "wait_idle": self.wait_idle}

    def wait_idle(self, seconds: float = 60.0) -> bool:
        """Wait until no webhook waits and no CI run is under way; False when that took too long."""
        with self.world.lock:
            return self.world.moved.wait_for(
                lambda: self._sender.idle and (self._ci is None or self._ci.idle), timeout=seconds
            )
