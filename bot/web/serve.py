"""Serve a WSGI application with gunicorn: one process, some threads, a clean stop on SIGTERM."""

import socket
import sys
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from bot.adapters.logs import logger
from bot.bootstrap import Receiver
from bot.domain.errors import JourneymanError
from bot.web.app import create_app
from bot.web.patience import REQUEST_SECONDS, PatientWorker

THREADS = 16


class CannotListen(JourneymanError):
    """The address cannot be listened on."""


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask, options: dict[str, Any], request_seconds: float) -> None:
        self._app, self._options, self.request_seconds = app, options, request_seconds
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        return self._app


def serve(
    receiver: Receiver, host: str, port: int, *, log_level: str = "info", request_seconds: float = REQUEST_SECONDS
) -> None:
    """Serve until SIGTERM or SIGINT, and say on standard error where; raises CannotListen.

    A request that has not come whole after `request_seconds` is given up (408).
    """
    app = create_app(receiver, logger(log_level, receiver.hidden, "receiver"))
    shown = f"[{host}]" if ":" in host else host
    with _listen(host, port) as listener:
        sys.stderr.write(f"listening on http://{shown}:{listener.getsockname()[1]}\n")
        sys.stderr.flush()
        handed_over = listener.detach()  # gunicorn closes it
    options = {
        "bind": f"fd://{handed_over}",
        "workers": 1,
        "worker_class": PatientWorker,
        "threads": THREADS,
        "timeout": 60,
        "graceful_timeout": 10,
        "keepalive": 2,
        "limit_request_line": 4094,
        "loglevel": "warning",
        "proc_name": "journeyman-web",
    }
    _Server(app, options, request_seconds).run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why, _, _ = (error.strerror or str(error)).partition(" (while ")
        raise CannotListen(f"cannot listen on {host}, port {port}: {why}; try another --port or --host") from None
