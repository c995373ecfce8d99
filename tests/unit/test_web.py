"""The receiver as a process: where it listens, how it ends, and that no client keeps it from the others."""

import hashlib
import hmac
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from threading import Timer
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

SECRET = "a secret of the hook"
PATIENCE = 0.5
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
        code = process.wait(60)
    assert (code, "Traceback" in log.read_text()) == (0, False), log.read_text()


def serving(seconds: float) -> list[str]:
    """Return the command of a receiver that gives a request so many seconds to come whole."""
    return [sys.executable, "-c", SERVE, str(seconds)]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with running(serving(PATIENCE), tmp_path_factory.mktemp("hasty")) as (found, _):
        yield found


def headers(body: bytes, event: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest(),
    }


def deliver(port: int, host: str = "127.0.0.1", body: bytes = BODY, event: str = "ping") -> int:
    """Send a signed delivery whole; return the status."""
    with closing(HTTPConnection(host, port, timeout=15)) as connection:
        connection.request("POST", "/webhooks/github", body, headers(body, event))
        return connection.getresponse().status


HEAD = b"POST /webhooks/github HTTP/1.1\r\nHost: here\r\n"
HALVES = {
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\n{",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n400\r\n{",
    "half a chunk size": HEAD + b"Transfer-Encoding: chunked\r\n\r\n4",
}


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A receiver that gives up no request while a test runs."""
    with running(serving(60), tmp_path_factory.mktemp("calm")) as (found, _):
        yield found


def test_hundreds_of_half_sent_requests_do_not_delay_others(calm: int) -> None:
    with ExitStack() as stack:
        for half in [*HALVES.values(), HEAD, b""] * 80:
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", calm), timeout=15))
            slow.sendall(half)
        for _ in range(5):
            assert deliver(calm) == 200  # within its 15 seconds; the others are given up after 60


@pytest.mark.parametrize("half", [*HALVES.values(), HEAD], ids=[*HALVES, "half a head"])
def test_a_request_that_does_not_come_in_time_is_given_up(port: int, half: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as slow:
        slow.sendall(half)
        answer = slow.makefile("rb").read()
    assert answer.split(b" ", 2)[1] == b"408", answer
    assert b'"outcome":"too slow"' in answer


def test_dripping_is_slow_as_well(port: int) -> None:
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=0.1) as slow:
        slow.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        answer = b""
        while not answer:
            assert time.monotonic() - begun < PATIENCE + 30
            slow.sendall(b"x")
            try:
                answer = slow.recv(100)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408 "), answer


def test_each_request_of_a_connection_has_its_own_time(port: int) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=15)) as connection:
        begun = time.monotonic()
        while time.monotonic() - begun < PATIENCE + 1.5:  # the clock is looked at once a second
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
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 2048 + b"0\r\n\r\n", 401),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n4;" + b"x" * 5000, 400),
        (HEAD + b"Content-Length: 2048\r\n\r\n" + b"x" * 2048, 401),
        (HEAD + b"Content-Length: 2049\r\nExpect: 100-continue\r\n\r\n", 413),
        (HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"X-Long: " + b"x" * 40_000 + b"\r\n\r\n", 431),
    ],
)
def test_sizes_at_and_over_the_limit(calm: int, sent: bytes, status: int) -> None:
    with socket.create_connection(("127.0.0.1", calm), timeout=15) as raw:
        raw.sendall(sent)
        assert raw.recv(100).split(b" ", 2)[1] == str(status).encode()


# --- what still comes after a refusal
DEFAULT = 25 * 1024 * 1024


@pytest.fixture(scope="module")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A receiver with the default limit: such a body is far more than the kernel keeps for a reader."""
    with running(serving(60), tmp_path_factory.mktemp("roomy"), JOURNEYMAN_MAX_BODY_BYTES=str(DEFAULT)) as (found, _):
        yield found


def by_urllib(port: int, body: bytes) -> int:
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}/webhooks/github", body), timeout=15) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def by_http_client(port: int, body: bytes, *, chunked: bool = False, expect: str = "") -> int:
    fields = ({"Expect": expect} if expect else {}) | ({"Transfer-Encoding": "chunked"} if chunked else {})
    with closing(HTTPConnection("127.0.0.1", port, timeout=15)) as connection:
        sent = iter([body]) if chunked else body
        connection.request("POST", "/webhooks/github", sent, fields, encode_chunked=chunked)
        return connection.getresponse().status


