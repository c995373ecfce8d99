"""Suites that hang, in the real sandbox: what hangs is named with its limit, and hides nothing else."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builders import intent, task
from tests.unit.test_solvers import tar
from workers.engines.repair.engine import RepairEngine
from workers.engines.repair.goals import names, told
from workers.engines.repair.result import RepairResult
from workers.engines.repair.source import copy_tree, editable
from workers.engines.repair.suite import Failure, Survey, survey
from workers.proof import run_suite
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.solvers import AgentSolver, RepairSolver, Solved, Unsolved

Write = Callable[[dict[str, str]], Path]

CALC = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n",
}
SLEEP = "import time\n\ntime.sleep(1000)\n"
TEST_SLEEP = "import time\n\n\ndef test_sleep():\n    time.sleep(1000)\n"
FIXTURE = (
    "import time\nimport pytest\n\n\n@pytest.fixture{scope}\ndef slow():\n    {before}yield 1\n    {after}pass\n\n\n"
)
TEST_FIXTURE = "def test_one(slow):\n    assert slow\n\n\ndef test_two(slow):\n    assert slow\n"
FOREVER = "time.sleep(1000)\n    "
DEAF = """\
import os
import signal

from calc import add


def test_deaf():
    add(1, 2)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    os.fork()
    while True:
        pass
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(files: dict[str, str]) -> Path:
        root = tmp_path / "project"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return to


def look(sandbox: BubblewrapSandbox, root: Path, *, seconds: float = 30.0, limit: float = 0.3) -> Survey:
    with sandbox.workspace() as workspace:
        names = editable(copy_tree(root, workspace))
        return survey(sandbox, workspace, watch=names, seconds=seconds, test_seconds=limit)


def mend(sandbox: BubblewrapSandbox, root: Path, **options: object) -> RepairResult:
    return RepairEngine(sandbox).repair(root, **{"seconds": 8, **options})  # type: ignore[arg-type]


# --- a survey names every kind
HANGS = {
    "loop": ("def test_it():\n    while True:\n        pass\n", 2),
    "sleep": ("import time\n\n\ndef test_it():\n    time.sleep(1000)\n", 5),
    "lock": ("import threading\n\n\ndef test_it():\n    lock = threading.Lock()\n    with lock, lock:\n        0\n", 6),
    "call in C": ("import itertools\n\n\ndef test_it():\n    sum(itertools.repeat(1))\n", 5),
    "socket": ("import socket\n\n\ndef test_it():\n    one, two = socket.socketpair()\n    one.recv(1)\n", 6),
    "pipe held by a child": (
        "from subprocess import getoutput\n\n\ndef test_it():\n    getoutput('sleep 1000 & echo')\n",
        5,
    ),
    "swallows all": (
        "import time\n\n\ndef test_it():\n    try:\n        time.sleep(99)\n    except BaseException:\n        pass\n",
        6,
    ),
}  # fmt: skip


@pytest.mark.slow
def test_every_kind_of_hang_is_named_with_its_place(sandbox: BubblewrapSandbox, write: Write) -> None:
    files = {f"test_{number}.py": text for number, (text, _) in enumerate(HANGS.values())}
    found = look(sandbox, write({**files, **CALC, "test_z.py": "def test_last():\n    pass\n"}))
    assert found.passing == ["test_z.py::test_last"]
    for number, (kind, (_, line)) in enumerate(HANGS.items()):
        failure = found.hung.get(f"test_{number}.py::test_it")
        assert failure is not None, kind
        assert (failure.frames[-1][:2], failure.limit) == ((f"test_{number}.py", line), 0.3), kind
    assert "test_calc.py::test_add" in found.failing
    assert found.lines["calc.py"][2] == {"test_calc.py::test_add"}, "a killed process does not cost the others' lines"


@pytest.mark.parametrize(
    ("scope", "before", "after", "hung"),
    [
        ("", "", FOREVER, ["test_0.py::test_one", "test_0.py::test_two"]),
        ("(scope='module')", "", FOREVER, ["test_0.py::test_two"]),
        ("(scope='session')", FOREVER, "", ["test_0.py::test_one", "test_0.py::test_two"]),
    ],
)
def test_a_fixture_that_hangs_is_named_by_its_tests_and_harms_no_other(
    sandbox: BubblewrapSandbox, write: Write, scope: str, before: str, after: str, hung: list[str]
) -> None:
    test = FIXTURE.format(scope=scope, before=before, after=after) + TEST_FIXTURE
    found = look(sandbox, write({"test_0.py": test, "test_1.py": "def test_fine():\n    pass\n"}))
    assert sorted(found.hung) == hung
    assert {failure.frames[-1][2] for failure in found.hung.values()} == {"slow"}
    assert "test_1.py::test_fine" in found.passing


