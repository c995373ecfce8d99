"""For all tests: nothing leaves this machine. A connection outside loopback and unix sockets turns its test red."""

import gc
import ipaddress
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bot.domain.errors import SandboxUnavailable
from workers.sandbox.bubblewrap import BubblewrapSandbox

_strays: list[str] = []

gc.set_threshold(50_000, 20, 50)  # what a test process imports is never garbage: looking through it costs a twentieth


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Take two workers for each core with `-n auto`: conversations wait for processes more than they compute."""
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1)


class LeftLoopback(RuntimeError):
    """A test wanted to reach something that is not on this machine."""


def _is_near(host: object) -> bool:
    if not isinstance(host, str | bytes) or not host:
        return True
    name = host.decode(errors="replace") if isinstance(host, bytes) else host
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _watch(event: str, given: tuple[Any, ...]) -> None:
    if event == "socket.connect":
        host = given[1][0] if isinstance(given[1], tuple) else None
    elif event == "socket.getaddrinfo":
        host = given[0]
    else:
        return
    if not _is_near(host):
        _strays.append(f"{event} {host!r}")
        raise LeftLoopback(f"{event} {host!r}: tests speak to this machine only")


sys.addaudithook(_watch)  # for good: Python has no way to take one off


@pytest.fixture(autouse=True)
def _stays_on_loopback() -> Iterator[None]:
    """Fail a test even where the code under test swallowed the refusal."""
    del _strays[:]
    yield
    assert not _strays, f"tests speak to this machine only: {', '.join(_strays)}"


@pytest.fixture(scope="session")
def sandbox() -> BubblewrapSandbox:
    """The real sandbox, which keeps nothing of a run; a test that needs it is skipped where there is none."""
    made = BubblewrapSandbox()
    try:
        made.check()
    except SandboxUnavailable as error:
        pytest.skip(f"no sandbox here: {error}")
    return made
