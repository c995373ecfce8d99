"""Try candidates, one forked child each: first the failing tests, then, for the few that survive, the whole suite."""

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from workers.engines.repair.inside.forks import Message, Tell, in_child, leave
from workers.engines.repair.inside.recorder import Recorder
from workers.engines.repair.inside.session import AtEnd, arguments
from workers.engines.repair.inside.tree import Tree

MOST_WARM = 400
MOST_MEASURED = 20
LEAST_CPU = 0.35
LEAST_CPU_HUNG = 0.2


class Hunt:
    """One hunt; `request` has the root, the goals, the tests to keep, the candidates and the bounds."""

    def __init__(self, request: dict[str, Any], tell: Tell) -> None:
        self.root = Path(request["root"])
        self.goals: list[str] = request["goals"]
        self.keep: set[str] = set(request["keep"])
        self.deadly: list[str] = request["deadly"]
        self.left_out: list[str] = request["left_out"]
        self.unused: list[str] = request["unused"]
        self.candidates: list[dict[str, Any]] = request["candidates"]
        self.until = time.monotonic() + request["seconds"]
        self.linger: float = request["linger"]
        self.enough: int = request["enough"]
        self.suite_seconds: float = request["suite_seconds"]
        self.tell = tell
        self.tree = Tree(self.root)
        self.session: pytest.Session | None = None
        self.recorder: Recorder | None = None
        self.child_tell: Tell = tell
        self.patience: float = request["patience"]
        self.cpu = 2.0
        self.wall = 7.0

    def run(self) -> None:
        """Hunt inside one pytest session, forked after its start; with a tainted start, one session per candidate."""
        self.recorder = Recorder(self.root, self._from_child)
        before = set(sys.modules)
        pytest.main(arguments(self.root, self.unused), plugins=[self.recorder, self])
        if self.session is None:
            for name in [name for name in sys.modules if name not in before and self._is_ours(name)]:
                del sys.modules[name]
            self._hunt()

    def _from_child(self, message: Message) -> None:
        self.child_tell(message)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Keep the session when nothing of the repository but its conftest files is loaded yet."""
        loaded = [name for name in list(sys.modules) if self._is_ours(name)]
        self.session = None if loaded else session

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> object:
        """Hunt here, in place of collecting: every child is a fork of this very moment."""
        if self.session is not None:
            self._hunt()
            self.tell({"kind": "finished"})
            os._exit(0)  # the end of the session may hang
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self) -> object:
        """Run nothing in the parent."""
        return True

    def _is_ours(self, name: str) -> bool:
        place = getattr(sys.modules.get(name), "__file__", None) or ""
        return place.startswith(f"{self.root}/") and Path(place).name != "conftest.py"

    # --- the hunt -----------------------------------------------------------------------------------------------------
    def _hunt(self) -> None:
        self._warm()
        stop_at = self.until
        plausible = half = 0
        for candidate in self.candidates:
            if time.monotonic() >= stop_at or plausible >= self.enough:
                return
            verdict = self._try(candidate)
            plausible += verdict == "plausible"
            half += verdict == "half"
            if verdict == "plausible" and plausible == 1:
                stop_at = min(stop_at, time.monotonic() + self.linger)
            if verdict == "half" and half == 1:
                stop_at = min(stop_at, time.monotonic() + self.patience)
        self.tell({"kind": "exhausted"})

    def _warm(self) -> None:
        """Run tests unchanged: how long do they take, and which libraries do they load?

        A hang of the unchanged program says nothing about the fixed one: then other tests are the measure.
        """
        measure = self.goals or sorted(self.keep)[:MOST_MEASURED]
        result = self._run(measure, seconds=20.0, cpu=15.0, fail_fast=False) if measure else None
        cold = [name for name in result["modules"] if name not in sys.modules] if result else []
        for name in cold[:MOST_WARM]:
            # Warming is a favour: whatever a library raises here, the child meets it again.
            with suppress(Exception):
                import_module(name)
        if cold:
            result = self._run(measure, seconds=20.0, cpu=15.0, fail_fast=False)
        used = result["cpu"] if result and result["end"] == "done" else 0.04
        self.cpu = min(10.0, max(LEAST_CPU, used * 4) if self.goals else max(LEAST_CPU_HUNG, used * 6))
        self.wall = self.cpu * 3 + 1.0 + (2 * result["wall"] if result and self.goals else 0.0)
        self.tell({"kind": "warm", "cpu": used})

    def _try(self, candidate: dict[str, Any]) -> str:
        began = time.monotonic()
        passed: list[str] = []
        try:
            verdict = self._judge(candidate, passed)
        finally:
            for path in candidate["edits"]:
                self.tree.put_back(path)
        seconds = round(time.monotonic() - began, 4)
        self.tell({"kind": "tried", "id": candidate["id"], "verdict": verdict, "passed": passed, "seconds": seconds})
        return verdict

    def _judge(self, candidate: dict[str, Any], passed: list[str]) -> str:
        """Return failed, breaks (another test), half (deadly goals are not met) or plausible, and fill `passed`."""
        first, last = (self.goals, self.deadly) if self.goals else (self.deadly, [])
        if not self._meets(candidate, first, passed):
            return "failed"
        self._put(candidate)
        allow = max(5.0, self.suite_seconds * 4 + 2.0)
        full = self._run([], seconds=allow * 2, cpu=allow, fail_fast=False, left_out=[*self.left_out, *last])
        if not self._holds(full, {*first, *self.keep}):
            return "breaks"
        return "plausible" if not last or self._meets(candidate, last, passed) else "half"

    def _meets(self, candidate: dict[str, Any], goals: list[str], passed: list[str]) -> bool:
        self._put(candidate)
        result = self._run(goals, seconds=self.wall, cpu=self.cpu, fail_fast=len(goals) > 12)
        passed += result["passed"]
        return self._holds(result, set(goals))

    def _put(self, candidate: dict[str, Any]) -> None:
        for path, edits in candidate["edits"].items():
            self.tree.write(path, apply(self.tree.read(path), edits))

    @staticmethod
    def _holds(result: dict[str, Any], wanted: set[str]) -> bool:
        """All wanted tests passed; a wanted file means: it was collected, and nothing in it failed."""
        if result["end"] != "done":
            return False
        outcomes: dict[str, str] = result["outcomes"]
        for test in wanted:
            if "::" in test or test in outcomes:
                if outcomes.get(test) not in ("passed", "skipped" if test not in outcomes else "passed"):
                    return False
                continue
            inside = [outcome for name, outcome in outcomes.items() if name.startswith(f"{test}::")]
            if test in result["uncollected"] or not inside or any(one not in ("passed", "skipped") for one in inside):
                return False
        return True

    def _run(
        self, tests: list[str], *, seconds: float, cpu: float, fail_fast: bool, left_out: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Run tests (none: all but those left out) in a fork, and bring the tree back to what it was."""
        result: dict[str, Any] = {"outcomes": {}, "uncollected": [], "modules": [], "cpu": 0.0, "passed": []}
        began = time.monotonic()

        def hear(message: Message) -> float | None:
            if message["kind"] == "outcome":
                result["outcomes"][message["test"]] = message["outcome"]
            elif message["kind"] == "uncollected":
                result["uncollected"].append(message["test"])
            elif message["kind"] == "used":
                result["cpu"], result["modules"] = message["cpu"], message["modules"]
            return None

        def work(tell: Tell) -> None:
            signal.setitimer(signal.ITIMER_PROF, cpu)  # its default action ends the process

            def at_end() -> None:
                used = resource.getrusage(resource.RUSAGE_SELF)
                tell({"kind": "used", "cpu": used.ru_utime + used.ru_stime, "modules": list(self._libraries())})
                leave(tell)

            self._pytest(tests, tell, at_end, fail_fast, left_out)

        result["end"] = in_child(work, seconds=seconds, heard=hear)
        result["wall"] = time.monotonic() - began
        self.tree.restore()
        result["passed"] = [test for test, outcome in result["outcomes"].items() if outcome == "passed"]
        return result

    def _pytest(
        self, tests: list[str], tell: Tell, at_end: Callable[[], None], fail_fast: bool, left_out: Sequence[str]
    ) -> None:
        session, recorder = self.session, self.recorder
        if session is None or recorder is None:
            plugin = Recorder(self.root, tell, left_out=left_out)
            quick = ["--maxfail=3"] if fail_fast else []
            pytest.main([*arguments(self.root, self.unused), *quick, *tests], plugins=[plugin, AtEnd(at_end)])
            return
        self.child_tell = tell
        recorder.left_out = frozenset(left_out)
        session.config.option.maxfail = 3 if fail_fast else 0
        session.config.pluginmanager.unregister(self)
        session.perform_collect(tests or None)
        session.config.hook.pytest_runtestloop(session=session)
        at_end()

    def _libraries(self) -> Iterator[str]:
        for name, module in list(sys.modules.items()):
            place = getattr(module, "__file__", None) or ""
            if place and not place.startswith(f"{self.root}/") and name != "__main__":
                yield name


def apply(data: bytes, edits: list[list[Any]]) -> bytes:
    """Return the bytes with every [start, end, replacement] done; they do not overlap, and a character is a byte."""
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text.encode("latin-1") + data[end:]
    return data
