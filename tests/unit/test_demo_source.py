"""What the demonstration takes of a repository of one's own, and with which interpreter it is run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.interpreters import other_python
from workers.demo.source import NotTaken, take

WHO = ["-c", "user.name=Maria", "-c", "user.email=maria@example.org", "-c", "protocol.file.allow=always"]


def git(place: Path, *words: str) -> str:
    done = subprocess.run(["git", *WHO, *words], cwd=place, check=True, timeout=30, capture_output=True, text=True)
    return done.stdout.strip()


def repository(place: Path, files: dict[str, str], branch: str = "trunk") -> Path:
    place.mkdir()
    for name, text in files.items():
        (place / name).write_text(text)
    git(place, "init", "-q", "-b", branch)
    git(place, "add", ".")
    git(place, "commit", "-q", "-m", "Begin")
    return place


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return repository(tmp_path / "my shop", {"a.py": "A = 1\n"})


def test_a_clean_repository_is_taken_as_it_is(shop: Path) -> None:
    taken = take(shop)
    assert (taken.name, taken.path, taken.branch, taken.notes) == ("my-shop", shop, "trunk", ())


def test_what_is_not_committed_is_named(shop: Path) -> None:
    (shop / "a.py").write_text("A = 2\n")
    assert take(shop).notes == ("1 uncommitted change is not included: the last commit is taken",)
    (shop / "b.py").write_text("")
    assert take(shop).notes == ("2 uncommitted changes are not included: the last commit is taken",)


def test_a_bare_repository_is_taken_under_its_plain_name(shop: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(shop), "bare.git")
    taken = take(tmp_path / "bare.git")
    assert (taken.name, taken.branch, taken.notes) == ("bare", "trunk", ())


def test_a_commit_without_a_branch_becomes_main(shop: Path) -> None:
    git(shop, "checkout", "-q", "--detach")
    taken = take(shop)
    assert (taken.branch, taken.notes) == ("main", ("no branch is checked out; the present commit is taken as main",))


def test_submodules_are_named(shop: Path, tmp_path: Path) -> None:
    other = repository(tmp_path / "other", {"b.py": ""})
    git(shop, "submodule", "--quiet", "add", str(other), "vendor/other")
    git(shop, "commit", "-q", "-m", "Lean on another")
    assert take(shop).notes == ("submodules are not included: vendor/other",)


def test_what_cannot_be_taken_says_why(shop: Path, tmp_path: Path) -> None:
    (shop / "inside").mkdir()
    (tmp_path / "empty").mkdir()
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{shop}", "shallow")
    for path, words in (
        (tmp_path / "nowhere", "there is no directory"),
        (tmp_path / "empty", "is no git repository with a commit"),
        (shop / "inside", f"is a part of the repository {shop}; name that one"),
        (tmp_path / "shallow", "is a shallow clone; run git fetch --unshallow there"),
    ):
        with pytest.raises(NotTaken, match=words):
            take(path)


# --- another interpreter
CALC = {
    "calc.py": "import only_here\n\n\ndef add(a, b):\n    return a - b\n",
    "test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n",
}


def run(words: list[str], python: Path | None) -> "subprocess.CompletedProcess[str]":
    environ = {key: value for key, value in os.environ.items() if not key.startswith("JOURNEYMAN_")}
    if python is not None:
        environ["JOURNEYMAN_SANDBOX_PYTHON"] = str(python)
    argv = [sys.executable, "-m", "bot.cli", *words]
    return subprocess.run(argv, env=environ, capture_output=True, text=True, timeout=170, check=False)


@pytest.mark.slow
def test_repair_uses_the_interpreter_that_is_set(tmp_path: Path) -> None:
    python = other_python(tmp_path / "env")
    calc = repository(tmp_path / "calc", CALC)
    assert run(["repair", str(calc)], None).returncode == 3
    done = run(["repair", str(calc)], python)
    assert done.returncode == 0, done.stderr
    assert "+    return a + b" in done.stdout
