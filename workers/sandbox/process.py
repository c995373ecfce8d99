"""Watching one sandboxed process: feed it, read it, bound it, and leave nothing of it alive."""

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.errors import SandboxUnavailable
from bot.ports import Finished, Limits
from workers.sandbox.limits import Group

_CHUNK = 65_536
_TICK = 0.2  # how often processor time is looked at
_GRACE = 5.0  # how long killed processes may take to go
_LAST_SIGNAL = 64


@dataclass(frozen=True, slots=True)
class Launch:
    """A prepared start: the launcher inherits `inherit` and says on `status` (our end to read) how it goes.

    `theirs` closes our copies of what it inherits; closing `gate` lets process 1 inside go on to the command.
    """

    argv: Sequence[str]
    inherit: Sequence[int]
    status: int
    theirs: ExitStack
    gate: ExitStack


@dataclass(slots=True)
class Capture:
    """One output stream: keeps the first `limit` bytes, drains the rest, and hands on lines as they come."""

    limit: int
    on_line: Callable[[bytes], None] | None = None
    data: bytearray = field(default_factory=bytearray)
    truncated: bool = False
    _line: int = 0

    def feed(self, chunk: bytes) -> None:
        kept = chunk[: max(0, self.limit - len(self.data))]
        self.truncated = self.truncated or len(kept) < len(chunk)
        self.data += kept
        while self.on_line and (end := self.data.find(b"\n", self._line)) >= 0:
            line, self._line = bytes(self.data[self._line : end]), end + 1
            self.on_line(line)

    def close(self) -> None:
        """Hand on what is left without an end of line."""
        if self.on_line and self._line < len(self.data):
            line, self._line = bytes(self.data[self._line :]), len(self.data)
            self.on_line(line)


