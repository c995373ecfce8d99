"""A page on this machine with one button, and waiting for what the click brings back."""

import hmac
import json
import time
from collections.abc import Callable
from html import escape
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.domain.errors import Unavailable

PAGE = """<!doctype html><meta charset="utf-8"><title>Journeyman</title>
<h1>Make the GitHub App</h1>
<p>GitHub shows you what it may do before anything is made.</p>
<form method="post" action="{action}"><input type="hidden" name="manifest" value="{manifest}">
<button>Make the App on GitHub</button></form>
"""
DONE = b"<!doctype html><meta charset='utf-8'><title>Journeyman</title><p>Done. You can close this page."
Ask = Callable[[str], tuple[str, dict[str, Any]]]


def wait_for_click(ask: Ask, state: str, *, port: int, seconds: float, tell: Callable[[str], None]) -> str:
    """Show the page until GitHub leads back with a code for this `state`, and return the code.

    `ask(back)` gives where the form goes and what it sends; `tell(address)` is called when the page is up. Raises
    Unavailable when nobody came back in time.
    """
    found: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            given = {name: values[0] for name, values in parse_qs(address.query).items()}
            if not _is_local(self.headers.get("Host", "")):
                self._say(421, b"this page is for this machine only")
            elif address.path == "/":
                action, form = ask(back)
                page = PAGE.format(action=escape(action), manifest=escape(json.dumps(form)))
                self._say(200, page.encode())
            elif address.path == "/made" and hmac.compare_digest(given.get("state", ""), state) and "code" in given:
                self._say(200, DONE)
                found.append(given["code"])
            else:
                self._say(404, b"there is nothing here")

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("X-Frame-Options", "DENY")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: an address holds the code."""

    until = time.monotonic() + seconds
    with HTTPServer(("127.0.0.1", port), Handler) as server:
        server.timeout = 0.5
        home = f"http://127.0.0.1:{server.server_address[1]}"
        back = f"{home}/made"
        tell(f"{home}/")
        while not found and time.monotonic() < until:
            server.handle_request()
    if not found:
        raise Unavailable(f"nobody came back from GitHub within {seconds:.0f} s; begin again")
    return found[0]


def _is_local(host: str) -> bool:
    return host.rpartition(":")[0] in ("127.0.0.1", "localhost")
