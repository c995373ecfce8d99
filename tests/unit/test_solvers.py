"""The agent's proof in the real sandbox: what counts as mended, what never does, and how long it may take."""

import io
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import LeaseLost
from bot.domain.facts import Fact, ModelUsed, ToolRefused
from bot.ports import Answer, Ask, Finished, Limits
from tests.builders import intent, task
from tests.scripted_model import ScriptedModel
from workers.models.script import parse
from workers.proof import Suite, compare
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.sandbox.until import UntilSandbox
from workers.solvers import AgentSolver, RepairSolver, Seldom, Solved, Unsolved

INI = {"pytest.ini": "[pytest]\naddopts = -p no:hypothesispytest -p no:anyio -p no:valkey\n"}
CALC = "def add(a, b):\n    return a - b\n\n\ndef double(a):\n    return a + 2\n"
TESTS = (
    "from calc import add, double\n\n\n"
    "def test_add():\n    assert add(2, 3) == 5\n\n\n"
    "def test_double():\n    assert double(5) == 10\n\n\n"
    "def test_two():\n    assert double(2) == 4\n"
)
FILES = {**INI, "calc.py": CALC, "test_calc.py": TESTS}
ADD = ("calc.py", "return a - b", "return a + b")
DOUBLE = ("calc.py", "return a + 2", "return a * 2")
Edit = tuple[str, str, str]


def tar(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def edits(*made: Edit) -> list[dict[str, Any]]:
    """A script that makes these edits and finishes."""
    turns: list[dict[str, Any]] = [
        {"call": {"name": "files.edit", "arguments": {"path": path, "search": old, "replace": new}}}
        for path, old, new in made
    ]
    return [*turns, {"call": {"name": "finish", "arguments": {"summary": "Done."}}}]


def shell(command: str) -> list[dict[str, Any]]:
    return [{"call": {"name": "shell.run", "arguments": {"command": command}}}]


@dataclass
class Memory:
    kept: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def recall(self, scope: str, key: str) -> bytes | None:
        return self.kept.get((scope, key))

    def remember(self, scope: str, key: str, value: bytes) -> None:
        self.kept.setdefault((scope, key), value)


@dataclass
class Bench:
    """A solver with a scripted model, and what it did."""

    sandbox: Any
    facts: list[Fact] = field(default_factory=list)
    memo: Memory = field(default_factory=Memory)

    def solve(
        self,
        script: Sequence[dict[str, Any]],
        files: dict[str, str] = FILES,
        seconds: float = 60.0,
        still_mine: Callable[[], None] = lambda: None,
    ) -> Solved | Unsolved:
        solver = AgentSolver(self.sandbox, (ScriptedModel(parse(list(script))),), self.memo, "run", self.facts.append)
        return solver.solve(tar(files), intent(), task("agent", solver="agent", seconds=seconds), still_mine)

    def refused(self, script: Sequence[dict[str, Any]], files: dict[str, str] = FILES) -> str:
        """Return the code of what must not be solved."""
        solved = self.solve(script, files)
        assert isinstance(solved, Unsolved), solved
        return solved.code


@pytest.fixture
def bench(sandbox: BubblewrapSandbox) -> Bench:
    return Bench(sandbox)


# --- what two runs say, as values
def suite(passed: str = "", failed: str = "", uncollected: str = "", problem: str = "") -> Suite:
    return Suite(frozenset(passed.split()), frozenset(failed.split()), frozenset(uncollected.split()), problem)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (suite("a", "b"), suite("a b"), {"fixed": ("b",)}),
        (suite("a", "b c"), suite("a b", "c"), {"fixed": ("b",), "red": ("c",)}),
        (suite("a", "b"), suite("a"), {"gone": ("b",)}),
        (suite("a", "b"), suite("b"), {"fixed": ("b",), "broken": ("a",)}),
        (suite("a", "b"), suite("b", "a"), {"fixed": ("b",), "broken": ("a",)}),
        (suite("a", "b"), suite("a b", "new"), {"fixed": ("b",), "new_red": ("new",)}),
        (suite("a", "b"), suite("a b", "", "t.py"), {"fixed": ("b",), "new_red": ("t.py",)}),
        (suite("a", "", "t.py"), suite("a t.py::x"), {"fixed": ("t.py",)}),
        (suite("a", "", "t.py"), suite("a t.py::x", "t.py::y"), {"red": ("t.py",)}),
        (suite("a", "", "t.py"), suite("a"), {"gone": ("t.py",)}),
        (suite("a", "", "t.py"), suite("a u.py::x"), {"gone": ("t.py",)}),
        (suite("a", "", "t.py"), suite("a", "", "t.py"), {"red": ("t.py",)}),
        (suite("a", "", "tests"), suite("a tests/t.py::x"), {"fixed": ("tests",)}),
    ],
)
def test_what_two_runs_say(before: Suite, after: Suite, wanted: dict[str, tuple[str, ...]]) -> None:
    verdict = compare(before, after)
    parts = ("fixed", "red", "gone", "broken", "new_red")
    assert {part: getattr(verdict, part) for part in parts} == {part: wanted.get(part, ()) for part in parts}


