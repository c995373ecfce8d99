"""What goes into a workspace and what comes out of it: repository files in, a difference out.

The host never runs git in a tree that the sandbox could write, and never in a repository that it could write: both
git steps run inside. The snapshot is made before anything of the repository runs and then lies outside the reach of
later commands, so they can neither move the base of the difference nor configure the git that makes it.
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bot.domain.errors import PatchRefused, SandboxUnavailable
from bot.ports import Finished, Limits, Sandbox
from workers.sandbox.rooms import BASE
from workers.sandbox.workspace import PathRefused, make_directory, make_link, parts_of, write_bytes

_GIT_LIMITS = Limits(wall_seconds=120, cpu_seconds=120, memory_mb=2048, processes=64, file_mb=1024)
_GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (
        ("NAME", "journeyman"), ("EMAIL", "journeyman@invalid"), ("DATE", "2000-01-01T00:00:00Z"))},
}  # fmt: skip
# Left behind by tools, never part of a change unless the repository holds such a file already.
_LEFTOVERS = "\n".join(
    ["__pycache__/", "*.py[co]", ".pytest_cache/", ".mypy_cache/", ".ruff_cache/", ".hypothesis/", ".coverage*", ""]
)

# $1 is the tree, shown read-only; the repository is made in the working directory.
_SNAPSHOT = """
set -e
git init -q --bare -b main repository
cd repository
git config core.bare false
cat > info/exclude
export GIT_DIR="$PWD" GIT_WORK_TREE="$1"
git add -A -f
git commit -q --no-verify --no-gpg-sign --allow-empty -m base
git rev-parse HEAD
"""
# A repository of its own for whoever works in the tree and likes `git diff`; the host never looks at it.
_HISTORY = """
set -e
cp -a "$1/repository" .git
git config user.name journeyman
git config user.email journeyman@invalid
git status --short >/dev/null
"""
# $1 is the directory of the snapshot, shown read-only; $2 is the commit. New objects and the index go to /tmp. The
# index is a fresh one: git compares times by the second, so a copied one misses a change in the snapshot's second.
_DIFF = """
set -e
mkdir /tmp/objects
export GIT_DIR="$1/repository" GIT_WORK_TREE=/workspace GIT_INDEX_FILE=/tmp/index
export GIT_OBJECT_DIRECTORY=/tmp/objects GIT_ALTERNATE_OBJECT_DIRECTORIES="$1/repository/objects"
git read-tree "$2"
git add -A >&2
git -c core.quotePath=true diff --cached --binary --full-index --no-color --no-ext-diff --no-textconv --no-renames \
    --src-prefix=a/ --dst-prefix=b/ "$2" -- .
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may go into a workspace. One file may have all of it: what the broker stores is bounded already."""

    files: int = 20_000
    total_bytes: int = 200_000_000


@dataclass(frozen=True, slots=True)
class Loaded:
    """What went in. `skipped` names what was left out, with the reason: links that lead outside, odd kinds of files."""

    files: int
    bytes: int
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    path: str
    data: bytes = b""
    executable: bool = False
    link: str | None = None
    directory: bool = False
    odd: bool = False


def load_tree(archive: bytes, workspace: Path, bounds: Bounds = Bounds()) -> Loaded:
    """Extract a tar archive of repository files, as `git archive` makes it (compressed or not), into a workspace.

    Raises PathRefused for a path that is absolute, climbs, goes through a link or into `.git`, and when there is too
    much. Devices, hard links and links that lead outside are left out and named in the answer.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            return _fill(_tar_entries(tar, bounds), workspace, bounds)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise PathRefused("broken", f"the archive cannot be read: {error}") from error


def _tar_entries(tar: tarfile.TarFile, bounds: Bounds) -> Iterator[_Entry]:
    left = bounds.total_bytes
    for member in tar:
        if member.isreg():
            left -= member.size
            if left < 0:  # before it is read: a compressed archive may claim anything
                raise PathRefused("too_large", f"more than {bounds.total_bytes} bytes, with {member.name[:200]}")
            stream = tar.extractfile(member)
            data = stream.read() if stream else b""
            yield _Entry(member.name, data, executable=bool(member.mode & 0o100))
        else:
            link = member.linkname if member.issym() else None
            yield _Entry(member.name, link=link, directory=member.isdir(), odd=not (member.isdir() or link))


