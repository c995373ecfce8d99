"""The receiver as a process: where it listens, and that slow clients do not keep it from the quick ones."""

import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

SECRET = "a secret of the hook"
PATIENCE = 1.5
SERVE = """
import sys
from bot.bootstrap import receiver
from bot.config import load
from bot.web.serve import serve
serve(receiver(load()), "127.0.0.1", 0, request_seconds=float(sys.argv[1]))
"""
WHERE = re.compile(r"listening on http://(\[::1\]|127\.0\.0\.1):(\d+)\n")
BODY = json.dumps({"zen": "Keep it."}).encode()


def environment(home: Path, **more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("JOURNEYMAN_")}
    own = {"JOURNEYMAN_DATA_DIR": str(home / "data"), "JOURNEYMAN_GITHUB_WEBHOOK_SECRET": SECRET}
    return {**kept, **own, "JOURNEYMAN_MAX_BODY_BYTES": "2048", **more}


@contextmanager
def running(argv: list[str], home: Path, **more: str) -> Iterator[tuple[int, Path]]:
    """Run a receiver; give its port and what it logs."""
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(argv, env=environment(home, **more), stderr=out, stdout=out)
    try:
        until = time.monotonic() + 30
        while not (found := WHERE.search(log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until
            time.sleep(0.02)
        yield int(found[2]), log
    finally:
        process.terminate()
        code = process.wait(20)
    assert (code, "Traceback" in log.read_text()) == (0, False), log.read_text()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    with running([sys.executable, "-c", SERVE, str(PATIENCE)], tmp_path) as (found, _):
        yield found


def deliver(port: int, host: str = "127.0.0.1") -> int:
    """Send a signed delivery whole; return the status."""
    signature = "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": "d-1",
        "X-Hub-Signature-256": signature,
    }
    with closing(HTTPConnection(host, port, timeout=15)) as connection:
        connection.request("POST", "/webhooks/github", BODY, headers)
        return connection.getresponse().status


HEAD = b"POST /webhooks/github HTTP/1.1\r\nHost: here\r\n"
HALVES = {
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n400\r\n{",
    "half a chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4",
}


@pytest.mark.parametrize("half", [*HALVES.values(), HEAD], ids=[*HALVES, "half a head"])
def test_half_sent_requests_do_not_keep_others_out(port: int, half: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=15))
            slow.sendall(half)
        begun = time.monotonic()
        assert deliver(port) == 200
        assert time.monotonic() - begun < 2 * PATIENCE + 3


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_a_body_that_does_not_come_in_time_is_given_up(port: int, half: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as slow:
        slow.sendall(half)
        answer = slow.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    assert b'"outcome":"too slow"' in answer


def test_dripping_is_slow_as_well(port: int) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as slow:
        slow.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        answer = b""
        while not answer:
            assert time.monotonic() - begun < PATIENCE + 5
            slow.sendall(b"x")
            try:
                answer = slow.recv(100)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 "), answer


def test_each_request_of_a_connection_has_its_own_time(port: int) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=15)) as connection:
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE + 0.5:
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b'{"status":"ok"}\n')
            time.sleep(0.1)  # the time that is measured


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD + b"Content-Length: 2049\r\n\r\n", 413),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n801\r\n" + b"x" * 2049 + b"\r\n0\r\n\r\n", 413),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n", 401),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (HEAD + b"Content-Length: 2048\r\n\r\n" + b"x" * 2048, 401),
    ],
)
def test_bodies_at_the_limit(port: int, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as raw:
        raw.sendall(sent)
        assert raw.recv(100).startswith(f"HTTP/1.1 {status} ".encode())


def test_a_body_that_ends_early_is_a_bad_request(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as raw:
        raw.sendall(HALVES["half a body"])
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


# --- where it listens
def web(*more: str) -> list[str]:
    return [sys.executable, "-m", "bot.cli", "web", *more]


def test_port_0_takes_a_free_one_and_says_which(tmp_path: Path) -> None:
    with running(web("--port", "0"), tmp_path) as (port, _):
        assert port
        assert deliver(port) == 200


def test_an_ipv6_address_is_shown_in_brackets(tmp_path: Path) -> None:
    if not socket.has_ipv6 or not Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    with running(web("--port", "0", "--host", "::1"), tmp_path) as (port, _):
        assert deliver(port, "::1") == 200


@pytest.mark.parametrize("command", ["web", "up"])
def test_a_taken_port_is_one_line(command: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done: Any = subprocess.run(
            [sys.executable, "-m", "bot.cli", command, "--port", port],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Address already in use" in done.stderr


# --- what it says
@pytest.mark.parametrize(("level", "said"), [("info", True), ("error", False)])
def test_the_log_has_the_level_that_was_set(level: str, said: bool, tmp_path: Path) -> None:
    with running(web("--port", "0"), tmp_path, JOURNEYMAN_LOG_LEVEL=level) as (port, log):
        assert deliver(port) == 200
    assert ('"event": "delivery"' in log.read_text() or '"event":"delivery"' in log.read_text()) is said
