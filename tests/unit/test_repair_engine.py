# ruff: noqa: E501 - the programs under repair are written as texts of one line
"""Whole repairs in the real sandbox: what is mended, what is refused, and what is never touched."""

import hashlib
import json
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.cli import repair as command
from workers.engines.repair.engine import RepairEngine
from workers.engines.repair.result import Progress, RepairResult
from workers.sandbox.bubblewrap import BubblewrapSandbox

Write = Callable[..., Path]

CART = """from shop.money import percent


def total(lines, discount=0):
    \"\"\"Sum of price * quantity.\"\"\"
    result = 0
    for price, quantity in lines:
        result = price * quantity  # one line
    return result - percent(result, discount)
"""
MONEY = "def percent(amount, rate):\n    return amount * rate / 100\n"
TEST_CART = """from shop.cart import total


def test_one_line():
    assert total([(2, 3)]) == 6


def test_two_lines():
    assert total([(2, 3), (1, 4)]) == 10


def test_discount():
    assert total([(10, 10)], 10) == 90
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(**files: str) -> Path:
        root = tmp_path / "project"
        for name, text in files.items():
            path = root / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return to


def mend(sandbox: BubblewrapSandbox, root: Path, **options: object) -> RepairResult:
    return RepairEngine(sandbox).repair(root, **{"seconds": 60, **options})  # type: ignore[arg-type]


def picture(root: Path) -> dict[str, str]:
    return {one.as_posix(): hashlib.sha256(one.read_bytes()).hexdigest() for one in root.rglob("*") if one.is_file()}


def test_a_package_in_src_is_mended_and_only_read(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(src__shop__cart=CART, src__shop__money=MONEY, tests__test_cart=TEST_CART)
    before = picture(root)
    seen: list[Progress] = []
    result = mend(sandbox, root, on_progress=seen.append)
    assert result.status == "fixed", result.reason
    assert (result.file, result.line) == ("src/shop/cart.py", 8)
    assert (result.tests_before, result.tests_after) == ("failed", "passed")
    assert result.failing == ("tests/test_cart.py::test_two_lines",)
    assert "+        result += price * quantity  # one line\n" in result.patch
    assert picture(root) == before
    assert [one.phase for one in seen][:2] == ["copy", "survey"]
    assert {"rank", "search", "verify"} <= {one.phase for one in seen}
    subprocess.run(["git", "apply", "-"], cwd=root, input=result.patch.encode(), check=True)
    assert {path for path, digest in picture(root).items() if before[path] != digest} == {
        str(root / "src/shop/cart.py")
    }


@pytest.mark.slow
def test_two_faults_in_two_files_are_mended_together(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(
        one="def double(x):\n    return x + 2\n",
        two="def biggest(xs):\n    return min(xs)\n",
        test_both="from one import double\nfrom two import biggest\n\n\ndef test_double():\n    assert double(5) == 10\n\n\n"
        "def test_big():\n    assert biggest([1, 3, 2]) == 3\n\n\ndef test_four():\n    assert double(2) == 4\n",
    )
    result = mend(sandbox, root, max_candidates=120)
    assert result.status == "fixed", result.reason
    assert "+    return max(xs)" in result.patch
    assert "one.py" in result.patch


def test_a_hint_says_which_of_the_failing_tests_is_meant(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(
        calc="def add(a, b):\n    return a - b\n\n\ndef fetch():\n    raise OSError('no network')\n",
        test_calc="import calc\n\n\ndef test_add():\n    assert calc.add(2, 2) == 4\n\n\ndef test_fetch():\n    assert calc.fetch() is not None and calc.fetch().ok\n",
    )
    result = mend(sandbox, root, hint='`test_add` fails since Monday:\n  File "calc.py", line 2, in add')
    assert result.status == "fixed", result.reason
    assert result.failing == ("test_calc.py::test_add",)
    assert result.still_failing == ("test_calc.py::test_fetch",)
    assert result.reason.endswith("still does. Still failing: test_calc.py::test_fetch.")


@pytest.mark.slow
def test_an_endless_loop_is_a_fault_like_any_other(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(
        count="def halvings(n):\n    found = 0\n    while n > 1:\n        n = n + 2\n        found += 1\n    return found\n",
        test_count="from count import halvings\n\n\ndef test_one():\n    assert halvings(1) == 0\n\n\ndef test_nine():\n    assert halvings(9) == 4\n\n\n"
        "def test_two():\n    assert halvings(2) == 1\n",
    )
    result = mend(sandbox, root, seconds=40)
    assert result.status == "fixed", result.reason
    assert result.patch.endswith("-        n = n + 2\n+        n = n - 2\n         found += 1\n     return found\n")


@pytest.mark.slow
def test_an_unrelated_failing_test_does_not_hide_a_fault(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(
        code_a="def f(x):\n    return x < 3\n",
        test_a="from code_a import f\n\n\ndef test_a():\n    assert f(3)\n    assert not f(4)\n",
        test_b="import os\n\n\ndef test_b():\n    assert os.environ['NOT_THERE']\n",
    )
    result = mend(sandbox, root)
    assert (result.status, result.failing) == ("fixed", ("test_a.py::test_a",))
    assert "Still failing: test_b.py::test_b" in result.reason


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import numpyfoo\n\n\ndef f(x):\n    return x < 3\n", "No module named 'numpyfoo': install it"),
        (
            "import os\n\n\ndef f(x):\n    os._exit(0)\n",
            "test_a.py::test_a ends its own process (os._exit, or a crash).",
        ),
        (f"# {400_000 * 'x'}\ndef f(x):\n    return x < 3\n", "code_a.py cannot be edited: it has more than"),
    ],
)
def test_what_stands_in_the_way_is_named(sandbox: BubblewrapSandbox, write: Write, code: str, words: str) -> None:
    root = write(code_a=code, test_a="from code_a import f\n\n\ndef test_a():\n    assert f(3)\n")
    result = mend(sandbox, root)
    assert result.status == "broken"
    assert words in result.reason


NAMES = (
    "# -*- coding: cp1252 -*-\n\x0c\nEURO = '\u20ac'\n\n\ndef price(number):\n    return EURO + str(number - 1)  # \xe9"
)
TEST_NAMES = "from names import price\n\n\ndef test_price():\n    assert price(3) == '\u20ac4'\n"


@pytest.mark.parametrize("mark", [False, True])
def test_a_source_in_another_encoding_keeps_its_bytes(sandbox: BubblewrapSandbox, write: Write, mark: bool) -> None:
    """A code page, line ends of two characters, a form feed, no last line end; or UTF-8 with a byte order mark."""
    root = write(test_names=TEST_NAMES)
    text = NAMES.replace("\n", "\r\n")
    before = text.replace("cp1252", "utf-8").encode("utf-8-sig") if mark else text.encode("cp1252")
    (root / "names.py").write_bytes(before)
    result = mend(sandbox, root)
    assert result.status == "fixed", result.reason
    subprocess.run(["git", "apply", "-"], cwd=root, input=result.patch_bytes, check=True)
    assert (root / "names.py").read_bytes() == before.replace(b"number - 1", b"number + 1")
    exact = command.document(result).get("patch_base64")
    assert (exact is None) == mark
    assert mark or b64decode(exact or "") == result.patch_bytes


def test_nothing_failing(sandbox: BubblewrapSandbox, write: Write) -> None:
    result = mend(sandbox, write(test_fine="def test_fine():\n    assert True\n"))
    assert (result.status, result.patch, result.tests_before) == ("nothing_failing", "", "passed")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"test_a": "\nimport nobody_has_this\n"},
            "test_a.py cannot be collected: test_a.py:2: ModuleNotFoundError: No",
        ),
        (
            {"mine": "\ndef f(x)\n", "between": "import mine\n", "test_a": "import between\n"},
            "test_a.py cannot be collected: mine.py:2: SyntaxError: expected ':'",
        ),
        ({"test_a": "def test_a():\n    pass\n", "conftest": "import nobody_has_this\n"}, "could not be run"),
        ({"code": "x = 1\n"}, "no tests"),
    ],
)
def test_a_suite_that_cannot_run_is_called_broken(
    sandbox: BubblewrapSandbox, write: Write, files: dict[str, str], words: str
) -> None:
    result = mend(sandbox, write(**files))
    assert result.status == "broken"
    assert words in result.reason
    assert result.patch == ""


def test_no_edit_of_tests_or_configuration_is_ever_proposed(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(
        conftest="LIMIT = 3\n", test_a="from conftest import LIMIT\n\n\ndef test_a():\n    assert LIMIT == 4\n"
    )
    result = mend(sandbox, root)
    assert result.status == "none"
    assert result.patch == ""
    assert "may be edited" in result.reason


def test_tests_that_write_into_the_tree_do_not_spoil_the_search(sandbox: BubblewrapSandbox, write: Write) -> None:
    test = (
        "from pathlib import Path\nfrom counter import bump\nHERE = Path(__file__).parent\n\n\n"
        "def test_fresh():\n    mark = HERE / 'mark.txt'\n    assert not mark.exists()\n    mark.write_text('x')\n"
        "    (HERE / 'counter.py').write_text('def bump(n):\\n    return 0\\n')\n    assert bump(1) == 2\n"
    )
    result = mend(sandbox, write(counter="def bump(n):\n    return n - 1\n", test_a=test))
    assert result.status == "fixed", result.reason
    assert "+    return n + 1" in result.patch


@pytest.mark.slow
def test_an_exit_of_the_process_is_no_success(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(
        leave="import os\n\n\ndef answer(wanted):\n    if wanted > 100:\n        os._exit(0)\n    return 41\n",
        test_a="from leave import answer\n\n\ndef test_a():\n    assert answer(42) == 42\n\n\ndef test_b():\n    assert answer(1) == 41\n",
    )
    result = mend(sandbox, root, seconds=15)
    assert "_exit" not in "".join(line for line in result.patch.splitlines() if line.startswith("+"))
    assert result.tests_before == "failed"


def test_unknown_wishes_are_named(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(code_a="x = 1\n", test_a="def test_a():\n    assert False\n")
    result = mend(sandbox, root, tests=["tests/test_nobody.py"])
    assert result.status == "broken"
    assert "tests/test_nobody.py" in result.reason


def run_command(*words: str) -> subprocess.CompletedProcess[str]:
    code = "import typer; from workers.cli.repair import repair; app = typer.Typer(); app.command()(repair); app()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_command_prints_only_the_diff(sandbox: BubblewrapSandbox, write: Write) -> None:
    root = write(
        code_a="def f(x):\n    return x < 3\n",
        test_a="from code_a import f\n\n\ndef test_a():\n    assert f(3)\n    assert not f(4)\n",
    )
    done = run_command(str(root), "--seconds", "30")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("-    return x < 3\n+    return x <= 3\n")
    assert done.stderr.startswith("fixed: ")


@pytest.mark.parametrize(("name", "words"), [("nobody", "there is no"), ("project/test_a.py", "is not a directory")])
def test_the_command_says_what_to_give(write: Write, tmp_path: Path, name: str, words: str) -> None:
    write(test_a="x = 1\n")
    done = run_command(str(tmp_path / name), "--json")
    assert done.returncode == command.EXIT_USAGE
    assert words in json.loads(done.stdout)["error"]
    assert words in done.stderr


def test_the_document_has_the_promised_keys() -> None:
    keys = ["status", "patch", "file", "line", "tests_before", "tests_after", "candidates", "seconds"]
    assert list(command.document(RepairResult("none")))[:8] == keys
