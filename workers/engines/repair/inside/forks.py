"""One forked child per run of tests: a crash, a hang or a changed module never reaches the next run."""

import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]
Tell = Callable[[Message], None]

MOST_BYTES = 32_000_000
MEMORY = 2_000_000_000


def in_child(work: Callable[[Tell], None], *, seconds: float, heard: Callable[[Message], float | None]) -> str:
    """Run `work` in a forked child and hand its messages to `heard`; return "done", "killed" or "died".

    `seconds` is the wall time until the first kill; `heard` may return a new allowance from now on. The child and
    everything in its process group are gone when this returns.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(work, reading, writing)
    os.close(writing)
    life = os.pidfd_open(child)
    try:
        return _listen(reading, life, seconds, heard)
    finally:
        os.close(reading)
        os.close(life)
        _end(child)


def _be_child(work: Callable[[Tell], None], reading: int, writing: int) -> None:
    try:
        os.close(reading)
        os.setsid()
        _limit_memory()

        def tell(message: Message) -> None:
            _write_all(writing, json.dumps(message).encode() + b"\n")

        work(tell)
        leave(tell)
    except BaseException as error:  # noqa: BLE001 - the border of the child: nothing may return into the parent's code
        _write_all(writing, json.dumps({"kind": "crash", "text": repr(error)[:400]}).encode() + b"\n")
    finally:
        os._exit(1)


def leave(tell: Tell) -> None:
    """End the child's work here and now."""
    tell({"kind": "end"})
    os._exit(0)


def _limit_memory() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    if soft == resource.RLIM_INFINITY or soft > wanted:
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _listen(fd: int, life: int, seconds: float, heard: Callable[[Message], float | None]) -> str:
    """Read messages from `fd` until the end; `life` becomes readable when the child ends, which the pipe need not show:
    a process that the child forked may hold its other end.
    """
    until = time.monotonic() + seconds
    kept, total = b"", 0
    while total < MOST_BYTES:
        ready, _, _ = select.select([fd, life], [], [], max(0.0, until - time.monotonic()))
        if fd not in ready:
            return "died" if life in ready else "killed"
        data = os.read(fd, 65536)
        if not data:
            return "died"
        total += len(data)
        *lines, kept = (kept + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["kind"] in ("end", "crash"):
                heard(message)
                return "done" if message["kind"] == "end" else "died"
            more = heard(message)
            if more is not None:
                until = time.monotonic() + more
    return "killed"


def _end(child: int) -> None:
    for kill, target in ((os.killpg, child), (os.kill, child)):
        try:
            kill(target, signal.SIGKILL)
        except ProcessLookupError:
            continue
        except PermissionError:
            continue
    os.waitpid(child, 0)