def test_what_is_left_behind_is_no_hang(sandbox: BubblewrapSandbox, write: Write) -> None:
    """A thread that is no daemon, a child with our pipes, a hook at the end of the session."""
    root = write({
        "test_0.py": "import subprocess, threading, time\n\n\ndef test_thread():\n"
        "    threading.Thread(target=time.sleep, args=(1000,)).start()\n\n\n"
        "def test_child():\n    subprocess.Popen(['sleep', '1000'])\n",
        "conftest.py": "import time\n\n\ndef pytest_sessionfinish():\n    time.sleep(1000)\n",
    })  # fmt: skip
    began = time.monotonic()
    found = look(sandbox, root)
    assert len(found.passing) == 2
    assert not found.hung
    assert not found.late
    assert time.monotonic() - began < 10.0


def test_a_process_that_dies_is_seen_although_a_child_holds_its_pipe(sandbox: BubblewrapSandbox, write: Write) -> None:
    test = "import os, time\n\n\ndef test_it():\n    os.fork() or time.sleep(1000)\n    os._exit(0)\n\n\n"
    test += "def test_b():\n    pass\n"
    began = time.monotonic()
    found = look(sandbox, write({"test_0.py": test}), limit=20.0)
    assert (found.outcomes, found.hung) == ({"test_0.py::test_it": "failed", "test_0.py::test_b": "passed"}, {})
    assert time.monotonic() - began < 15.0


@pytest.mark.parametrize("deaf", ["", "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n"])
@pytest.mark.slow
def test_a_file_that_does_not_load_is_named_and_the_others_run(
    sandbox: BubblewrapSandbox, write: Write, deaf: str
) -> None:
    files = {"test_0.py": deaf + SLEEP, "test_1.py": "def test_fine():\n    pass\n"}
    found = look(sandbox, write(files), seconds=6.0 if deaf else 3.0)
    assert list(found.hung) == ["test_0.py"]
    assert found.passing == ["test_1.py::test_fine"]
    assert told(found.hung).startswith("test_0.py did not load within ")
    assert f"(it was at test_0.py:{deaf.count(chr(10)) + 3})" in told(found.hung)


@pytest.mark.parametrize("folder", ["", "tests/"])
def test_a_conftest_that_does_not_load_is_named(sandbox: BubblewrapSandbox, write: Write, folder: str) -> None:
    found = look(sandbox, write({f"{folder}conftest.py": SLEEP, f"{folder}test_a.py": TEST_SLEEP}), seconds=2.0)
    assert names(found.hung) == (f"{folder}conftest.py",)
    assert told(found.hung).startswith(f"{folder}conftest.py did not load within ")
    assert told(found.hung).endswith(f" s (it was at {folder}conftest.py:3)")


def test_a_test_whose_name_begins_like_that_of_a_killed_one_still_runs(
    sandbox: BubblewrapSandbox, write: Write
) -> None:
    found = look(
        sandbox, write({"test_0.py": "import os\n\n\ndef test_a():\n    os._exit(1)\n\n\ndef test_ab():\n    pass\n"})
    )
    assert found.passing == ["test_0.py::test_ab"]


# --- the answers of the engine
@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"conftest.py": SLEEP, **CALC}, "conftest.py did not load within 2."),
        ({"test_a.py": SLEEP}, "test_a.py did not load within "),
        (
            {"test_a.py": TEST_SLEEP},
            "test_a.py::test_sleep did not end within 1 s (it was at test_a.py:5), and no code",
        ),
        (
            {"test_a.py": DEAF, "calc.py": CALC["calc.py"]},
            "test_a.py::test_deaf did not end within 1 s (it was at test_",
        ),
    ],
)
def test_the_answer_names_what_hangs(
    sandbox: BubblewrapSandbox, write: Write, files: dict[str, str], words: str
) -> None:
    result = mend(sandbox, write(files))
    assert (result.status, result.patch) == ("hang", "")
    assert result.reason.startswith(words)
    assert result.reason.endswith("Make it end, or leave it out of the suite.")
    assert [name for name in result.hung if words.startswith(name)]


