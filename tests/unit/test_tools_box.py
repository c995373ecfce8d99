"""The tool box against a real sandbox: every tool, every refusal, every bound."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bot.domain.errors import SandboxUnavailable
from bot.ports import Limits
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.sandbox.workspace import read_text, write_text
from workers.tools.registry import TOOLS, BoxBounds, ToolBox

LIMITS = Limits(wall_seconds=60, memory_mb=1024)
CALC = "def add(a, b):\n    return a - b\n\n\ndef sub(a, b):\n    return a - b\n"
TESTS = """import pytest
from calc import add, sub


class TestAdd:
    @pytest.mark.parametrize("x", [1, 2])
    def test_add(self, x):
        assert add(x, 1) == x + 1


def test_sub():
    assert sub(3, 1) == 2
"""


@pytest.fixture
def workspace(sandbox: BubblewrapSandbox) -> Iterator[Path]:
    with sandbox.workspace() as made:
        write_text(made, "src/calc.py", CALC)
        write_text(made, "tests/test_calc.py", TESTS)
        yield made


@pytest.fixture
def box(sandbox: BubblewrapSandbox, workspace: Path) -> ToolBox:
    return ToolBox(sandbox, workspace, LIMITS, protected=(".github/workflows/**", "CODEOWNERS"))


def code(box: ToolBox, name: str, **arguments: Any) -> str:
    outcome = box.call(name, arguments)
    assert outcome.is_error is (outcome.code != "")
    return outcome.code


def content(box: ToolBox, name: str, **arguments: Any) -> str:
    outcome = box.call(name, arguments)
    assert outcome.code == "", outcome.content
    return outcome.content


# --- the contract ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_declares_a_closed_and_bounded_contract(tool: Any) -> None:
    Draft202012Validator.check_schema(tool.schema)
    waiting = [tool.schema]
    while waiting:
        schema = waiting.pop()
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False
            waiting += schema["properties"].values()
        elif schema["type"] == "string":
            assert schema["maxLength"] <= 500_000
        elif schema["type"] == "array":
            assert schema["maxItems"] <= 1000
            waiting.append(schema["items"])
        elif schema["type"] == "integer":
            assert schema["minimum"] >= 0
            assert schema["maximum"]
    assert tool.description
    assert tool.postconditions
    assert tool.risk in ("read", "write", "execute")


def test_the_set_is_closed(box: ToolBox) -> None:
    assert {spec.name for spec in box.specs()} == {
        "files.list", "files.read", "files.search", "files.edit", "files.write", "shell.run", "tests.execute", "finish",
    }  # fmt: skip
    for name in ("merge", "forge.approve", "", "files.read\n", "__class__", "x" * 5000):
        assert code(box, name) == "unknown_tool"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("files.read", {}),
        ("files.read", {"path": 3}),
        ("files.read", {"path": "a", "more": 1}),
        ("files.read", {"path": "a\0b"}),
        ("files.read", {"path": "\ud800"}),
        ("files.read", {"path": "src/calc.py", "start": 0}),
        ("files.read", {"path": "src/calc.py", "start": True}),
        ("files.read", {"path": "src/calc.py", "start": 3, "end": 2}),
        ("files.read", {"path": "x" * 2000}),
        ("files.search", {"pattern": ""}),
        ("shell.run", {"command": "true", "seconds": 1e300}),
        ("tests.execute", {"nodes": ["--pdb"]}),
        ("tests.execute", {"nodes": "a"}),
        ("finish", {}),
    ],
)
def test_arguments_that_do_not_fit(box: ToolBox, name: str, arguments: dict[str, Any]) -> None:
    outcome = box.call(name, arguments)
    assert (outcome.code, outcome.is_error, outcome.refused) == ("invalid_arguments", True, False)
    assert len(outcome.content) < 1000


KEYS = ["path", "start", "end", "pattern", "regex", "files", "search", "replace", "content", "x"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["files.list", "files.read", "files.search", "files.edit", "files.write", "finish"]),
    arguments=st.dictionaries(st.sampled_from(KEYS), JSON) | JSON,
)
def test_nothing_that_a_model_says_raises(box: ToolBox, name: str, arguments: Any) -> None:
    outcome = box.call(name, arguments)
    assert isinstance(outcome.content, str)
    outcome.content.encode()


# --- files -----------------------------------------------------------------------------------------------------------
def test_reading(box: ToolBox, workspace: Path) -> None:
    assert content(box, "files.read", path="src/calc.py", start=2, end=2.0) == (
        "     2\t    return a - b\nLines 2 to 2 of 6; `start` and `end` show others."
    )
    write_text(workspace, "long", "line\n" * 1000)
    shown = content(box, "files.read", path="long")
    assert "   400\tline\nLines 1 to 400 of 1000" in shown
    assert "   401" not in shown
    write_text(workspace, "empty", "")
    assert content(box, "files.read", path="empty") == "empty is empty."
    assert code(box, "files.read", path="long", start=2000) == "missing"


def test_listing(box: ToolBox) -> None:
    assert content(box, "files.list") == "src/calc.py\ntests/test_calc.py"
    assert content(box, "files.list", path="src/") == "src/calc.py"
    assert code(box, "files.list", path="nowhere") == "missing"
    assert code(box, "files.list", path="../..") == "outside"


def test_searching(box: ToolBox, workspace: Path) -> None:
    write_text(workspace, "notes.md", "a.b\nA.B\naxb\n")
    assert content(box, "files.search", pattern="a.b") == "notes.md:1: a.b"
    assert content(box, "files.search", pattern="a.b", ignore_case=True).count("\n") == 1
    assert content(box, "files.search", pattern=r"^a.b$", regex=True) == "notes.md:1: a.b\nnotes.md:3: axb"
    assert content(box, "files.search", pattern="def", files="src/**/*.py").count("calc.py") == 2
    assert content(box, "files.search", pattern="def", files="*.md") == "No line matches."
    assert content(box, "files.search", pattern="def", most=1).startswith("src/calc.py:1: def add")
    assert code(box, "files.search", pattern="(", regex=True) == "bad_pattern"
    assert code(box, "files.search", pattern=r"(a)\1", regex=True) == "bad_pattern"
    assert content(box, "files.search", pattern="(a*)*$", regex=True, files="notes.md")


def test_editing_and_writing(box: ToolBox, workspace: Path) -> None:
    search, replace = "add(a, b):\n    return a - b", "add(a, b):\n    return a + b"
    edited = content(box, "files.edit", path="src/calc.py", search=search, replace=replace)
    assert "     2\t    return a + b" in edited
    assert read_text(workspace, "src/calc.py") == CALC.replace("-", "+", 1)
    assert code(box, "files.edit", path="src/calc.py", search="(a, b)", replace="()") == "several_matches"
    assert code(box, "files.edit", path="none.py", search="a", replace="b") == "missing"
    assert content(box, "files.write", path="new/file.txt", content="a\nb\n") == "Created new/file.txt: 2 lines."
    assert content(box, "files.write", path="new/file.txt", content="") == "Replaced new/file.txt: 0 lines."
    assert code(box, "files.write", path="new", content="x") == "not_a_file"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("../outside", "outside"),
        ("/etc/passwd", "outside"),
        (".git/hooks/post-checkout", "protected"),
        ("sub/.GIT/config", "protected"),
        (".github/workflows/ci.yml", "protected"),
        (".GitHub/Workflows/ci.yml", "protected"),
        ("x/../.github/workflows/ci.yml", "outside"),
        ("./CODEOWNERS", "protected"),
        ("link", "link"),
        ("away/file", "link"),
    ],
)
def test_places_that_may_not_be_written(
    box: ToolBox, workspace: Path, tmp_path: Path, path: str, expected: str
) -> None:
    (workspace / "link").symlink_to(tmp_path / "target")
    (workspace / "away").symlink_to(tmp_path)
    outcome = box.call("files.write", {"path": path, "content": "x"})
    assert (outcome.code, outcome.refused) == (expected, True)
    assert list(tmp_path.iterdir()) == []
    assert box.call("files.edit", {"path": path, "search": "a", "replace": "b"}).is_error


def test_what_a_command_planted_fools_no_file_tool(box: ToolBox, tmp_path: Path) -> None:
    (tmp_path / "canary").write_text("secret-canary")
    content(box, "shell.run", command=f"ln -s {tmp_path}/canary l; ln -s {tmp_path} d; mkfifo p; ln -s /dev/zero z")
    for path in ("l", "d/canary", "p", "z", "d"):
        outcome = box.call("files.read", {"path": path})
        assert outcome.is_error
        assert "secret-canary" not in outcome.content
    assert content(box, "files.search", pattern="secret-canary") == "No line matches."


# --- commands and tests ----------------------------------------------------------------------------------------------
def test_commands(box: ToolBox) -> None:
    said = content(box, "shell.run", command="echo out; echo err >&2; exit 3")
    assert said.startswith("Exit code 3 after ")
    assert said.endswith("out\nStandard error:\nerr")
    assert "Killed by signal 9" in content(box, "shell.run", command="kill -9 $$")
    assert "No output." in content(box, "shell.run", command="true")
    outcome = box.call("shell.run", {"command": "echo begun; sleep 30", "seconds": 1})
    assert (outcome.code, outcome.refused) == ("timeout", False)
    assert "begun" in outcome.content
    flood = content(box, "shell.run", command="echo first; seq 100000; echo last")
    assert "first" in flood
    assert flood.endswith("last")
    assert "cut out of the middle" in flood
    assert len(flood) < 17_000


def test_tests_are_run_and_summed_up(box: ToolBox) -> None:
    outcome = box.call("tests.execute", {})
    assert outcome.code == ""
    assert outcome.report is not None
    assert (outcome.report.passed, outcome.report.failed) == (1, 2)
    assert outcome.content.startswith("1 passed, 2 failed in ")
    assert "FAILED tests/test_calc.py::TestAdd::test_add[1]" in outcome.content
    assert "assert 0 == (1 + 1)" in outcome.content
    node = outcome.report.failures[0].node
    content(box, "files.write", path="src/calc.py", content=CALC.replace("-", "+", 1))
    again = box.call("tests.execute", {"nodes": [node]})
    assert again.report is not None
    assert again.report.green
    assert (again.report.passed, again.content[:9]) == (1, "1 passed ")


def test_tests_that_cannot_run(box: ToolBox) -> None:
    assert code(box, "tests.execute", nodes=["src"]) == "no_tests"
    assert code(box, "tests.execute", nodes=["none.py"]) == "broken"
    content(box, "files.write", path="tests/test_bad.py", content="def (:\n")
    outcome = box.call("tests.execute", {"nodes": ["tests/test_bad.py"]})
    assert outcome.report is not None
    assert (outcome.report.errors, outcome.report.failures[0].node) == (1, "tests/test_bad.py")


@pytest.mark.slow
def test_tests_that_hang_are_stopped_and_shown(box: ToolBox) -> None:
    content(box, "files.write", path="tests/test_slow.py", content="import time\ndef test_it():\n    time.sleep(90)\n")
    stopped = box.call("tests.execute", {"nodes": ["tests/test_slow.py"], "seconds": 10})
    assert stopped.code == "timeout"
    assert '"/workspace/tests/test_slow.py", line 3 in test_it' in stopped.content


def test_plugins_are_there_for_those_who_use_them(box: ToolBox) -> None:
    plain = content(box, "tests.execute", nodes=["tests/test_calc.py::test_sub"])
    assert plain.startswith("1 passed")
    uses = "import pytest\n\n@pytest.mark.anyio\nasync def test_it():\n    pass\n\n"
    uses += "@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    content(box, "files.write", path="tests/test_async.py", content=uses)
    assert "1 passed" in content(box, "tests.execute", nodes=["tests/test_async.py"])


def test_options_for_plugins_that_are_missing_are_left_out(box: ToolBox) -> None:
    content(box, "files.write", path="pytest.ini", content="[pytest]\naddopts = --no-such-plugin-option\n")
    outcome = box.call("tests.execute", {"nodes": ["tests/test_calc.py::test_sub"]})
    assert outcome.report is not None
    assert outcome.report.passed == 1


# --- bounds ----------------------------------------------------------------------------------------------------------
def test_calls_are_counted_and_end(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    box = ToolBox(sandbox, workspace, LIMITS, bounds=BoxBounds(calls=2))
    assert [code(box, "files.list") for _ in range(2)] == ["", ""]
    outcome = box.call("files.list", {})
    assert (outcome.code, outcome.refused) == ("budget_spent", True)
    assert "call finish" in outcome.content
    assert content(box, "finish", summary="all I could") == "all I could"


def test_output_is_counted_and_ends(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    box = ToolBox(sandbox, workspace, LIMITS, bounds=BoxBounds(output_chars=50, answer_chars=60))
    assert code(box, "files.read", path="src/calc.py") == ""
    assert box.output_chars < 150
    assert code(box, "files.list") == "budget_spent"


def test_files_are_bounded(box: ToolBox, workspace: Path) -> None:
    write_text(workspace, "grow", "a" + "b" * 1_950_000)
    assert code(box, "files.edit", path="grow", search="a", replace="c" * 100_000) == "too_large"
    content(box, "shell.run", command="truncate -s 3M big; head -c 100 /dev/zero > nul")
    assert code(box, "files.read", path="big") == "too_large"
    assert code(box, "files.read", path="nul") == "binary"


def test_without_a_sandbox_the_error_is_not_the_models(workspace: Path) -> None:
    box = ToolBox(BubblewrapSandbox(candidates=()), workspace, LIMITS)
    with pytest.raises(SandboxUnavailable):
        box.call("shell.run", {"command": "true"})