# --- the good ends
def test_everything_mended_is_a_pass(bench: Bench) -> None:
    solved = bench.solve(edits(ADD, DOUBLE))
    assert isinstance(solved, Solved), solved
    assert solved.evidence["test_after"] == "passed"
    assert (solved.evidence["failing_before"], solved.evidence["failing_after"]) == (2, 0)
    assert solved.evidence["command"] == "python -m pytest test_calc.py::test_add test_calc.py::test_double"


def test_a_part_is_called_a_part(bench: Bench) -> None:
    solved = bench.solve(edits(ADD))
    assert isinstance(solved, Solved), solved
    assert solved.evidence["test_after"] == "1 of 2 failing tests pass"
    assert solved.evidence["still_failing"] == "test_calc.py::test_double"
    assert solved.evidence["command"] == "python -m pytest test_calc.py::test_add"


def test_a_file_that_could_not_be_collected_is_mended_when_its_tests_pass(bench: Bench) -> None:
    files = {**INI, "calc.py": "def add(a, b):\n    return a + b\n", "test_calc.py": TESTS}
    solved = bench.solve(edits(("calc.py", "def add", "def double(a):\n    return a * 2\n\n\ndef add")), files)
    assert isinstance(solved, Solved), solved
    assert (solved.evidence["test_before"], solved.evidence["test_after"]) == ("error", "passed")


def test_a_text_in_another_encoding_is_carried_as_it_is(bench: Bench) -> None:
    solved = bench.solve([*shell(r"printf 'na\357ve\r\n' > latin.txt"), *edits(ADD, DOUBLE)])
    assert isinstance(solved, Solved), solved
    assert b"+na\xefve\r\n" in solved.patch


# --- what never counts
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([*shell("sed -i '/def test_add/,+1d' test_calc.py"), *edits(DOUBLE)], "tests_gone"),
        ([*shell("rm test_calc.py; touch other.py; echo 1 > other.py"), *edits()], "regression"),
        ([*edits(("test_calc.py", "def test_two", "def test_other"), ADD)], "regression"),
        (
            edits(ADD, ("test_calc.py", "def test_double", "import pytest\n\n\n@pytest.mark.skip\ndef test_double")),
            "tests_gone",
        ),
        (
            edits(ADD, ("test_calc.py", "def test_two", "import pytest\n\n\n@pytest.mark.skip\ndef test_two")),
            "regression",
        ),
        (edits(("test_calc.py", "assert add(2, 3) == 5", "assert add(2, 3) == -1")), "tests_only"),
        (edits(("calc.py", "return a - b", "return b - a")), "tests_red"),
        (edits(ADD, ("calc.py", "return a + 2", "return a * 3")), "regression"),
        (edits(("pytest.ini", "addopts =", "addopts = -k two")), "tests_only"),
        (edits(), "no_patch"),
    ],
)
def test_what_does_not_count(bench: Bench, script: list[dict[str, Any]], code: str) -> None:
    assert bench.refused(script) == code


def test_a_file_that_could_not_be_collected_is_not_mended_by_deleting_it(bench: Bench) -> None:
    files = {**FILES, "test_more.py": "import nothing_of_the_kind\n\n\ndef test_it():\n    assert True\n"}
    assert bench.refused([*shell("rm test_more.py"), *edits(ADD, DOUBLE)], files) == "tests_gone"


def test_no_model_is_paid_where_nothing_could_be_proven(bench: Bench) -> None:
    green = {**FILES, "calc.py": CALC.replace("a - b", "a + b").replace("a + 2", "a * 2")}
    assert bench.refused(edits(ADD), green) == "nothing_failing"
    broken = {**FILES, "conftest.py": "import nothing_of_the_kind\n"}
    assert bench.refused(edits(ADD), broken) == "broken_suite"
    assert bench.facts == []


# --- stops
class Stopped(Exception):
    pass