@pytest.mark.slow
def test_what_the_repository_leaves_out_itself_is_not_run(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write({**CALC, "test_a.py": TEST_SLEEP, "test_b.py": SLEEP})
    (root / "pytest.ini").write_text("[pytest]\naddopts = --deselect test_a.py::test_sleep --ignore=test_b.py\n")
    result = mend(sandbox, root)
    assert (result.status, result.hung) == ("fixed", ()), result.reason


@pytest.mark.slow
def test_slow_is_not_hanging(sandbox: BubblewrapSandbox, write: Write) -> None:
    slow = "import time\n\n\ndef test_slow():\n    time.sleep(1.2)\n"
    result = mend(sandbox, write({"test_a.py": slow}), seconds=20)
    assert (result.status, result.hung) == ("nothing_failing", ())


def test_a_hang_that_no_edit_ends_is_named(sandbox: BubblewrapSandbox, write: Write) -> None:
    test = "from calc import wait\n\n\ndef test_wait():\n    wait()\n    while True:\n        pass\n"
    result = mend(sandbox, write({"calc.py": "def wait():\n    return 1 + 1\n", "test_a.py": test}), max_candidates=2)
    assert result.status == "hang"
    assert result.reason.startswith("test_a.py::test_wait did not end within 1 s (it was at test_a.py:6). None of 2")


@pytest.mark.parametrize(
    ("files", "tests", "named"),
    [
        ({"test_slow.py": TEST_SLEEP}, ["test_calc.py"], "test_slow.py::test_sleep did not end within 1 s"),
        ({"test_slow.py": SLEEP}, [], "test_slow.py did not load within"),
        (
            {"test_slow.py": "from calc import add\n" + TEST_SLEEP.replace("    time", "    add(0, 0)\n    time")},
            [],
            "test_slow.py::test_sleep did not end within 1 s",
        ),
    ],
)
@pytest.mark.slow
def test_an_unrelated_hang_is_left_out_and_said(
    sandbox: BubblewrapSandbox, write: Write, files: dict[str, str], tests: list[str], named: str
) -> None:
    root = write({**CALC, **files})
    result = mend(sandbox, root, tests=tests, max_candidates=12)
    assert result.status == "fixed", result.reason
    assert "+    return a + b" in result.patch
    assert f"Left out, since it hung before any edit: {named}" in result.reason
    assert result.failing == ("test_calc.py::test_add",)
    assert len(result.hung) == 1


@pytest.mark.slow
def test_a_test_that_ends_its_process_stands_in_no_ones_way(sandbox: BubblewrapSandbox, write: Write) -> None:
    """It fails before and after, but what runs after it in one process would never be seen."""
    crash = "import os\nfrom calc import add\n\n\ndef test_crash():\n    add(0, 0)\n    os.abort()\n"
    result = mend(sandbox, write({**CALC, "test_a.py": crash}), max_candidates=12)
    assert (result.status, result.failing) == ("fixed", ("test_calc.py::test_add",)), result.reason
    assert result.reason.endswith("Still failing: test_a.py::test_crash.")


@pytest.mark.slow
def test_code_that_hangs_while_it_is_loaded_is_mended(sandbox: BubblewrapSandbox, write: Write) -> None:
    code = "STEPS = []\nat = 0\nwhile at < 3:\n    STEPS.append(at)\n    at += 0\n"
    test = "from calc import STEPS\n\n\ndef test_steps():\n    assert STEPS == [0, 1, 2]\n"
    result = mend(sandbox, write({"calc.py": code, "test_calc.py": test}), seconds=60)
    assert (result.status, result.failing) == ("fixed", ("test_calc.py",)), result.reason
    assert "+    at += 1" in result.patch


# --- the answers of the solvers
@pytest.mark.slow
def test_the_solvers_say_the_same(sandbox: BubblewrapSandbox) -> None:
    tree = tar({"conftest.py": SLEEP, **CALC})
    wanted = "conftest.py did not load within "
    solved = RepairSolver(sandbox).solve(tree, intent(), task(seconds=8.0), lambda: None)
    assert isinstance(solved, Unsolved)
    assert (solved.code, solved.reason[: len(wanted)]) == ("hang", wanted)
    agent = AgentSolver(sandbox, (), None, "run", lambda _fact: None)  # type: ignore[arg-type]
    solved = agent.solve(tree, intent(), task("agent", solver="agent", seconds=8.0), lambda: None)
    assert isinstance(solved, Unsolved)
    assert (solved.code, solved.reason[: len(wanted)]) == ("hang", wanted)


@pytest.mark.slow
def test_what_was_left_out_is_part_of_the_evidence(sandbox: BubblewrapSandbox) -> None:
    solved = RepairSolver(sandbox).solve(
        tar({**CALC, "test_slow.py": TEST_SLEEP}), intent(), task(seconds=8.0), lambda: None
    )
    assert isinstance(solved, Solved), solved
    assert solved.evidence["left_out"] == "hung before as well: test_slow.py::test_sleep"


def test_a_proof_names_what_hangs(sandbox: BubblewrapSandbox) -> None:
    found = run_suite(sandbox, tar({**CALC, "test_slow.py": TEST_SLEEP}), None, seconds=2.0)
    assert found.hang == "test_slow.py::test_sleep did not end within 0.8 s (it was at test_slow.py:5)"
    assert found.failed == {"test_calc.py::test_add", "test_slow.py::test_sleep"}


def test_many_hangs_are_counted() -> None:
    many = {f"t.py::test_{n}": Failure(f"t.py::test_{n}", "Hung", "", (), hung=True, limit=5.0) for n in range(5)}
    assert told(many) == (
        "t.py::test_0 did not end within 5 s; t.py::test_1 did not end within 5 s; "
        "t.py::test_2 did not end within 5 s; and 2 more"
    )
