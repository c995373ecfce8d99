"""Running the repository's tests in the sandbox, and reading what the program inside says."""

import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.ports import Finished, Limits, Sandbox
from workers.engines.repair import inside
from workers.tools.plugins import unused

ROOT = "/workspace"
MODULES = ("forks", "tree", "clock", "recorder", "session", "survey", "hunt", "main")
BOOT = (
    "import json,sys,types\n"
    "load=json.loads(sys.stdin.buffer.read())\n"
    "for name,text in load['modules']:\n"
    " module=types.ModuleType(name); sys.modules[name]=module\n"
    " exec(compile(text,'<'+name+'>','exec'),module.__dict__)\n"
    "run=sys.modules[load['modules'][-1][0]].main\n"
    "for name,_ in load['modules']: del sys.modules[name]\n"
    "run(load['request'])\n"
)
MEMORY_MB = 3000
GRACE = 10.0
KILLED = "Killed"

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a test failed: the error's type and message, and the frames inside the repository, outermost first.

    `hung`: it did not end within `limit` seconds. A `test` of "" stands for all of it: nothing could be run.
    """

    test: str
    type: str
    message: str
    frames: tuple[tuple[str, int, str], ...]
    hung: bool = False
    limit: float = 0.0


@dataclass(slots=True)
class Survey:
    """One run of the whole suite. `lines`: file -> line -> the tests that ran it ("" stands for importing).

    `trouble` is why it could not be run to its end, `late` that time was up; when something hung before the first test
    it is in `failures` under "".
    """

    tests: list[str] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    uncollected: dict[str, str] = field(default_factory=dict)
    lines: dict[str, dict[int, set[str]]] = field(default_factory=dict)
    trouble: str = ""
    late: bool = False

    @property
    def failing(self) -> list[str]:
        """Return the failing tests, and the files that could not be collected, in order."""
        failed = [test for test, outcome in self.outcomes.items() if outcome in ("failed", "error")]
        return [*self.uncollected, *failed]

    @property
    def passing(self) -> list[str]:
        """Return the tests that passed."""
        return [test for test, outcome in self.outcomes.items() if outcome == "passed"]

    @property
    def hung(self) -> dict[str, Failure]:
        """Return the tests that did not end in time, and the files that could not be imported in time."""
        return {test: failure for test, failure in self.failures.items() if failure.hung}

    @property
    def killed(self) -> list[str]:
        """Return the tests that ended their process, and the files whose import did."""
        return [test for test, failure in self.failures.items() if failure.type == KILLED and not failure.hung]

    @property
    def deadly(self) -> list[str]:
        """Return what ends or stops its process, so that nothing can be run after it: what hangs, exits or crashes."""
        return [*self.hung, *self.killed]

    @property
    def usual_seconds(self) -> float:
        """Return how long the tests took that were not stopped for time."""
        hung = self.hung
        return sum(seconds for test, seconds in self.seconds.items() if test not in hung)

    def settle(self, test: str, seconds: float) -> None:
        """Note that a test that was stopped for time passes when it has more."""
        self.outcomes[test], self.seconds[test] = "passed", seconds
        del self.failures[test]

    def hear(self, message: Message) -> None:
        """Take in one message of the program inside."""
        kind, test = message["kind"], message.get("test", "")
        if kind == "collected":
            self.tests = list(dict.fromkeys([*self.tests, *message["tests"]]))
        elif kind == "outcome":
            self.outcomes[test] = message["outcome"]
            self.seconds[test] = float(message.get("seconds", 0.0))
            if "type" in message:
                self.failures[test] = _failure(message)
        elif kind == "uncollected":
            self.uncollected[test] = message["text"]
            self.failures[test] = _failure(message)
        elif kind == "line":
            self.lines.setdefault(message["file"], {}).setdefault(message["line"], set()).update(message["tests"])
        elif kind == "late":
            self.late = True
        elif kind == "trouble":
            self.trouble = self.trouble or message["text"] or "pytest could not start"
        elif kind == "crash":
            self.trouble = message["text"]
        elif kind == "stuck":
            self.failures[""] = _failure(message)
            self.trouble = self.trouble or f"the test process {message['how']} before it ran a test"


def _failure(message: Message) -> Failure:
    frames = tuple((str(path), int(line), str(name)) for path, line, name in message["frames"])
    hung, limit = bool(message.get("hung")), float(message.get("limit", 0.0))
    return Failure(message["test"], message["type"], message["message"], frames, hung, limit)


def program() -> list[tuple[str, str]]:
    """Return the modules of the program inside, in the order in which they can be loaded."""
    folder = Path(inside.__file__).parent
    return [(f"{inside.__name__}.{name}", (folder / f"{name}.py").read_text("utf-8")) for name in MODULES]


def survey(
    sandbox: Sandbox,
    workspace: Path,
    *,
    tests: Sequence[str] = (),
    left_out: Iterable[str] = (),
    watch: Sequence[str] = (),
    seconds: float,
    test_seconds: float,
    heard: Callable[[Survey], None] | None = None,
) -> Survey:
    """Run tests (none: all but `left_out`) once; `watch` are the files whose lines are recorded per test.

    A test that takes longer than `test_seconds` counts as failed, with `hung` set. Never raises for what tests do.
    """
    found = Survey()

    def hear(message: Message) -> None:
        found.hear(message)
        if heard is not None and message["kind"] == "outcome":
            heard(found)

    request = {
        "mode": "survey",
        "tests": list(tests),
        "left_out": list(left_out),
        "lines": list(watch),
        "seconds": seconds,
        "test_seconds": test_seconds,
    }
    finished, ended = talk(sandbox, workspace, request, seconds=seconds, hear=hear)
    if not ended and not found.trouble:
        found.late = found.late or finished.timed_out
        found.trouble = _last_words(finished)
    return found


def talk(
    sandbox: Sandbox, workspace: Path, request: Message, *, seconds: float, hear: Callable[[Message], None]
) -> tuple[Finished, bool]:
    """Run the program inside with one request; return how it ended, and whether it came to its own end.

    Only lines that begin with this talk's nonce are messages: what the tests print is not believed.
    """
    nonce = secrets.token_hex(16)
    ended = False

    def line(raw: bytes) -> None:
        nonlocal ended
        start, _, rest = raw.strip().partition(b" ")
        if start != nonce.encode():
            return
        message = json.loads(rest)
        if message["kind"] == "finished":
            ended = True
        else:
            hear(message)

    load = {"modules": program(), "request": {**request, "root": ROOT, "nonce": nonce, "unused": unused(workspace)}}
    finished = sandbox.run(
        [sandbox.python, "-P", "-c", BOOT],
        workspace=workspace,
        limits=Limits(
            wall_seconds=seconds + GRACE,
            cpu_seconds=2 * (seconds + GRACE),
            memory_mb=MEMORY_MB,
            output_bytes=64_000_000,
        ),
        stdin=json.dumps(load).encode(),
        env={"PYTHONHASHSEED": "0"},
        on_line=line,
    )
    return finished, ended


def _last_words(finished: Finished) -> str:
    words = finished.stderr.decode("utf-8", "replace").strip().splitlines()
    return words[-1][:300] if words else f"the test program ended with exit code {finished.exit_code}"
