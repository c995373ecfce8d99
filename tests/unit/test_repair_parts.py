# ruff: noqa: E501 - the programs under repair are written as texts of one line
"""The pure parts of the repair engine: ranking, hints, diffs, sources, and the edits themselves."""

import ast
import codecs
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.services.patch import examine
from workers.engines.repair.diff import first_line, unified
from workers.engines.repair.goals import covers, waited_for
from workers.engines.repair.hints import read_hint
from workers.engines.repair.inside.session import kept_options
from workers.engines.repair.inside.tree import Tree
from workers.engines.repair.mutate.unit import Clues, parse
from workers.engines.repair.mutate.variant import Edit, similarity
from workers.engines.repair.overfit import apply, liking
from workers.engines.repair.patches import pairs, spans_of
from workers.engines.repair.plan import OPERATORS, Candidate, plan
from workers.engines.repair.result import RepairResult
from workers.engines.repair.source import copy_tree, editable, is_test
from workers.engines.repair.spectrum import ochiai, rank
from workers.engines.repair.suite import Failure
from workers.engines.repair.text import Unreadable, read
from workers.engines.repair.text import apply as spell
from workers.tools.plugins import unused

BUGS = Path(__file__).parents[1] / "bench" / "bugs"
PROGRAMS = sorted(
    one for one in BUGS.rglob("*.py") if not is_test(one.relative_to(BUGS).as_posix()) and one.stat().st_size
)
RAISING = """class Box:
    def __init__(self, limit=[], size=3):
        self.limit = limit
        self.size = size

    def put(self, thing, place=0):
        "Put a thing."
        total = 0
        for item in self.limit[1:]:
            if item is None or item == thing and not total:
                continue
            total += item - 1
        try:
            self.limit[place] = max(total, thing)
        except KeyError as error:
            raise ValueError("no") from error
        while total < self.size:
            total += 1
        return [x for x in range(total) if x % 2], f"{total:.2f}"
"""


@pytest.mark.parametrize(
    ("failed_here", "passed_here", "failed", "expected"),
    [(1, 0, 1, 1.0), (1, 3, 1, 0.5), (0, 5, 2, 0.0), (2, 0, 2, 1.0), (1, 1, 4, 0.3536), (3, 0, 0, 0.0)],
)
def test_ochiai(failed_here: int, passed_here: int, failed: int, expected: float) -> None:
    assert ochiai(failed_here, passed_here, failed) == pytest.approx(expected, abs=1e-4)


def test_lines_of_failing_tests_come_first_and_frames_lift_them() -> None:
    lines = {"a.py": {1: {""}, 2: {"bad", "good"}, 3: {"bad"}, 4: {"good"}, 5: {"bad", "good"}}}
    plain = rank(lines, failing=["bad"], passing=["good"])
    assert next(iter(plain)) == ("a.py", 3)
    assert ("a.py", 4) not in plain
    assert plain["a.py", 2] == plain["a.py", 5]
    failure = Failure("bad", "ValueError", "", (("a.py", 2, "f"), ("a.py", 5, "g")))
    framed = rank(lines, failing=["bad"], passing=["good"], failures=[failure])
    assert framed["a.py", 5] > framed["a.py", 2] > plain["a.py", 2]


def test_a_told_place_is_more_suspicious() -> None:
    lines = {"pkg/a.py": {2: {"bad"}}, "pkg/b.py": {2: {"bad"}}}
    told = rank(lines, failing=["bad"], passing=[], hint=read_hint("It breaks in pkg/b.py:2"))
    assert list(told) == [("pkg/b.py", 2), ("pkg/a.py", 2)]


@pytest.mark.parametrize(
    ("text", "test", "picked"),
    [
        ("fails: tests/test_a.py::test_one", "tests/test_a.py::test_one", True),
        ("fails: tests/test_a.py::test_one", "tests/test_a.py::test_one[3-x]", True),
        ("fails: tests/test_a.py::test_one", "tests/test_a.py::test_two", False),
        ("fails: tests/test_a.py::TestX::test_one", "tests/test_a.py::TestX::test_one", True),
        ("please look at `test_two`", "tests/test_a.py::test_two", True),
        ("please look at test_two", "tests/test_a.py::test_two_more", False),
        ("tests/test_a.py is red", "tests/test_a.py::test_two", True),
        ("tests/test_b.py is red", "tests/test_a.py::test_two", False),
        ("class TestShop fails", "tests/test_a.py::TestShop::test_x", True),
        ('  File "/home/me/proj/tests/test_a.py", line 3, in test_q', "tests/test_a.py::test_q", True),
        ("the total is wrong", "tests/test_a.py::test_total", False),
        ("", "tests/test_a.py::test_total", False),
    ],
)
def test_hints_pick_tests(text: str, test: str, picked: bool) -> None:
    assert read_hint(text).picks(test) is picked


