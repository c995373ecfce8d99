"""A local repository for the demonstration: whether it can be taken, and what of it is left out."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import JourneymanError

SECONDS = 60


class NotTaken(JourneymanError):
    """The repository cannot be taken; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A repository: its name on the forge, the branch that is taken, and what people should know about the copy."""

    name: str
    path: Path
    branch: str
    notes: tuple[str, ...]


def take(path: Path) -> Taken:
    """Look at a git repository, bare or not, whose present branch will be copied; raises NotTaken. Writes nothing."""
    if not path.is_dir():
        raise NotTaken(f"there is no directory {path}")
    path = path.resolve()
    if _git(path, "rev-parse", "--verify", "HEAD^{commit}") is None:
        raise NotTaken(f"{path} is no git repository with a commit that you may read: {_why(path)}")
    bare = _git(path, "rev-parse", "--is-inside-work-tree") != "true"
    top = _git(path, "rev-parse", "--absolute-git-dir" if bare else "--show-toplevel") or ""
    if Path(top).resolve() != path:
        raise NotTaken(f"{path} is a part of the repository {top}; name that one")
    if _git(path, "rev-parse", "--is-shallow-repository") == "true":
        raise NotTaken(f"{path} is a shallow clone; run git fetch --unshallow there")
    branch = _git(path, "symbolic-ref", "--short", "HEAD") or ""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", path.name.removesuffix(".git")).strip(".-")[:80] or "repository"
    notes = () if branch else ("no branch is checked out; the present commit is taken as main",)
    return Taken(name, path, branch or "main", (*notes, *_left_out(path, bare)))


def _left_out(path: Path, bare: bool) -> tuple[str, ...]:
    notes = []
    changed = [] if bare else (_git(path, "status", "--porcelain") or "").splitlines()
    if changed:
        count = f"{len(changed)} uncommitted change{'s are' if len(changed) > 1 else ' is'}"
        notes.append(f"{count} not included: the last commit is taken")
    rows = (_git(path, "ls-tree", "-r", "HEAD") or "").splitlines()
    modules = [row.partition("\t")[2] for row in rows if row.startswith("160000 ")]
    if modules:
        notes.append(f"submodules are not included: {', '.join(modules[:5])}")
    return tuple(notes)


def _git(path: Path, *words: str) -> str | None:
    """Return what git says, None when it refuses."""
    done = _run(path, *words)
    return done.stdout.strip() if done.returncode == 0 else None


def _why(path: Path) -> str:
    words = _run(path, "rev-parse", "--verify", "HEAD^{commit}").stderr.strip().splitlines()
    return words[0][:300] if words else "run git init and commit"


def _run(path: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    argv = ["git", "-c", "core.fsmonitor=false", "-C", str(path), *words]
    try:
        return subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise NotTaken(f"git did not answer within {SECONDS} s in {path}") from None
