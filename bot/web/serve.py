"""Serve a WSGI application with gunicorn: one process, some threads, a clean stop on SIGTERM."""

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from bot.adapters.logs import logger
from bot.bootstrap import Receiver
from bot.web.app import create_app

THREADS = 16


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask, options: dict[str, Any]) -> None:
        self._app, self._options = app, options
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        return self._app


def serve(receiver: Receiver, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = create_app(receiver, logger("info", receiver.secrets, "receiver"))
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = {
        "bind": where,
        "workers": 1,
        "worker_class": "gthread",
        "threads": THREADS,
        "timeout": 60,
        "graceful_timeout": 10,
        "keepalive": 2,
        "limit_request_line": 4094,
        "loglevel": "warning",
        "proc_name": "journeyman-web",
    }
    _Server(app, options).run()
