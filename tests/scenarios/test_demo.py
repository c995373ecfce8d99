"""`journeyman demo`: the whole story in one command, without a terminal, a key or an account."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import other_python
from tests.world import INI, PLAIN

pytestmark = pytest.mark.timeout(400)
SLOW = pytest.mark.slow
KEYS = {
    "issue", "change", "branch", "head_sha", "merged_sha", "test_before", "test_after", "gate_before", "gate_after",
    "approved_by", "slack_messages", "audit", "seconds",
}  # fmt: skip


def journeyman(*arguments: str, room: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command with a home and a temporary directory of its own, and no terminal."""
    temporary = room / "tmp"
    temporary.mkdir(exist_ok=True)
    own = {"TMPDIR": str(temporary), "HOME": str(room), "JOURNEYMAN_GITHUB_TOKEN": "not for you", **settings}
    environment = {**os.environ, **own}
    return subprocess.run(
        [sys.executable, "-m", "bot.cli", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@dataclass(frozen=True)
class Played:
    """What a story printed on either stream."""

    result: dict[str, Any]
    stderr: str


def plays(*arguments: str, room: Path, **settings: str) -> Played:
    """Play to the good end. Nothing may be left behind."""
    done = journeyman("demo", "--json", *arguments, room=room, **settings)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result) >= KEYS
    assert (result["test_before"], result["test_after"]) == ("failed", "passed")
    assert (result["gate_before"], result["gate_after"]) == ("blocked", "permitted")
    assert (result["approved_by"], result["audit"]) == ("lee", "ok")
    assert result["slack_messages"] == 1
    assert result["landed_as_approved"] is True
    assert (result["issue"], result["change"]) == (1, 1 if result["forge"] == "gitlab" else 2)
    assert result["branch"].startswith("agent/issue-1-")
    assert len(result["head_sha"]) == len(result["merged_sha"]) == 40
    assert all(seconds >= 0 for seconds in result["seconds"].values())
    assert list((room / "tmp").iterdir()) == []
    assert _processes_of(room) == []
    return Played(result, done.stderr)


def _processes_of(room: Path) -> list[str]:
    """Return the processes that still have this room's temporary directory in their environment or command."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except OSError:
            continue
        if str(room / "tmp").encode() in text:
            found.append(entry.name)
    return found


@pytest.mark.parametrize("model", ["none", pytest.param("openai", marks=SLOW), pytest.param("anthropic", marks=SLOW)])
def test_the_example(model: str, tmp_path: Path) -> None:
    assert plays("--model", model, room=tmp_path).result["model"] == model


def test_the_example_on_gitlab(tmp_path: Path) -> None:
    played = plays("--forge", "gitlab", room=tmp_path)
    assert played.result["forge"] == "gitlab"
    assert "/-/merge_requests/1" in played.stderr


def git(*arguments: str, cwd: Path) -> None:
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=trunk"]
    subprocess.run(["git", *identity, *arguments], cwd=cwd, check=True, capture_output=True, timeout=30)


def repository(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("init", "-q", cwd=folder)
    git("add", "-A", cwd=folder)
    git("commit", "-q", "-m", "First", cwd=folder)
    return folder


SRC = {
    "pyproject.toml": (
        '[project]\nname = "queue"\nversion = "1"\n\n[tool.pytest.ini_options]\npythonpath = ["src"]\n'
        f'addopts = "{PLAIN}"\n'
    ),
    "src/line/__init__.py": "",
    "src/line/waiting.py": (
        "class Line:\n    def __init__(self):\n        self.people = []\n\n"
        "    def join(self, name):\n        self.people.append(name)\n\n"
        "    def serve(self):\n        return self.people.pop(-1)\n"
    ),
    "tests/test_waiting.py": (
        "from line.waiting import Line\n\n\n"
        "def test_first_come_first_served():\n    line = Line()\n    for name in 'abc':\n        line.join(name)\n"
        "    assert [line.serve(), line.serve(), line.serve()] == ['a', 'b', 'c']\n\n\n"
        "def test_alone():\n    line = Line()\n    line.join('x')\n    assert line.serve() == 'x'\n"
    ),
}


@SLOW
def test_a_repository_of_yours_with_its_own_python(tmp_path: Path) -> None:
    """In a src layout, with a module that only another interpreter has, and a file that is not committed."""
    folder = repository(tmp_path / "mine", {**SRC, "tests/conftest.py": "import only_here\n"})
    (folder / "draft.txt").write_text("not yet\n")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    python = other_python(tmp_path / "env")
    issue = "The last one is served first\n\nWhoever joined first should be served first."
    told = plays("--repo", str(folder), "--issue", issue, room=tmp_path, JOURNEYMAN_SANDBOX_PYTHON=str(python))
    assert "note: 1 uncommitted change is not included: the last commit is taken" in told.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before, "it is only copied"


def test_wrong_usage_says_what_to_do(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for arguments, advice in (
        (("--repo", str(tmp_path / "nowhere"), "--issue", "x"), "there is no directory"),
        (("--repo", str(plain), "--issue", "x"), "no git repository"),
        (("--repo", str(plain)), "--issue"),
    ):
        done = journeyman("demo", "--json", *arguments, room=tmp_path)
        assert done.returncode == 2, (arguments, done.stderr)
        told = json.loads(done.stdout)
        assert (told["status"], told["code"]) == ("failed", 2)
        assert advice in told["error"]
        assert advice in " ".join(done.stderr.replace("│", " ").split()), done.stderr


@pytest.mark.slow
def test_a_story_without_a_good_end_says_why(tmp_path: Path) -> None:
    folder = repository(tmp_path / "mine", {**INI, "a.py": "X = 1\n", "test_a.py": "def test_a():\n    pass\n"})
    done = journeyman("demo", "--json", "--repo", str(folder), "--issue", "Something is wrong", room=tmp_path)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["status"], told["code"]) == ("failed", 1)
    assert "nothing_failing" in told["error"]
    assert "nothing_failing" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []
