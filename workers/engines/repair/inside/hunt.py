"""Try candidates, one forked child each: first the failing tests, then, for the few that survive, the whole suite."""

import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from workers.engines.repair.inside.forks import Message, Tell, in_child
from workers.engines.repair.inside.recorder import Recorder
from workers.engines.repair.inside.session import arguments
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
        self.everything: list[str] = request["tests"]
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
        self.hung: bool = request["hung"]
        self.cpu = 2.0

    def run(self) -> None:
        """Hunt inside one pytest session, forked after its start; with a tainted start, one session per candidate."""
        self.recorder = Recorder(self.root, self._from_child, lambda: 0.0, lambda _: None)
        before = set(sys.modules)
        pytest.main([*arguments(self.root), *self.everything], plugins=[self.recorder, self])
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
        plausible = 0
        for candidate in self.candidates:
            if time.monotonic() >= stop_at or plausible >= self.enough:
                return
            if self._try(candidate):
                plausible += 1
                if plausible == 1:
                    stop_at = min(stop_at, time.monotonic() + self.linger)
        self.tell({"kind": "exhausted"})

    def _warm(self) -> None:
        """Run tests unchanged: how long do they take, and which libraries do they load?

        A hang of the unchanged program says nothing about the fixed one: then other tests are the measure.
        """
        measure = sorted(self.keep)[:MOST_MEASURED] if self.hung else self.goals
        result = self._run(measure, seconds=20.0, cpu=15.0, fail_fast=False) if measure else None
        for name in result["modules"][:MOST_WARM] if result else ():
            if name not in sys.modules:
                # Warming is a favour: whatever a library raises here, the child meets it again.
                with suppress(Exception):
                    import_module(name)
        again = self._run(measure, seconds=20.0, cpu=15.0, fail_fast=False) if measure else None
        used = again["cpu"] if again and again["end"] == "done" else 0.04
        self.cpu = min(10.0, max(LEAST_CPU_HUNG, used * 6) if self.hung else max(LEAST_CPU, used * 4))
        self.tell({"kind": "warm", "cpu": used})

    def _try(self, candidate: dict[str, Any]) -> bool:
        began = time.monotonic()
        try:
            self._put(candidate)
            result = self._run(self.goals, seconds=self.cpu * 3 + 1.0, cpu=self.cpu, fail_fast=len(self.goals) > 12)
            verdict = "failed"
            if self._holds(result, set(self.goals)):
                self._put(candidate)
                allow = max(5.0, self.suite_seconds * 4 + 2.0)
                full = self._run(self.everything, seconds=allow * 2, cpu=allow, fail_fast=False)
                good = self._holds(full, set(self.goals)) and self._holds(full, self.keep)
                verdict = "plausible" if good else "breaks"
        finally:
            for path in candidate["edits"]:
                self.tree.put_back(path)
        self.tell(
            {
                "kind": "tried",
                "id": candidate["id"],
                "verdict": verdict,
                "passed": result["passed"],
                "end": result["end"],
                "seconds": round(time.monotonic() - began, 4),
            }
        )
        return verdict == "plausible"

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

    def _run(self, tests: list[str], *, seconds: float, cpu: float, fail_fast: bool) -> dict[str, Any]:
        result: dict[str, Any] = {"outcomes": {}, "uncollected": [], "modules": [], "cpu": 0.0, "passed": []}

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
            self._pytest(tests, tell, fail_fast)
            used = resource.getrusage(resource.RUSAGE_SELF)
            tell({"kind": "used", "cpu": used.ru_utime + used.ru_stime, "modules": list(self._libraries())})

        result["end"] = in_child(work, seconds=seconds, heard=hear)
        self.tree.restore()
        result["passed"] = [test for test, outcome in result["outcomes"].items() if outcome == "passed"]
        return result

    def _pytest(self, tests: list[str], tell: Tell, fail_fast: bool) -> None:
        session, recorder = self.session, self.recorder
        if session is None or recorder is None:
            plugin = Recorder(self.root, tell, lambda: 0.0, lambda _: None)
            quick = ["--maxfail=3"] if fail_fast else []
            pytest.main([*arguments(self.root), *quick, *tests], plugins=[plugin])
            return
        self.child_tell = tell
        session.config.option.maxfail = 3 if fail_fast else 0
        session.config.pluginmanager.unregister(self)
        session.perform_collect(tests or None)
        session.config.hook.pytest_runtestloop(session=session)

    def _libraries(self) -> Iterator[str]:
        for name, module in list(sys.modules.items()):
            place = getattr(module, "__file__", None) or ""
            if place and not place.startswith(f"{self.root}/") and name != "__main__":
                yield name


def apply(data: bytes, edits: list[list[Any]]) -> bytes:
    """Return the text with every [start, end, replacement] done; they do not overlap."""
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text.encode() + data[end:]
    return data
