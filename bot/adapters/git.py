"""Git plumbing on the host: a commit's files out, a checked patch in. No work tree, no porcelain, no attributes."""

import io
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.adapters.git_run import Refused, Room, Scratch, scratch
from bot.domain.change import Remote
from bot.domain.errors import Denied, Invalid, NotFound, PatchRefused, Stale, Unavailable
from bot.ports import CommitResult

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BRANCH = re.compile(r"(?!-)[A-Za-z0-9._/+=-]{1,200}")
_COMMITTED = re.compile(rb"^committer .*> (\d{1,12}) [+-]\d{4}$", re.MULTILINE)
_MOST_ENTRIES = 100_000
_OVERHEAD = 1024  # bytes of tar for one entry, about
_PACK_FACTOR = 4  # a fetched pack may be this many times as large as the files that we let through


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a tree, read recursively."""

    mode: str
    oid: str
    size: int
    path: str


class Git:
    """Git for the broker. Every method raises ForgeErrors.

    `limit` bounds the bytes of one snapshot; temporary repositories are made in `scratch` (None: the system's place).
    """

    def __init__(self, *, limit: int = 64 * 2**20, scratch: Path | None = None) -> None:
        self._limit = limit
        self._scratch = scratch

    def snapshot(self, remote: Remote, sha: str, *, seconds: float = 120.0) -> bytes:
        """Return the files of exactly this commit as an uncompressed tar, the same bytes each time.

        Blobs are as committed: no attribute, filter or export rule touches them. Symbolic links that stay inside the
        tree are kept and others left out; a submodule is an empty directory. Raises Invalid when the files are more
        than the limit.
        """
        with self._with_commits(remote, seconds, sha) as made:
            entries = _entries(made, sha)
            total = sum(entry.size + _OVERHEAD for entry in entries)
            if total > self._limit:
                raise Invalid(
                    f"the files at {sha} take {total / 2**20:.1f} MiB, the limit is {self._limit / 2**20:.1f} MiB"
                )
            return _tar(entries, _blobs(made, entries), _time(made, sha))

    def commit_patch(
        self,
        remote: Remote,
        *,
        base_sha: str,
        patch: bytes,
        branch: str,
        message: str,
        author: tuple[str, str],
        date_epoch: int,
        moves: bool = False,
        seconds: float = 120.0,
    ) -> CommitResult:
        """Put one commit, `patch` on top of `base_sha`, at `branch` of the remote.

        The same arguments give the same commit, so this can be said twice. The branch is created (or, when it `moves`,
        taken on from `base_sha`), or found at this very commit; at any other it is somebody's work and stays untouched
        (Stale). Raises PatchRefused when the patch
        does not apply or changes nothing.
        """
        ref = _ref(branch)
        with self._with_commits(remote, seconds, base_sha) as made:
            tree = _patched(made, base_sha, patch)
            sha = _commit(made, tree, base_sha, message, _signed(author, date_epoch))
            _place(made, ref, sha, base_sha if moves else "")
            return CommitResult(sha, tree)

    def landed(self, remote: Remote, *, head_sha: str, merged_sha: str, seconds: float = 300.0) -> tuple[bool, str]:
        """Tell whether the merged commit's tree is what merging this head onto its first parent gives, and why.

        It asks for a short piece of history first and for all of it only when that does not settle the matter. What
        cannot be compared (too much history, no such merge) has not landed, as far as anybody can tell.
        """
        verdict = False, ""
        try:
            for depth in _DEPTHS:
                with self._with_commits(remote, seconds, merged_sha, head_sha, depth=depth) as made:
                    verdict = _compared(made, head_sha, merged_sha)
                if verdict[0]:
                    break
        except Invalid as error:
            return False, f"it could not be compared: {error}"
        return verdict

    @contextmanager
    def _with_commits(self, remote: Remote, seconds: float, *shas: str, depth: str = "--depth=1") -> Iterator[Scratch]:
        for sha in shas:
            if not _SHA.fullmatch(sha):
                raise Invalid(f"not a full commit id: {sha[:80]!r}")
        room = Room(self._scratch, seconds, _PACK_FACTOR * self._limit)
        with scratch(remote, room, sha256=len(shas[0]) == 64) as made:
            made.network("fetch", *_FETCH, depth, "--", remote.url, *shas)
            for sha in shas:
                _require_commit(made, sha)
            yield made


_DEPTHS = ("--depth=50", f"--depth={2**31 - 1}")  # the second is git's own word for all of it
_FETCH = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")


def _require_commit(made: Scratch, sha: str) -> None:
    try:
        kind = _line(made.git("cat-file", "-t", sha))
    except Refused as error:
        raise NotFound(f"the forge did not send {sha}") from error
    if kind != "commit":
        raise Invalid(f"{sha} is a {kind}, not a commit")


# --- reading --------------------------------------------------------------------------------------------------------
def _entries(made: Scratch, sha: str) -> list[Entry]:
    rows = made.git("ls-tree", "-r", "-z", "-l", "--full-tree", sha).split(b"\0")[:-1]
    if len(rows) > _MOST_ENTRIES:
        raise Invalid(f"the tree of {sha} has {len(rows)} entries, the limit is {_MOST_ENTRIES}")
    return [_entry(row) for row in rows]


def _entry(row: bytes) -> Entry:
    facts, _, name = row.partition(b"\t")
    mode, _, oid, size = facts.decode("ascii").split()
    path = name.decode("utf-8", "surrogateescape")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in path.split("/")):
        raise Invalid(f"the tree has a path that no checkout may have: {path[:80]!r}")
    return Entry(mode, oid, 0 if size == "-" else int(size), path)


def _blobs(made: Scratch, entries: list[Entry]) -> dict[str, bytes]:
    oids = sorted({entry.oid for entry in entries if entry.mode != _SUBMODULE})
    out = made.git("cat-file", "--batch", "--buffer", stdin="".join(f"{oid}\n" for oid in oids).encode())
    blobs: dict[str, bytes] = {}
    at = 0
    for oid in oids:
        end = out.index(b"\n", at)
        head = out[at:end].split()
        if head[:2] != [oid.encode(), b"blob"]:
            raise Unavailable(f"git has no blob {oid}")
        at = end + 1 + int(head[2])
        blobs[oid] = out[end + 1 : at]
        at += 1
    return blobs


def _time(made: Scratch, sha: str) -> int:
    found = _COMMITTED.search(made.git("cat-file", "commit", sha).partition(b"\n\n")[0])
    return int(found[1]) if found else 0


_SUBMODULE, _LINK, _EXECUTABLE = "160000", "120000", "100755"


def _tar(entries: list[Entry], blobs: dict[str, bytes], mtime: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(
        fileobj=target, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for entry in entries:
            info = tarfile.TarInfo(entry.path)
            info.mtime = mtime
            info.mode = 0o755 if entry.mode in (_EXECUTABLE, _SUBMODULE) else 0o644
            data = b"" if entry.mode == _SUBMODULE else blobs[entry.oid]
            if entry.mode == _SUBMODULE:
                info.type = tarfile.DIRTYPE
            elif entry.mode == _LINK:
                if not _stays_inside(entry.path, data):
                    continue
                info.type, info.linkname, data = tarfile.SYMTYPE, data.decode("utf-8", "surrogateescape"), b""
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target.getvalue()


def _stays_inside(path: str, link: bytes) -> bool:
    """Tell whether a link leads into the tree whatever other links there are: all its `..` come first and are few."""
    parts = link.decode("utf-8", "surrogateescape").split("/")
    ups = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    return b"\0" not in link and parts[0] != "" and ".." not in parts[ups:] and ups <= path.count("/")


# --- comparing ------------------------------------------------------------------------------------------------------
def _compared(made: Scratch, head_sha: str, merged_sha: str) -> tuple[bool, str]:
    parents = _line(made.git("rev-list", "--parents", "--max-count=1", merged_sha)).split()[1:]
    if not parents:
        return False, f"{merged_sha} has no parent, so nothing was merged onto anything"
    if merged_sha == head_sha:
        return True, "the head itself landed"
    landed = _line(made.git("rev-parse", "--verify", f"{merged_sha}^{{tree}}"))
    try:
        wanted = made.git("merge-tree", "--write-tree", "--no-messages", parents[0], head_sha).split(b"\n")[0].decode()
    except Refused as error:
        return False, f"git cannot merge {head_sha} onto {parents[0]} itself: {error.words}"[:300]
    if landed == wanted:
        return True, f"tree {landed} is {head_sha} merged onto {parents[0]}"
    return False, f"tree {landed} landed, but {head_sha} merged onto {parents[0]} gives tree {wanted}"


# --- writing --------------------------------------------------------------------------------------------------------
def _patched(made: Scratch, base_sha: str, patch: bytes) -> str:
    base_tree = _line(made.git("rev-parse", "--verify", f"{base_sha}^{{tree}}"))
    made.git("read-tree", base_sha)
    try:
        made.git("apply", "--cached", "--whitespace=nowarn", "-", stdin=patch)
    except Refused as error:
        raise PatchRefused(f"the patch does not apply to {base_sha}: {error.words}") from error
    tree = _line(made.git("write-tree"))
    if tree == base_tree:
        raise PatchRefused(f"the patch changes nothing at {base_sha}")
    _require_plain_files(made, base_tree, tree)
    return tree


def _require_plain_files(made: Scratch, base_tree: str, tree: str) -> None:
    """Refuse what touches a link or a submodule; a patch can do that without naming a mode."""
    fields = made.git("diff-tree", "-r", "-z", "--raw", "--no-renames", base_tree, tree).split(b"\0")
    for facts, path in zip(fields[0:-1:2], fields[1::2], strict=True):
        if {_SUBMODULE, _LINK} & set(facts.decode("ascii").lstrip(":").split()[:2]):
            name = path.decode(errors="backslashreplace")
            raise PatchRefused(f"the patch touches {name[:200]!r}, a symbolic link or a submodule")


def _signed(author: tuple[str, str], date_epoch: int) -> dict[str, str]:
    """Return the environment in which git writes this author and date, to the second, whoever runs it."""
    return {
        f"GIT_{part}_{key}": value
        for part in ("AUTHOR", "COMMITTER")
        for key, value in (("NAME", author[0]), ("EMAIL", author[1]), ("DATE", f"@{date_epoch} +0000"))
    }


def _commit(made: Scratch, tree: str, parent: str, message: str, who: dict[str, str]) -> str:
    try:
        return _line(made.git("commit-tree", tree, "-p", parent, stdin=message.encode(), env=who))
    except Refused as error:
        raise Invalid(f"git refuses this message or author: {error.words}") from error


def _place(made: Scratch, ref: str, sha: str, old: str) -> None:
    """Bring the branch from `old` (empty: it is new) to `sha`, or see that it is there; if unclear, look again."""
    if _is_placed(made, ref, sha, old):
        return
    try:
        made.network("push", *_PUSH, f"--force-with-lease={ref}:{old}", "--", made.remote.url, f"{sha}:{ref}")
    except (Denied, Unavailable):
        if not _is_placed(made, ref, sha, old):
            raise


def _is_placed(made: Scratch, ref: str, sha: str, old: str) -> bool:
    rows = made.network("ls-remote", "--quiet", "--", made.remote.url, ref).decode("ascii", "replace").splitlines()
    there = {name: oid for oid, _, name in (row.partition("\t") for row in rows)}.get(ref)
    if (there or "") not in (sha, old):
        raise Stale(f"{ref} is {f'at {there}, which is not ours' if there else 'gone'}; it stays as it is")
    return there == sha


_PUSH = ("--quiet", "--no-verify", "--no-follow-tags", "--no-recurse-submodules", "--no-signed")


def _ref(branch: str) -> str:
    odd = ("..", "//", "/.", ".lock/", "@{")
    if not _BRANCH.fullmatch(branch) or branch[-1] in "./" or branch[0] in "./" or branch.endswith(".lock"):
        raise Invalid(f"not a branch name: {branch[:80]!r}")
    if any(part in branch for part in odd):
        raise Invalid(f"not a branch name: {branch[:80]!r}")
    return f"refs/heads/{branch}"


def _line(out: bytes) -> str:
    return out.decode("ascii").strip()