class Watch:
    """Runs one launch to its end. Make one, call `run` once.

    `free_bytes` tells how much may still be written; at nothing, everything is killed as for a broken limit.
    """

    def __init__(self, launch: Launch, group: Group, limits: Limits, free_bytes: Callable[[], int]) -> None:
        self._launch = launch
        self._group = group
        self._limits = limits
        self._free_bytes = free_bytes
        self._looked = 0.0
        self._disk_full = False
        self._status = bytearray()
        self._init: int | None = None  # pidfd of process 1 inside
        self._exit: int | None = None

    def run(self, stdin: bytes, on_line: Callable[[bytes], None] | None) -> Finished:
        """Start, feed and read until the end or a bound; every process of the sandbox is gone when this returns.

        Raises SandboxUnavailable when the sandbox could not be set up.
        """
        started = time.monotonic()
        out, err = Capture(self._limits.output_bytes, on_line), Capture(self._limits.output_bytes)
        process = self._start()
        try:
            killed = self._pump(process, stdin, (out, err), started + self._limits.wall_seconds)
        finally:
            self._end(process)
        out.close()
        if self._disk_full:
            err.data += b"\nsandbox: stopped, because the disk is nearly full\n"
        code = self._code(process.returncode, killed, bytes(err.data))
        seconds = time.monotonic() - started
        truncated = out.truncated or err.truncated
        return Finished(code, bytes(out.data), bytes(err.data), seconds, killed and not self._disk_full, truncated)

    def _start(self) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                self._launch.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                pass_fds=self._launch.inherit,
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxUnavailable(f"the launcher {self._launch.argv[0]} does not start: {error}") from error
        finally:
            self._launch.theirs.close()

    def _pump(
        self, process: "subprocess.Popen[bytes]", stdin: bytes, captures: tuple[Capture, Capture], deadline: float
    ) -> bool:
        """Move bytes until the launcher has ended and its output is read; True when it had to be killed."""
        assert process.stdin
        assert process.stdout
        assert process.stderr
        killed = False
        with selectors.DefaultSelector() as ready, _end_of(process.pid) as ended:
            for stream, what in (
                (process.stdout.fileno(), captures[0].feed),
                (process.stderr.fileno(), captures[1].feed),
                (self._launch.status, self._note),
            ):
                ready.register(stream, selectors.EVENT_READ, what)
            ready.register(ended, selectors.EVENT_READ, None)
            self._feed(ready, process.stdin.fileno(), memoryview(stdin))
            while True:
                left = deadline - time.monotonic()
                if killed and left <= 0:
                    break
                if not killed and (left <= 0 or self._overspent()):
                    killed, deadline = True, time.monotonic() + _GRACE
                    self._kill(process)
                for key, _ in ready.select(max(0.0, min(left, _TICK))):
                    if key.fd == ended:
                        ready.unregister(ended)
                        self._kill_rest()
                        deadline = min(deadline, time.monotonic() + _GRACE)
                    elif key.fd == process.stdin.fileno():
                        self._feed(ready, key.fd, key.data)
                    elif not self._read(key):
                        ready.unregister(key.fd)
                if not any(key.fd != process.stdin.fileno() for key in ready.get_map().values()):
                    break
        return killed

    def _overspent(self) -> bool:
        """Look, at most once per tick, whether processor time or disk is used up."""
        now = time.monotonic()
        if now - self._looked < _TICK:
            return False
        self._looked = now
        self._disk_full = self._free_bytes() <= 0
        return self._disk_full or self._group.cpu_seconds() > self._limits.cpu_seconds

    @staticmethod
    def _read(key: selectors.SelectorKey) -> bool:
        chunk = os.read(key.fd, _CHUNK)
        if chunk:
            key.data(chunk)
        return bool(chunk)

    @staticmethod
    def _feed(ready: selectors.BaseSelector, fd: int, data: memoryview) -> None:
        """Write what fits of the input now and register the rest; close when all is written or nobody reads."""
        if fd in ready.get_map():
            ready.unregister(fd)
        os.set_blocking(fd, False)
        try:
            data = data[os.write(fd, data[:_CHUNK]) :] if data else data
        except BlockingIOError:
            pass
        except BrokenPipeError:
            data = data[:0]
        if data:
            ready.register(fd, selectors.EVENT_WRITE, data)
        else:
            # The number must stay taken until Popen closes it, so put the null device there.
            with Path(os.devnull).open("wb") as null:
                os.dup2(null.fileno(), fd, inheritable=False)

    def _note(self, chunk: bytes) -> None:
        """Read the launcher's reports: process 1 exists (bound it, then let it go on), or the command ended."""
        self._status += chunk
        *lines, rest = self._status.split(b"\n")
        self._status = rest
        for line in lines:
            report = json.loads(line or b"{}")
            if "child-pid" in report:
                self._init = os.pidfd_open(report["child-pid"])
                self._group.add(report["child-pid"])
                self._launch.gate.close()
            if "exit-code" in report:
                self._exit = report["exit-code"]

    def _kill(self, process: "subprocess.Popen[bytes]") -> None:
        self._kill_rest()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    def _kill_rest(self) -> None:
        """Kill process 1, and with it, by the kernel's rule, everything in its process namespace."""
        if self._init is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        self._group.kill()

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        """Make sure that nothing lives; the end of process 1 is only reported once its namespace is empty."""
        if process.poll() is None:
            self._kill(process)
        self._kill_rest()
        try:
            process.wait(_GRACE)
            if self._init is not None and not _ended(self._init, _GRACE):
                raise SandboxUnavailable("processes of the sandbox survived SIGKILL; look at the machine's storage")
        except subprocess.TimeoutExpired:
            raise SandboxUnavailable("the sandbox's launcher survived SIGKILL; look at the machine's storage") from None
        finally:
            if self._init is not None:
                os.close(self._init)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with suppress(OSError):
                        stream.close()

    def _code(self, launcher: int, killed_by_us: bool, stderr: bytes) -> int:
        if killed_by_us:
            return -signal.SIGKILL
        code = self._exit
        if code is None:
            killed = launcher < 0 or launcher > 128
            if self._init is None or not killed:
                said = stderr.decode("utf-8", "replace").strip()[-800:]
                raise SandboxUnavailable(f"bubblewrap could not set up the sandbox: {said or f'exit {launcher}'}")
            code = launcher
        return 128 - code if 128 < code <= 128 + _LAST_SIGNAL else code


@contextmanager
def _end_of(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when the process ends."""
    fd = os.pidfd_open(pid)
    try:
        yield fd
    finally:
        os.close(fd)


def _ended(pidfd: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as ready:
        ready.register(pidfd, selectors.EVENT_READ)
        return bool(ready.select(seconds))
