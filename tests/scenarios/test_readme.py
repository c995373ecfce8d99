"""The README's commands: each one is run, or, where it would never end, held against its own help."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from bot.bootstrap import open_store
from bot.config import Settings, load, variable
from bot.domain.envelope import Zone

ROOT = Path(__file__).parents[2]
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
ENDLESS = {"up", "web", "worker", "beat"}
BUGGY = {
    "cart.py": "def total(prices):\n    paid = 0\n    for price in prices:\n        paid -= price\n    return paid\n",
    "tests/test_cart.py": "from cart import total\n\n\ndef test_total():\n    assert total([2, 3]) == 5\n",
}


def commands(page: str) -> list[str]:
    """Return the commands of a page's shell blocks, without their comments."""
    lines = [line for block in SHELL.findall((ROOT / page).read_text()) for line in block.splitlines()]
    return [shlex.join(shlex.split(line, comments=True)) for line in lines if line.strip()]


def inline(page: str) -> list[str]:
    """Return the commands of a page's tables and sentences."""
    return re.findall(r"`(journeyman [a-z][^`]*)`", (ROOT / page).read_text())


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A git repository with a failing test, standing where the README says ../shop."""
    place = tmp_path / "shop"
    for name, text in BUGGY.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    who = ["-c", "user.name=Maria", "-c", "user.email=maria@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *who, *words], cwd=place, check=True, timeout=30)
    return place


def run(words: list[str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of ours with settings of its own."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("JOURNEYMAN_")}
    environ["JOURNEYMAN_DATA_DIR"] = str(tmp_path / "data")
    argv = [sys.executable, "-m", "bot.cli", *words]
    return subprocess.run(argv, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=170, check=False)


@pytest.mark.parametrize("command", [
    pytest.param(one, marks=pytest.mark.slow if " demo " in one else ())
    for page in ("README.md", "CONTRIBUTING.md") for one in commands(page)
])  # fmt: skip
def test_a_command_of_the_readme_does_what_it_says(
    command: str, shop: Path, tmp_path: Path, help_of: Callable[[str], str]
) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        done = subprocess.run(
            ["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
    elif words[0] == "export":
        name = words[1].partition("=")[0]
        assert name.removesuffix("_FILE") in {variable(field) for field in Settings.model_fields}
    else:
        assert words[0] == ".venv/bin/journeyman"
        if words[1] in ENDLESS:
            assert options_missing(words[1:], help_of) == []
            return
        open_store(load({"JOURNEYMAN_DATA_DIR": str(tmp_path / "data")}), Zone.BROKER).database.close()  # as `up` does
        done = run([word.replace("../shop", str(shop)) for word in words[1:]], tmp_path)
        assert done.returncode == 0, done.stderr + done.stdout


@pytest.fixture(scope="module")
def help_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return the help of a command, asked for once."""
    room = tmp_path_factory.mktemp("help")

    @cache
    def ask(verb: str) -> str:
        shown = run([*verb.split(), "--help"], room)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout

    return ask


def options_missing(words: list[str], help_of: Callable[[str], str]) -> list[str]:
    """Return the options of a command that its help does not know."""
    verbs = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    shown = help_of(verbs[0])
    if len(verbs) > 1 and re.search(rf"^  {verbs[1]} ", shown, re.MULTILINE):  # a group of commands
        shown = help_of(" ".join(verbs[:2]))
    return [word for word in words if word.startswith("--") and word not in shown]


def test_every_command_in_a_sentence_exists(help_of: Callable[[str], str]) -> None:
    found = {one for page in ("README.md", "docs/architecture.md") for one in inline(page)}
    each = {one for command in found for one in re.split(r"\s+\|\s+(?=[a-z])", command)}
    assert len(each) >= 5
    for command in sorted(each):
        assert options_missing(shlex.split(command.removeprefix("journeyman ")), help_of) == [], command