def test_hint_reads_a_traceback() -> None:
    text = 'Traceback:\n  File "/srv/app/shop/cart.py", line 12, in total\n    return x\nshop/tax.py:7: ValueError\nsee `add_line()`'
    hint = read_hint(text)
    assert ("/srv/app/shop/cart.py", 12) in hint.frames
    assert ("shop/tax.py", 7) in hint.frames
    assert {"total", "add_line"} <= set(hint.names)


@given(st.text(max_size=400))
def test_hints_never_raise(text: str) -> None:
    assert isinstance(read_hint(text).tests, tuple)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/helper.py", True),
        ("pkg/test_x.py", True),
        ("pkg/x_test.py", True),
        ("conftest.py", True),
        ("setup.py", True),
        (".github/run.py", True),
        ("python_testcases/case.py", True),
        ("src/pkg/testing_tools.py", False),
        ("pkg/latest.py", False),
        ("pkg/contest.py", False),
    ],
)
def test_what_counts_as_a_test(path: str, expected: bool) -> None:
    assert is_test(path) is expected


def test_copy_leaves_out_what_is_not_source(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for name in ("pkg/a.py", ".git/config", "env/pyvenv.cfg", "env/lib/x.py", "__pycache__/a.pyc", "data.txt"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("x = 1\n")
    (tmp_path / "secret.txt").write_text("secret")
    (source / "link.txt").symlink_to(tmp_path / "secret.txt")
    target.mkdir()
    assert copy_tree(source, target) == ["data.txt", "pkg/a.py"]
    assert editable(["data.txt", "pkg/a.py", "tests/b.py"]) == ["pkg/a.py"]
    assert not (target / "link.txt").exists()


def test_copy_takes_big_files_last_and_those_that_fit(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source, target):
        folder.mkdir()
    for name, size in {"a.bin": 30_000_000, "b.bin": 199_000_000, "c.bin": 21_000_000, "d.py": 6}.items():
        hole(source / name, size)
    assert copy_tree(source, target) == ["a.bin", "c.bin", "d.py"]


def hole(path: Path, size: int) -> None:
    """Make a file whose bytes take no room."""
    with path.open("wb") as file:
        file.truncate(size)


@pytest.mark.parametrize(("files", "size", "whole"), [(4_001, 0, False), (5, 7_900_000, False), (1, 30_000_000, True)])
def test_what_a_repair_writes_is_undone_however_large_the_tree(
    tmp_path: Path, files: int, size: int, whole: bool
) -> None:
    for number in range(files):
        hole(tmp_path / f"data{number}", size)
    code = tmp_path / "late" / "code.py"
    code.parent.mkdir()
    code.write_bytes(b"one")
    tree = Tree(tmp_path)
    assert tree.whole is whole
    for text in (b"two", b"three"):
        assert tree.read("late/code.py") == b"one"
        tree.write("late/code.py", text)
        tree.put_back("late/code.py")
        assert code.read_bytes() == b"one"


@pytest.mark.parametrize(
    ("wish", "test", "expected"),
    [
        ("tests", "tests/test_a.py::test_x", True),
        ("./tests/test_a.py", "tests/test_a.py::test_x", True),
        ("tests/test_a.py::test_x", "tests/test_a.py::test_x[1]", True),
        ("tests/test_a.py::test", "tests/test_a.py::test_x", False),
    ],
)
def test_wishes(wish: str, test: str, expected: bool) -> None:
    assert covers(wish, test) is expected


def test_options_that_mean_something_are_kept() -> None:
    tokens = ["-q", "--cov=pkg", "-n", "4", "--import-mode=importlib", "-p", "pkg.plugin", "-m", "not slow", "-x"]
    assert kept_options(tokens) == ["--import-mode=importlib", "-p", "pkg.plugin", "-m", "not slow"]
    left_out = ["--ignore", "tests/slow", "--ignore-glob=*_it.py", "--deselect", "t.py::test_a", "-k", "not b"]
    assert kept_options(["-v", *left_out, "tests"]) == left_out


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("test_a.py", "x = 1\n", {"hypothesispytest", "anyio", "valkey"}),
        ("deep/test_a.py", "from hypothesis import given\n", {"anyio", "valkey"}),
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '-p anyio'\n", {"hypothesispytest", "valkey"}),
        ("notes.md", "hypothesis, anyio, valkey\n", {"hypothesispytest", "anyio", "valkey"}),
    ],
)
def test_plugins_that_nothing_mentions_are_unused(tmp_path: Path, name: str, text: str, expected: set[str]) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / name).write_text(text)
    assert set(unused(tmp_path)) == expected