def _fill(entries: Iterator[_Entry], workspace: Path, bounds: Bounds) -> Loaded:
    count = total = 0
    skipped: list[str] = []
    for entry in entries:
        parts = parts_of(entry.path)
        if any(part.lower() == ".git" for part in parts):
            raise PathRefused("outside", f"{entry.path[:200]!r} would be part of a repository's inside")
        count, total = count + 1, total + len(entry.data)
        if count > bounds.files:
            raise PathRefused("too_large", f"more than {bounds.files} files")
        if entry.odd:
            skipped.append(f"{entry.path}: neither a file nor a link")
        elif entry.directory:
            make_directory(workspace, entry.path)
        elif entry.link is None:
            write_bytes(workspace, entry.path, entry.data, mode=0o755 if entry.executable else 0o644)
        else:
            try:
                make_link(workspace, entry.path, entry.link)
            except PathRefused as refused:
                skipped.append(str(refused))
    return Loaded(count - len(skipped), total, tuple(skipped))


def snapshot(sandbox: Sandbox, workspace: Path) -> str:
    """Remember the workspace as it is now, as the base of `diff`, and return the id of that commit.

    Call it once, before anything else runs there. The workspace must be one that `sandbox.workspace()` made. It also
    gets a `.git` of its own, with the same commit, for the convenience of those who work in it.
    Raises SandboxUnavailable when git does not work inside.
    """
    base = _base(workspace)
    made = _git(sandbox, _SNAPSHOT, (str(workspace),), base, (workspace,), _LEFTOVERS.encode())
    copied = _git(sandbox, _HISTORY, (str(base),), workspace, (base,)) if made.exit_code == 0 else made
    if copied.exit_code != 0:
        raise SandboxUnavailable(f"git cannot make the snapshot in the sandbox; install git in /usr: {_said(copied)}")
    return made.stdout.decode().strip()


def diff(sandbox: Sandbox, workspace: Path, *, limit: int = 2_000_000) -> bytes:
    """Return what changed since `snapshot` as a git patch with binary parts, without renames; empty when nothing did.

    New files that the repository's own rules ignore, and the leftovers of test tools, are not part of it. The lines are
    as they are in the files, whatever their encoding. They come from untrusted code: data to validate. Raises
    PatchRefused when it is too large, or when git cannot make it.
    """
    base = _base(workspace)
    commit = _head(base)
    done = _git(sandbox, _DIFF, (str(base), commit), workspace, (base,), limit=limit)
    if done.truncated or done.timed_out:
        raise PatchRefused(f"the difference is larger than {limit} bytes or took too long; make a smaller change")
    if done.exit_code != 0:
        raise PatchRefused(f"git cannot make the difference: {_said(done)}")
    return done.stdout


def _base(workspace: Path) -> Path:
    base = workspace.with_name(BASE)
    if not base.is_dir():
        raise ValueError(f"{workspace} was not made by sandbox.workspace()")
    return base


def _head(base: Path) -> str:
    """The snapshot's commit. Nothing of the repository ever ran with this directory writable, so it can be read."""
    try:
        return (base / "repository" / "refs" / "heads" / "main").read_text().strip()
    except OSError as error:
        raise PatchRefused("there is no snapshot to compare with; call snapshot first") from error


def _git(
    sandbox: Sandbox,
    script: str,
    arguments: tuple[str, ...],
    workspace: Path,
    read_only: tuple[Path, ...],
    stdin: bytes = b"",
    limit: int = 100_000,
) -> Finished:
    bounds = replace(_GIT_LIMITS, output_bytes=limit)
    argv = ["sh", "-c", script, "git-step", *arguments]
    return sandbox.run(argv, workspace=workspace, limits=bounds, stdin=stdin, env=_GIT_ENVIRONMENT, read_only=read_only)


def _said(done: Finished) -> str:
    return done.stderr.decode("utf-8", "replace").strip()[-600:] or f"exit {done.exit_code}"
