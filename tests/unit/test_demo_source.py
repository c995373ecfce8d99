"""What the demonstration takes of a repository of one's own, and with which interpreter it is run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bot.devforge.gitrepo import GitRepo
from tests.interpreters import other_python
from workers.demo.source import NotTaken, Taken, copied, take

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
    for path, words in (
        (tmp_path / "nowhere", "there is no directory"),
        (tmp_path / "empty", "is no git repository with a commit"),
        (shop / "inside", f"is a part of the repository {shop}; name that one"),
    ):
        with pytest.raises(NotTaken, match=words):
            take(path)


def forged(taken: Taken, room: Path) -> GitRepo:
    """Take it over as the forge of the demonstration does."""
    forge = GitRepo.create(room / "forge" / "it.git")
    with copied(taken) as repository:
        assert forge.fetch_from(repository) == taken.branch
    return forge


def test_the_copy_is_the_present_branch_with_its_history(shop: Path, tmp_path: Path) -> None:
    git(shop, "commit", "-q", "--allow-empty", "-m", "Go on")
    forge = forged(take(shop), tmp_path)
    assert forge.branch("trunk") == git(shop, "rev-parse", "HEAD")
    assert [commit.message for commit in forge.log("trunk")] == ["Go on\n", "Begin\n"]


@pytest.mark.parametrize("how", ["--depth=1", "--filter=blob:none"])
def test_of_a_shallow_or_partial_clone_the_last_commit_is_taken(how: str, shop: Path, tmp_path: Path) -> None:
    (shop / "a.py").write_text("A = 2\n")
    git(shop, "commit", "-q", "-a", "-m", "Go on\n\nMore")
    git(shop, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", how, f"file://{shop}", "clone")
    taken = take(tmp_path / "clone")
    assert taken.notes == ("the clone is shallow or partial: its last commit is taken without those before it",)
    (commit,) = forged(taken, tmp_path).log("trunk")
    assert (commit.message, commit.author.name) == ("Go on\n\nMore\n", "Maria")
    assert commit.tree == git(shop, "rev-parse", "HEAD^{tree}")


def test_what_one_ignores_everywhere_is_no_change(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(f"[core]\n\texcludesFile = {tmp_path}/ignored\n")
    (tmp_path / "ignored").write_text("*.swp\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    (shop / ".git" / "info").mkdir(exist_ok=True)
    (shop / ".git" / "info" / "exclude").write_text("*.log\n")
    for name in ("a.swp", "a.log"):
        (shop / name).write_text("")
    assert take(shop).notes == ()


def test_no_program_that_the_repository_names_is_run(shop: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    evil.chmod(0o755)
    hooks = shop / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        shutil.copy(evil, hooks)
        (hooks / "evil").rename(hooks / hook)
    (shop / ".gitattributes").write_text("*.py filter=evil diff=evil\n")
    git(shop, "add", ".gitattributes")
    git(shop, "commit", "-q", "-m", "Attributes")
    for key in (
        "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv", "diff.external",
        "core.fsmonitor", "core.pager", "core.sshCommand", "core.alternateRefsCommand", "core.editor", "core.askPass",
        "uploadpack.packObjectsHook", "remote.origin.uploadpack", "gpg.program",
    ):  # fmt: skip
        git(shop, "config", key, str(evil))
    git(shop, "config", "alias.status", f"!{evil}")
    (shop / "a.py").write_text("A = 3\n")
    mark.unlink(missing_ok=True)
    subprocess.run(["git", "status"], cwd=shop, timeout=30, capture_output=True, check=False)
    assert mark.exists()  # the traps do snap
    mark.unlink()
    taken = take(shop)
    assert taken.notes == ("1 uncommitted change is not included: the last commit is taken",)
    forged(taken, tmp_path)
    assert not mark.exists()


def test_objects_that_are_missing_are_fetched_from_nowhere(shop: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    settings = {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": str(tmp_path),
        "remote.origin.uploadpack": f"touch {mark}; git-upload-pack",
    }
    for key, value in settings.items():
        git(shop, "config", key, value)
    tree = git(shop, "rev-parse", "HEAD^{tree}")
    (shop / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    subprocess.run(["git", "ls-tree", "-r", "HEAD"], cwd=shop, timeout=30, capture_output=True, check=False)
    assert mark.exists()  # as above
    mark.unlink()
    with pytest.raises(NotTaken, match="try git fsck there"):
        take(shop)
    assert not mark.exists()


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