def test_diff_is_what_git_reads() -> None:
    text = unified("a.py", b"x = 1\ny = 2", b"x = 1\ny = 3")
    assert "--- a/a.py\n+++ b/a.py\n" in text
    assert text.count("\\ No newline at end of file") == 2
    assert unified("a.py", b"x\n", b"x\n") == ""
    assert first_line(b"a\nb\nc\n", b"a\nX\nc\n") == 2


def test_similar_names() -> None:
    assert similarity("start", "start") == 1
    assert similarity("row_count", "col_count") > similarity("row_count", "zip")


# --- edits ------------------------------------------------------------------------------------------------------------
def _all_edits(text: bytes, clues: Clues = Clues(), most: int = 3000) -> list[Candidate]:  # noqa: B008 - a frozen value
    unit = parse("p.py", text)
    scores = {("p.py", line): 1.0 for line in range(1, unit.data.count(b"\n") + 2)}
    return plan({"p.py": unit}, scores, clues, most=most)


def _is_sound(text: bytes, one: Candidate) -> None:
    after = apply(text, one.edits)
    assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(text)), one
    first, last = min(edit.start for edit in one.edits), max(edit.end for edit in one.edits)
    assert after.startswith(text[:first])
    assert after.endswith(text[last:])
    assert 0 < one.merit <= 1.5


@pytest.mark.parametrize(
    "text", [RAISING, RAISING.replace("\n", "\r\n"), RAISING.rstrip("\n"), RAISING.replace("    ", "\t")]
)
@pytest.mark.slow
def test_every_edit_parses_and_changes_only_its_place(text: str) -> None:
    data = text.encode()
    clues = Clues(frozenset({"TypeError", "UnboundLocalError"}), frozenset({"ValueError"}), frozenset({"77"}), ())
    found = _all_edits(data, clues, most=800)
    assert len(found) == 800
    for one in found:
        _is_sound(data, one)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.sampled_from(PROGRAMS))
@pytest.mark.slow
def test_edits_of_real_programs_are_sound_and_ordered(program: Path) -> None:
    data = program.read_bytes()
    found = _all_edits(data, most=500)
    merits = [one.merit for one in found]
    assert merits == sorted(merits, reverse=True)
    assert len({one.edits for one in found}) == len(found)
    for one in found[::7]:
        _is_sound(data, one)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a <= b\n"),
        ("def f(a, b):\n    return g(a, b)\n", "def f(a, b):\n    return g(b, a)\n"),
        ("def f(n):\n    return list(range(n))\n", "def f(n):\n    return list(range(n + 1))\n"),
        ("def f(x):\n    x.strip()\n    return x\n", "def f(x):\n    x = x.strip()\n    return x\n"),
        ("def f(a):\n    s = 0\n    for x in a:\n        s = x\n    return s\n", "def f(a):\n    s = 0\n    for x in a:\n        s += x\n    return s\n"),
        ("def f(a):\n    s = 0\n    for x in a:\n        s += x\n        return s\n", "def f(a):\n    s = 0\n    for x in a:\n        s += x\n    return s\n"),
        ("def f(a, b=[]):\n    b.append(a)\n    return b\n", "def f(a, b=None):\n    if b is None:\n        b = []\n    b.append(a)\n    return b\n"),
        ("def f(a):\n    a = a + 1\n", "def f(a):\n    a = a + 1\n    return a\n"),
        ("def f(a):\n    return a[0]\n", "def f(a):\n    if not a:\n        return None\n    return a[0]\n"),
        ("def f(w, h):\n    return [[0] * w] * h\n", "def f(w, h):\n    return [[0] * w for _ in range(h)]\n"),
        ("def f(a, b):\n    return (a + b) * 2\n", "def f(a, b):\n    return a + b * 2\n"),
        ("def f(a):\n    if not a:\n        return 1\n", "def f(a):\n    if a:\n        return 1\n"),
        ("def f(a):\n    return a[1:]\n", "def f(a):\n    return a[:1]\n"),
        ("def f(a):\n    return min(a)\n", "def f(a):\n    return max(a)\n"),
    ],
)  # fmt: skip
def test_a_usual_mistake_is_among_the_edits(wrong: str, right: str) -> None:
    made = {ast.dump(ast.parse(apply(wrong.encode(), one.edits))) for one in _all_edits(wrong.encode())}
    assert ast.dump(ast.parse(right)) in made


