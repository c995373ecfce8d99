"""Serve the receiver: one process, some threads, a clean stop on SIGTERM."""

import logging
import signal
import socket
import sys

from bot.adapters.logs import logger
from bot.bootstrap import Receiver
from bot.domain.errors import JourneymanError
from bot.web.app import create_app
from bot.web.server import Server

REQUEST_SECONDS = 10.0


class CannotListen(JourneymanError):
    """The address cannot be listened on."""


def serve(
    receiver: Receiver, host: str, port: int, *, log_level: str = "info", request_seconds: float = REQUEST_SECONDS
) -> None:
    """Serve until SIGTERM or SIGINT, and say on standard error where; raises CannotListen.

    A request that has not come whole after `request_seconds` is given up (408).
    """
    app, refuse = create_app(receiver, logger(log_level, receiver.hidden, "receiver"))
    logging.getLogger("waitress").setLevel(logging.ERROR)  # its warnings are about load, and there are many then
    shown = f"[{host}]" if ":" in host else host
    with _listen(host, port) as listener:
        server = Server(app, refuse, listener, max_body=receiver.max_body, request_seconds=request_seconds)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.stop)
        sys.stderr.write(f"listening on http://{shown}:{listener.getsockname()[1]}\n")
        sys.stderr.flush()
        server.run()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        why, _, _ = (error.strerror or str(error)).partition(" (while ")
        raise CannotListen(f"cannot listen on {host}, port {port}: {why}; try another --port or --host") from None