def test_after_a_stop_no_model_is_paid(bench: Bench) -> None:
    looks = iter([None, None])

    def still_mine() -> None:
        if next(looks, Stopped) is Stopped:
            raise Stopped

    with pytest.raises(Stopped):
        bench.solve(edits(ADD, DOUBLE), still_mine=still_mine)
    assert [type(fact) for fact in bench.facts] == [ModelUsed, ModelUsed]


def test_the_repair_engine_looks_whether_it_is_still_wanted(sandbox: BubblewrapSandbox) -> None:
    slow = {**FILES, "test_slow.py": "import time\n\n\ndef test_slow():\n    time.sleep(2.2)\n"}

    def still_mine() -> None:
        raise LeaseLost("taken over")

    with pytest.raises(LeaseLost):
        RepairSolver(sandbox).solve(tar(slow), intent(), task(), still_mine)


def test_what_no_repair_was_asked_for_and_still_fails_is_part_of_the_evidence(sandbox: BubblewrapSandbox) -> None:
    others = "".join(f"def test_{number}():\n    assert False\n\n\n" for number in range(12))
    asked = intent(title="add is wrong", text="see test_add")
    solved = RepairSolver(sandbox).solve(tar({**FILES, "test_other.py": others}), asked, task(), lambda: None)
    assert isinstance(solved, Solved), solved
    named = ", ".join(["test_calc.py::test_double", *(f"test_other.py::test_{number}" for number in range(9))])
    assert solved.evidence["still_failing"] == f"{named} and 3 more"
    assert solved.evidence["still_failing_count"] == 13


def test_seldom_is_not_always() -> None:
    looks: list[int] = []
    seldom = Seldom(lambda: looks.append(1))
    for _ in range(100):
        seldom()
    assert looks == []
    seldom.last -= 2.0
    seldom()
    seldom()
    assert looks == [1]


# --- time
@dataclass
class Timed:
    """The real sandbox, keeping how much time each run of a suite was given."""

    inner: BubblewrapSandbox
    given: list[float] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def run(self, argv: Sequence[str], *, limits: Limits, **rest: Any) -> Finished:
        if list(argv[1:3]) == ["-P", "-c"]:
            self.given.append(limits.wall_seconds - 10.0)
        return self.inner.run(argv, limits=limits, **rest)


@dataclass
class Slow:
    """A model that takes its time."""

    inner: ScriptedModel
    vendor: str = "scripted"
    model: str = "slow"

    def ask(self, ask: Ask, *, deadline: float) -> Answer:
        time.sleep(0.5)  # this is what is measured
        return self.inner.ask(ask, deadline=deadline)

    def close(self) -> None:
        pass


def test_all_phases_share_the_seconds_of_the_task(sandbox: BubblewrapSandbox) -> None:
    timed = Timed(sandbox)
    model = Slow(ScriptedModel(parse(edits(ADD, DOUBLE))))
    solver = AgentSolver(timed, (model,), Memory(), "run", lambda _fact: None)
    begun = time.monotonic()
    solved = solver.solve(tar(FILES), intent(), task("agent", solver="agent", seconds=40.0), lambda: None)
    assert isinstance(solved, Solved), solved
    before, after = timed.given
    assert before == 10.0
    assert 40.0 * 0.075 <= after <= 40.0 - 1.5
    assert time.monotonic() - begun < 40.0


@pytest.mark.slow
def test_a_hanging_tool_leaves_time_for_the_proof(bench: Bench) -> None:
    begun = time.monotonic()
    solved = bench.solve([*edits(ADD)[:-1], *shell("sleep 600"), *edits(DOUBLE)], seconds=12.0)
    assert isinstance(solved, Unsolved), solved
    assert solved.code == "agent_time"
    assert time.monotonic() - begun < 12.0


def test_a_sandbox_with_an_end_gives_what_is_left(sandbox: BubblewrapSandbox) -> None:
    short = UntilSandbox(sandbox, time.monotonic() - 5.0)
    with short.workspace() as workspace:
        done = short.run(["sleep", "60"], workspace=workspace, limits=Limits(wall_seconds=60))
    assert done.timed_out
    assert done.seconds < 5.0
    assert (short.python, Path(short.python).is_absolute()) == (sandbox.python, True)


def test_refusals_are_told(bench: Bench) -> None:
    climb = [{"call": {"name": "files.read", "arguments": {"path": "../../etc/passwd"}}}]
    bench.solve([*climb, *edits(ADD, DOUBLE)])
    assert [fact.tool for fact in bench.facts if isinstance(fact, ToolRefused)] == ["files.read"]