@pytest.mark.parametrize(
    ("wrong", "right", "odd"),
    [
        ("xs[-n - 1:]", "xs[-n:]", "xs[-n - 0:]"),
        ("n + 2", "n", "n + 0"),
        ("2 + n", "n", "0 + n"),
        ("(-n + 1) ** 2", "(-n) ** 2", "(-n + 0) ** 2"),
        ("m * (n - m + 1)", "m * (n - m)", "m * (n - m + 0)"),
        ("m * (n + 1)", "m * n", "m * (n + 0)"),
        ("m * 2 - n", "m - n", "m * 1 - n"),
        ("n // 2", "n", "n // 1"),
        ("1 - n", "0 - n", ""),
        ("2 // n", "1 // n", ""),
        ("n / 2", "n / 1", ""),
    ],
)
def test_a_number_that_would_change_nothing_is_left_out(wrong: str, right: str, odd: str) -> None:
    before, after, never = (f"def f(xs, n, m):\n    return {text}\n" for text in (wrong, right, odd))
    made = {apply(before.encode(), one.edits).decode() for one in _all_edits(before.encode())}
    assert after in made
    assert never not in made


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("DID NOT RAISE ValueError", {"ValueError"}),
        ("DID NOT RAISE <class 'bank.errors.Empty'>", {"Empty"}),
        ("DID NOT RAISE any of (KeyError, IndexError)", {"KeyError", "IndexError"}),
        ("ZeroDivisionError not raised", {"ZeroDivisionError"}),
        ("DID NOT RAISE any exception", set()),
        ("assert 1 == 2", set()),
    ],
)
def test_the_exception_that_a_test_waits_for(message: str, expected: set[str]) -> None:
    assert waited_for(message) == expected


def test_every_operator_has_a_name_of_its_own() -> None:
    names = [f"{one.__module__}.{one.__name__}" for one in OPERATORS]
    assert len(set(names)) == len(names) > 40


def _liking(text: str, new: str, clues: Clues) -> float:
    unit = parse("p.py", text.encode())
    place = text.index("return ") + len("return ")
    return liking(unit, (Edit(place, text.index("\n", place), new),), clues)