def by_hanging_up(port: int, body: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as raw:
        raw.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        raw.shutdown(socket.SHUT_WR)
        return int(raw.recv(100).split(b" ", 2)[1])


def by_waiting(port: int, body: bytes) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as raw:
        raw.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        answer = raw.makefile("rb").read()  # to the end: it is closed for writing at once
    assert b"\r\nConnection: close\r\n" in answer
    return int(answer.split(b" ", 2)[1])


CLIENTS: dict[str, Callable[[int, bytes], int]] = {
    "urllib": by_urllib,
    "http.client": by_http_client,
    "in chunks": partial(by_http_client, chunked=True),
    "sends on without the 100": partial(by_http_client, expect="100-continue"),
    "ends before it reads": by_hanging_up,
    "waits for the 100": by_waiting,
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_that_sends_on_sees_why_it_is_refused(roomy: int, client: str) -> None:
    for size in (DEFAULT + 1, DEFAULT + 1, 2 * DEFAULT):
        assert CLIENTS[client](roomy, bytes(size)) == 413


def test_a_body_of_the_default_limit_is_read(roomy: int) -> None:
    assert [by_urllib(roomy, bytes(DEFAULT)), by_http_client(roomy, bytes(DEFAULT))] == [401, 401]


def test_a_refused_client_does_not_send_for_ever(roomy: int) -> None:
    with socket.create_connection(("127.0.0.1", roomy), timeout=15) as raw:
        raw.sendall(HEAD + b"Content-Length: 99999999999\r\n\r\n")
        piece, sent = bytes(2**20), 0
        with suppress(ConnectionError):
            while sent < 2**30:
                raw.sendall(piece)
                sent += len(piece)
        assert sent < 2**29
    assert deliver(roomy) == 200


def test_a_refused_client_that_stays_is_closed(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as raw:
        raw.sendall(HEAD + b"Content-Length: 2049\r\n\r\n")
        assert raw.makefile("rb").read().startswith(b"HTTP/1.1 413 ")
        drops = 0
        with suppress(ConnectionError):
            while (drops := drops + 1) < 300:
                raw.sendall(b"x")
                time.sleep(0.1)
        assert drops < 300


def test_many_refused_clients_do_not_delay_others(calm: int) -> None:
    with ExitStack() as stack:
        for _ in range(200):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", calm), timeout=15))
            raw.sendall(HEAD + b"Content-Length: 99999999999\r\n\r\n" + bytes(2**17))
        for _ in range(5):
            assert deliver(calm) == 200


def test_a_body_that_ends_early_is_a_bad_request(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as raw:
        raw.sendall(HALVES["half a body"])
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")


def test_urgent_data_ends_the_connection(calm: int) -> None:
    with socket.create_connection(("127.0.0.1", calm), timeout=5) as raw, suppress(ConnectionResetError):
        raw.send(b"!", socket.MSG_OOB)
        assert raw.recv(100) == b""


# --- how it ends
def test_what_came_before_the_end_is_answered(tmp_path: Path) -> None:
    about = {"repository": {"full_name": "a/b"}, "sender": {"login": "ann"}, "issue": {"number": 1}}
    body = json.dumps({"action": "created", "comment": {"id": 7, "body": "/agent fix"}, **about}).encode()
    fields = {**headers(body, "issue_comment"), "Content-Length": str(len(body))}
    head = HEAD + "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"
    with ExitStack() as stack:
        with running(serving(60), tmp_path) as (port, _):
            where = tmp_path / "data" / "journeyman.db"
            database = stack.enter_context(closing(sqlite3.connect(where, check_same_thread=False)))
            database.execute("BEGIN IMMEDIATE")  # the delivery waits for this
            whole, half = (
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=15)) for _ in range(2)
            )
            whole.sendall(head + body)
            half.sendall(head + body[:20])
            assert deliver(port) == 200  # connections are taken in turn, so those two are known by now

            Timer(0.3, database.rollback).start()  # after the signal
            Timer(0.6, half.sendall, [body[20:]]).start()
        answers = sorted(raw.recv(100).split(b" ", 2)[1] for raw in (whole, half))
        assert answers == [b"200", b"202"]  # it is one delivery: one of the two stores it, the other finds it known
        with pytest.raises(ConnectionRefusedError):
            deliver(port)


def test_requests_that_never_come_whole_do_not_put_off_the_end(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with running(serving(60), tmp_path) as (port, _):
            for half in HALVES.values():
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=15)).sendall(half)
            assert deliver(port) == 200
            begun = time.monotonic()
        assert time.monotonic() - begun < 30, "it waited for them, who have 60 seconds"


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
