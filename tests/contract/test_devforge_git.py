"""Real git against the development forge: who may fetch and push, what is refused, and what a push sets going."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.devforge.ci import CiResult, pytest_runner
from tests.devforge_fixture import REPO, Seeded, seeded


def runner(checkout: Path) -> CiResult:
    """Pass when calc.py adds; say what was found otherwise."""
    text = (checkout / "calc.py").read_text(encoding="utf-8")
    return CiResult("a + b" in text, "1 passed" if "a + b" in text else "1 failed", text)


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Seeded]:
    with seeded(tmp_path, runner) as world:
        yield world


def git(where: Path, *args: str, data: bytes | None = None) -> subprocess.CompletedProcess[str]:
    """Run git as a person would, with nobody's configuration."""
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(where),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **{f"GIT_{role}_NAME": "Wes" for role in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{role}_EMAIL": "wes@example.com" for role in ("AUTHOR", "COMMITTER")},
    }
    return subprocess.run(["git", *args], cwd=where, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def clone(forge: Seeded, tmp_path: Path) -> Path:
    """A clone as wes, who may write."""
    done = git(tmp_path, "clone", "-q", forge.git_url("wes"), "clone")
    assert done.returncode == 0, done.stderr
    return tmp_path / "clone"


def commit(clone: Path, text: str, branch: str = "main") -> str:
    if branch != "main":
        git(clone, "switch", "-q", "-C", branch)
    (clone / "calc.py").write_text(text, encoding="utf-8")
    git(clone, "commit", "-q", "-a", "-m", "Change calc")
    return git(clone, "rev-parse", "HEAD").stdout.strip()


def test_a_push_lands_and_its_tests_run(forge: Seeded, clone: Path) -> None:
    sha = commit(clone, "def add(a, b):\n    return a + b\n", "fix/add")
    pushed = git(clone, "push", "-q", "origin", "fix/add")
    assert pushed.returncode == 0, pushed.stderr
    assert forge.repo("rob").get_branch("fix/add").commit.sha == sha
    assert forge.forge.wait_idle(20)
    told = [
        (r.name, r.app.slug, r.conclusion, r.output.title) for r in forge.repo("rob").get_commit(sha).get_check_runs()
    ]
    assert told == [("tests", "devforge-ci", "success", "1 passed")]
    assert git(clone, "fetch", "-q", "origin", sha).returncode == 0


def test_a_second_push_moves_the_change_and_tests_it_again(forge: Seeded, clone: Path) -> None:
    commit(clone, "broken\n", "fix/add")
    git(clone, "push", "-q", "origin", "fix/add")
    change = forge.repo("wes").create_pull(base="main", head="fix/add", title="Fix")
    sha = commit(clone, "def add(a, b):\n    return a + b\n", "fix/add")
    git(clone, "push", "-q", "origin", "fix/add")
    assert forge.forge.wait_idle(20)
    change.update()
    assert (change.head.sha, change.commits, change.mergeable_state) == (sha, 2, "clean")
    assert git(clone, "fetch", "-q", "origin", f"refs/pull/{change.number}/head").returncode == 0
    git(clone, "push", "-q", "origin", "--delete", "fix/add")
    change.update()
    assert (change.state, change.merged) == ("closed", False)


def test_what_the_merge_makes_is_tested_too(forge: Seeded, clone: Path) -> None:
    commit(clone, "def add(a, b):\n    return a + b  # plus\n", "fix/add")
    git(clone, "push", "-q", "origin", "fix/add")
    forge.forge.protect(REPO, "main", required_contexts=["tests"])
    assert forge.forge.wait_idle(20)
    merged = forge.repo("wes").create_pull(base="main", head="fix/add", title="Fix").merge(merge_method="squash")
    assert forge.forge.wait_idle(20)
    assert [run.conclusion for run in forge.forge.checks(REPO, merged.sha)] == ["success"]


@pytest.mark.parametrize("where", ["main", "main:refs/pull/9/head", "main:refs/notes/x"])
def test_protected_and_reserved_references_refuse_a_push(forge: Seeded, clone: Path, where: str) -> None:
    forge.forge.protect(REPO, "main")
    before = forge.repo("wes").get_branch("main").commit.sha
    commit(clone, "direct\n")
    pushed = git(clone, "push", "origin", where)
    assert pushed.returncode != 0
    assert "protected branch hook declined" in pushed.stderr
    assert forge.repo("wes").get_branch("main").commit.sha == before


def test_one_refused_reference_refuses_the_whole_push(forge: Seeded, clone: Path) -> None:
    forge.forge.protect(REPO, "main")
    commit(clone, "direct\n")
    assert git(clone, "push", "origin", "main", "main:side").returncode != 0
    assert {branch.name for branch in forge.repo("wes").get_branches()} == {"main"}


def test_readers_fetch_and_do_not_push(forge: Seeded, tmp_path: Path) -> None:
    for who in ("rob", "tia"):
        assert git(tmp_path, "clone", "-q", forge.git_url(who), who).returncode == 0
        commit(tmp_path / who, "mine\n", "side")
        pushed = git(tmp_path / who, "push", "origin", "side")
        assert pushed.returncode != 0
        assert "403" in pushed.stderr


def test_a_read_token_of_a_writer_does_not_push(forge: Seeded, clone: Path) -> None:
    forge.tokens["wes"] = forge.forge.add_token("wes", access="read")
    commit(clone, "mine\n", "side")
    assert "403" in git(clone, "push", forge.git_url("wes"), "side").stderr


def test_strangers_see_public_repositories_only(forge: Seeded, tmp_path: Path) -> None:
    forge.forge.add_repo("ana/secret", {"a.txt": "a"}, private=True)
    root = forge.forge.url
    assert git(tmp_path, "ls-remote", f"{root}/{REPO}.git").returncode == 0
    assert git(tmp_path, "ls-remote", f"{root}/ana/secret.git").returncode != 0
    assert git(tmp_path, "ls-remote", forge.git_url("rob").replace("calc", "secret")).returncode != 0
    assert git(tmp_path, "ls-remote", forge.git_url("rob").replace("calc", "secret")).returncode != 0
    assert git(tmp_path, "ls-remote", forge.git_url("ana").replace("calc", "secret")).returncode == 0
    wrong = forge.git_url("ana").replace("calc", "secret").replace("ana:", "ana:x")
    assert git(tmp_path, "ls-remote", wrong).returncode != 0


def test_a_push_with_a_lease_loses_against_a_newer_one(forge: Seeded, clone: Path) -> None:
    first = commit(clone, "one\n", "fix/add")
    git(clone, "push", "-q", "origin", "fix/add")
    forge.repo("bot").get_git_ref("heads/fix/add").edit(forge.branch("other", {"calc.py": "two\n"}), force=True)
    git(clone, "commit", "-q", "--amend", "-m", "Mine")
    lost = git(clone, "push", f"--force-with-lease=fix/add:{first}", "origin", "fix/add")
    assert lost.returncode != 0
    assert git(clone, "push", "--force", "origin", "fix/add").returncode == 0


def test_a_big_push_comes_in_chunks(forge: Seeded, clone: Path) -> None:
    (clone / "big.bin").write_bytes(os.urandom(3_000_000))
    git(clone, "switch", "-q", "-c", "big")
    git(clone, "add", "big.bin")
    git(clone, "commit", "-q", "-m", "Big")
    pushed = git(clone, "push", "-q", "origin", "big")
    assert pushed.returncode == 0, pushed.stderr
    assert forge.repo("rob").get_contents("big.bin", ref="big").size == 3_000_000


def test_a_local_repository_and_a_plain_folder_can_be_seeded(forge: Seeded, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    (plain / "pkg" / "__pycache__").mkdir(parents=True)
    (plain / "pkg" / "a.py").write_text("a = 1\n", encoding="utf-8")
    (plain / "pkg" / "__pycache__" / "a.pyc").write_bytes(b"0")
    sha = forge.forge.add_repo("ana/plain", plain)
    assert [e.path for e in forge.client("rob").get_repo("ana/plain").get_git_tree(sha, recursive=True).tree] == [
        "pkg",
        "pkg/a.py",
    ]
    git(plain, "init", "-q", "-b", "trunk")
    git(plain, "add", ".")
    git(plain, "commit", "-q", "-m", "Start")
    head = git(plain, "rev-parse", "HEAD").stdout.strip()
    assert forge.forge.add_repo("ana/cloned", plain) == head
    assert forge.client("rob").get_repo("ana/cloned").default_branch == "trunk"
    with pytest.raises(ValueError, match="no folder"):
        forge.forge.add_repo("ana/none", tmp_path / "none")
    with pytest.raises(ValueError, match="not a repository name"):
        forge.forge.add_repo("ana/../x", {})
    with pytest.raises(ValueError, match="already"):
        forge.forge.add_repo(REPO, {})


@pytest.mark.parametrize(
    ("test", "ok", "word"),
    [
        ("def test_it():\n    assert True\n", True, "1 passed"),
        ("def test_it():\n    assert False\n", False, "1 failed"),
        ("import os\n\n\ndef test_it():\n    assert 'SECRET_OF_THE_HOST' not in os.environ\n", True, "1 passed"),
        ("import time\n\n\ndef test_it():\n    time.sleep(60)\n", False, "longer than 3 s"),
    ],
)
def test_the_plain_runner_really_runs_the_tests(tmp_path: Path, test: str, ok: bool, word: str) -> None:
    (tmp_path / "test_it.py").write_text(test, encoding="utf-8")
    result = pytest_runner(deadline=3.0 if "sleep" in test else 60.0)(tmp_path)
    assert (result.ok, word in result.summary) == (ok, True), result


def test_a_runner_that_breaks_is_a_red_check(tmp_path: Path) -> None:
    def broken(checkout: Path) -> CiResult:
        raise RuntimeError("no sandbox here")

    with seeded(tmp_path, broken) as forge:
        forge.forge.run_ci(REPO, "main")
        assert forge.forge.wait_idle(20)
        sha = forge.repo("rob").get_branch("main").commit.sha
        (run,) = forge.forge.checks(REPO, sha)
        assert (run.conclusion, "no sandbox here" in (run.text or "")) == ("failure", True)