@pytest.mark.parametrize(
    ("new", "low", "high"),
    [
        ("a - b", 1.0, 1.0),
        ("a + b", 0.0, 0.0),
        ("a +", 0.0, 0.0),
        ("a", 0.05, 0.9),
        ("77", 0.0001, 0.1),
        ("a - a + b", 0.05, 0.9),
    ],
)
def test_what_an_edit_is_worth(new: str, low: float, high: float) -> None:
    assert low <= _liking("def f(a, b):\n    return a + b\n", new, Clues(literals=frozenset({"77"}))) <= high


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"def f(:\n", "does not parse at line 1"),
        (b"# coding: klingon\nx = 1\n", "unknown encoding"),
        (b"x = '\xe4'\n", "Python cannot read it: invalid or missing encoding"),
        (b"# coding: cp1252\nx = '\x81'\n", "it is not cp1252 text"),
        ("# coding: iso2022_jp\nx = '\u3042\u3044'\n".encode("iso2022_jp"), "save it as UTF-8"),
        (b"\xef\xbb\xbf# coding: latin-1\nx = 1\n", "Python cannot read it"),
        (b"if 1:\n    y = 1\n \r  \x0cz = 2\n", "too mixed"),
        (b"#" * 400_001, "more than 400000 bytes"),
    ],
)
def test_files_that_cannot_be_written_back_are_left_alone(data: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        parse("p.py", data)


SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "byte order mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "latin-1": lambda text: f"# -*- coding: latin-1 -*-\n{text}".encode("latin-1"),
    "cp1252 after a first line": lambda text: f"#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\n{text}".encode("cp1252"),
    "shift_jis": lambda text: f"# coding: shift_jis\n{text}".replace("é", "\u8868").encode("shift_jis"),
    "carriage returns": lambda text: text.replace("\n", "\r\n").encode(),
    "carriage returns alone": lambda text: text.replace("\n", "\r").encode(),
    "both, latin-1": lambda text: f"# coding: l1\n{text}".replace("\n", "\r\n").encode("latin-1"),
    "form feeds": lambda text: text.replace("def ", "\x0cdef ").replace("    if found", " \x0c    if found").encode(),
    "no last line feed": lambda text: text.rstrip("\n").encode(),
    "all": lambda text: f"# coding: l1\n\x0c\n{text}".replace("\n", "\r\n").rstrip().encode("latin-1"),
}  # fmt: skip
SPELLED = """\
SIGN = "é"  # é


def total(items, sign="é"):
    found = 0
    for one in items:
        found = one  # é
    if found < 3:
        return found, sign + "é"
    found += 1
    return found, sign
"""


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_edit_is_spelled_as_its_file_is(spelling: str) -> None:
    """Each edit of the text, made in the bytes, gives the same text; and no other byte changes."""
    raw = SPELLINGS[spelling](SPELLED)
    source = read(raw)
    for one in _all_edits(raw, most=600)[::6]:
        after = spell(raw, one.spans)
        expected = apply(source.view, one.edits).decode().replace("\r\n", "\n")
        assert read(after).view.decode().replace("\r\n", "\n") == expected, one
        assert (after[:3] == codecs.BOM_UTF8) == (raw[:3] == codecs.BOM_UTF8)
        assert bool(re.search(rb"(?<!\r)\n", after)) == bool(re.search(rb"(?<!\r)\n", raw)), one
        kept = raw[: min(start for start, _, _ in one.spans)]
        assert after.startswith(kept)
        compile(after, "p.py", "exec")


def test_an_edit_that_the_encoding_cannot_spell_is_not_proposed() -> None:
    source = read(b"# coding: latin-1\nx = 'a'\n")
    with pytest.raises(UnicodeEncodeError):
        source.spell([(0, 1, "\u20ac")])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_a_diff_of_other_bytes_is_applied_byte_for_byte(tmp_path: Path, end: bytes) -> None:
    before = b"# coding: latin-1\nx = '\xe9'\r\n\x0cy = '\xe4\xf6'\nz = 1" + end
    after = before.replace(b"z = 1", b"z = 2").replace(b"\xe9", b"\xe8")
    result = RepairResult("fixed", unified("m.py", before, after))
    (tmp_path / "m.py").write_bytes(before)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=result.patch_bytes, check=True)
    assert (tmp_path / "m.py").read_bytes() == after
    assert examine(result.patch_bytes, ()).files == ("m.py",)


def test_pairs_reach_all_goals_first_and_never_overlap() -> None:
    def one(path: str, start: int, merit: float) -> tuple[Candidate]:
        edit = Edit(start, start + 2, "x")
        return (Candidate(path, (edit,), "name.local", 1, merit, ((start, start + 2, b"x"),)),)

    patches = [one("a.py", 0, 0.9), one("a.py", 1, 0.8), one("a.py", 50, 0.7), one("b.py", 0, 0.6)]
    partial = {0: frozenset({"t1"}), 1: frozenset({"t2"}), 3: frozenset({"t2"})}
    made = pairs(patches, partial, {"t1", "t2"}, most=10)
    assert made[0] == (*patches[0], *patches[3])
    assert (*patches[0], *patches[1]) not in made
    assert set(spans_of(made[0])) == {"a.py", "b.py"}


def test_the_bench_has_enough_bugs_of_many_kinds() -> None:
    about = [one.read_text("utf-8") for one in BUGS.glob("*/bug.toml")]
    kinds = {line for text in about for line in text.splitlines() if line.startswith("kind")}
    assert len(about) >= 36
    assert len(kinds) >= 15
    assert shutil.which("git")
