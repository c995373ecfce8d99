"""Run a whole installation on one machine: broker of messages, receiver, both workers and the clock.

Each is a process of its own that is given its own zone's credentials only. One that dies is started again, with a
pause that grows; one whose settings cannot work (exit 78) ends the installation.
"""

import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import requests

from bot.config import EX_CONFIG, environment_for
from bot.domain.envelope import Zone
from bot.domain.errors import ConfigError, JourneymanError
from workers.valkey import Valkey

STOP_SECONDS = 12.0
READY_SECONDS = 60.0
MAX_DEATHS = 8
CALM_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Ended(JourneymanError):
    """A process of the installation cannot run."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(slots=True)
class Member:
    """One process of the installation."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started: float = 0.0
    not_before: float = 0.0

    def start(self, output: IO[bytes] | None) -> None:
        """Start it in a session of its own; it gets SIGTERM when this process dies, however it dies."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )

    def stop(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def reap(self, until: float) -> None:
        """Wait until it has ended; kill it at the deadline."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


@dataclass(slots=True)
class Installation:
    """One installation. `environ` holds every zone's credentials; `log` names the file for what the members print."""

    environ: Mapping[str, str]
    port: int
    host: str = "127.0.0.1"
    log: Path | None = None
    members: dict[str, Member] = field(default_factory=dict)
    valkey: Valkey | None = None
    _output: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """The receiver's address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Start everything and wait until the receiver is ready; raises Ended or ConfigError, with nothing left."""
        self._look_at_port()
        if self.log is not None:
            self._output = self.log.open("ab")
        try:
            redis = self.environ.get("JOURNEYMAN_REDIS_URL") or self._start_valkey()
            self._add("web", Zone.RECEIVER, redis, ["web", "--host", self.host, "--port", str(self.port)])
            self._wait_ready()
            self._add("broker", Zone.BROKER, redis, ["worker", "--zone", "broker"])
            self._add("agent", Zone.AGENT, redis, ["worker", "--zone", "agent"])
            self._add("beat", None, redis, ["beat"])
        except BaseException:
            self.stop()
            raise

    def _look_at_port(self) -> None:
        """Say at once that the port is taken: else whoever has it would be taken for our receiver."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            socket.create_server((self.host, self.port), family=family).close()
        except OSError as error:
            why, _, _ = (error.strerror or str(error)).partition(" (while ")
            raise Ended(f"cannot listen on {self.url}: {why}; try another --port") from None

    def _start_valkey(self) -> str:
        self.valkey = Valkey()
        member = Member("valkey", self.valkey.command(), {})
        self.members["valkey"] = member
        member.start(self._output)
        assert member.process is not None
        self.valkey.wait(member.process)
        return self.valkey.url

    def _add(self, name: str, zone: Zone | None, redis: str, arguments: list[str]) -> None:
        environment = {**environment_for(zone, self.environ), "JOURNEYMAN_REDIS_URL": redis}
        member = Member(name, [sys.executable, "-m", "bot.cli", *arguments], environment)
        self.members[name] = member
        member.start(self._output)

    def _wait_ready(self) -> None:
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            self.watch()
            try:
                if requests.get(f"{self.url}/readyz", timeout=2).ok:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.05)
        raise Ended(f"the receiver was not ready within {READY_SECONDS:.0f} s; see {self.log or 'what it printed'}")

    def watch(self) -> None:
        """Start again what died; raises ConfigError or Ended when that cannot help."""
        now = time.monotonic()
        for member in self.members.values():
            if member.process is None or member.process.poll() is None:
                if member.deaths and now - member.started > CALM_SECONDS:
                    member.deaths = 0
                continue
            self._revive(member, now)

    def _revive(self, member: Member, now: float) -> None:
        assert member.process is not None
        code = member.process.returncode
        if code == EX_CONFIG:
            raise ConfigError(f"the {member.name} process refused its settings; its message is above")
        if member.deaths >= MAX_DEATHS:
            raise Ended(f"the {member.name} process ended {member.deaths} times in a row, the last time with {code}")
        if member.not_before <= member.started:
            member.not_before = now + 0.2 * (2**member.deaths - 1)
        if now >= member.not_before:
            member.deaths += 1
            member.start(self._output)

    def run(self, until: Callable[[], bool]) -> None:
        """Watch over the members until told to end."""
        while not until():
            self.watch()
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop everything: first what takes work in, the message broker last."""
        order = ["web", "beat", "broker", "agent", "valkey"]
        until = time.monotonic() + STOP_SECONDS
        for name in order[:-1]:
            if name in self.members:
                self.members[name].stop()
        for name in order[:-1]:
            if name in self.members:
                self.members[name].reap(until)
        if "valkey" in self.members:
            self.members["valkey"].stop()
            self.members["valkey"].reap(time.monotonic() + 5)
        if self.valkey is not None:
            shutil.rmtree(self.valkey.directory, ignore_errors=True)
        if self._output is not None:
            self._output.close()
            self._output = None
        self.members.clear()
