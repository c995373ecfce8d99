"""A local repository for the demonstration: whether it can be taken, what of it is left out, and a copy of the rest.

A repository's own configuration can name programs for git to run. So git is asked there only where things are (which
runs nothing), and everything else is done in a bare repository of ours that borrows the objects.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.adapters.git_run import Refused, Room, Scratch, scratch
from bot.domain.change import Remote
from bot.domain.errors import ForgeError, JourneymanError

SECONDS = 60
LARGEST_FILE = 2**30
KEPT_HEADERS = (b"tree", b"author", b"committer", b"encoding")


class NotTaken(JourneymanError):
    """The repository cannot be taken; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a repository keeps what, wherever its work trees are."""

    objects: Path
    index: Path
    shallow: Path
    exclude: Path

    @property
    def cut(self) -> bool:
        """Tell whether older commits or files may be missing: a shallow or a partial clone."""
        return self.shallow.exists() or any(self.objects.glob("pack/*.promisor"))


@dataclass(frozen=True, slots=True)
class Taken:
    """A repository: its name on the forge, the branch that is taken, and what people should know about the copy."""

    name: str
    path: Path
    branch: str
    notes: tuple[str, ...]
    sha: str
    places: _Places


def take(path: Path) -> Taken:
    """Look at a git repository, bare or not, whose present branch will be copied; raises NotTaken. Writes nothing."""
    if not path.is_dir():
        raise NotTaken(f"there is no directory {path}")
    path = path.resolve()
    sha = _git(path, "rev-parse", "--verify", "HEAD")
    if sha is None:
        raise NotTaken(f"{path} is no git repository with a commit that you may read: {_why(path)}")
    bare = _git(path, "rev-parse", "--is-inside-work-tree") != "true"
    top = _git(path, "rev-parse", "--absolute-git-dir" if bare else "--show-toplevel") or ""
    if Path(top).resolve() != path:
        raise NotTaken(f"{path} is a part of the repository {top}; name that one")
    places = _places(path)
    branch = _git(path, "symbolic-ref", "--short", "HEAD") or ""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", path.name.removesuffix(".git")).strip(".-")[:80] or "repository"
    notes = [] if branch else ["no branch is checked out; the present commit is taken as main"]
    if places.cut:
        notes.append("the clone is shallow or partial: its last commit is taken without those before it")
    with _borrowing(path, sha, places) as made:
        notes += _left_out(made, path, sha, None if bare else places)
    return Taken(name, path, branch or "main", tuple(notes), sha, places)


@contextmanager
def copied(taken: Taken) -> Iterator[Path]:
    """Give a bare repository of ours whose present branch is the one that was taken; raises NotTaken.

    It borrows the objects, and is gone when the block ends. Where older commits are missing it has none of them.
    """
    with _borrowing(taken.path, taken.sha, taken.places) as made:
        sha = taken.sha
        if taken.places.cut:
            made.git("rev-list", "--objects", "--quiet", f"{sha}^{{tree}}")  # fails where files are missing
            sha = _alone(made, sha)
        made.git("update-ref", f"refs/heads/{taken.branch}", sha)
        made.git("symbolic-ref", "HEAD", f"refs/heads/{taken.branch}")
        yield made.root / "repo"


def _alone(made: Scratch, sha: str) -> str:
    """Write the same commit once more, without parents, and return its id."""
    head, _, message = made.git("cat-file", "commit", sha).partition(b"\n\n")
    kept = [line for line in head.split(b"\n") if line.partition(b" ")[0] in KEPT_HEADERS]
    commit = b"\n".join([*kept, b"", message])
    return made.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=commit).decode().strip()


@contextmanager
def _borrowing(path: Path, sha: str, places: _Places) -> Iterator[Scratch]:
    """Give an empty bare repository of ours that knows this one's objects."""
    try:
        with scratch(Remote("", "", ""), Room(None, SECONDS, LARGEST_FILE), sha256=len(sha) == 64) as made:
            (made.root / "repo" / "objects" / "info" / "alternates").write_bytes(os.fsencode(places.objects) + b"\n")
            made.git("cat-file", "commit", sha)
            yield made
    except ForgeError as error:
        raise NotTaken(f"{path} is no repository that git can read to the end; try git fsck there: {error}") from None


def _places(path: Path) -> _Places:
    names = ("objects", "index", "shallow", "info/exclude")
    said = _git(path, "rev-parse", *(word for name in names for word in ("--git-path", name))) or ""
    found = [(path / line).resolve() for line in said.splitlines()]
    if len(found) != len(names):
        raise NotTaken(f"{path} is no repository that git can read; try git fsck there")
    return _Places(*found)


def _left_out(made: Scratch, path: Path, sha: str, places: _Places | None) -> Iterator[str]:
    changed = _changed(made, path, sha, places) if places is not None else 0
    if changed:
        count = f"{changed} uncommitted change{'s are' if changed > 1 else ' is'}"
        yield f"{count} not included: the last commit is taken"
    rows = made.git("ls-tree", "-r", sha).decode(errors="replace").splitlines()
    modules = [row.partition("\t")[2] for row in rows if row.startswith("160000 ")]
    if modules:
        yield f"submodules are not included: {', '.join(modules[:5])}"


def _changed(made: Scratch, path: Path, sha: str, places: _Places) -> int:
    """Count the uncommitted changes, by a copy of the index; 0 where git cannot tell."""
    repo, index = made.root / "repo", made.root / "theirs"
    try:
        for source, target in (
            (places.index, index),  # with its times: git goes by them
            (places.exclude, repo / "info" / "exclude"),
            *((shared, repo / shared.name) for shared in places.index.parent.glob("sharedindex.*")),
        ):
            if source.exists():
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(source, target)
        made.git("update-ref", "--no-deref", "HEAD", sha)
        own = _git(path, "config", "--global", "--type=path", "core.excludesFile") or Path.home() / ".config/git/ignore"
        words = ("-c", f"core.excludesFile={own}", "-c", "core.fileMode=false", "status", "--porcelain")
        status = made.git(
            *words, "--ignore-submodules=all", env={"GIT_WORK_TREE": str(path), "GIT_INDEX_FILE": str(index)}
        )
    except (Refused, OSError):
        return 0
    return len(status.splitlines())


def _git(path: Path, *words: str) -> str | None:
    """Return what git says, None when it refuses. Only for what runs nothing: `rev-parse`, `symbolic-ref`, `config`."""
    done = _run(path, *words)
    return done.stdout.strip() if done.returncode == 0 else None


def _why(path: Path) -> str:
    words = _run(path, "rev-parse", "--verify", "HEAD").stderr.strip().splitlines()
    return words[0][:300] if words else "run git init and commit"


def _run(path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = ["git", "-c", "core.fsmonitor=false", "-C", str(path), *words]
    try:
        return subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotTaken(f"git did not answer within {SECONDS} s in {path}") from None
