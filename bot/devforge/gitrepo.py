"""A bare git repository, driven by plumbing only: no work tree, no hooks, no configuration but the forge's own."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from bot.devforge.gitvalues import Commit, Entry, FileDiff, Person, read_entry, read_person, read_raw

_DEADLINE = 60.0
_CONFIG = """[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\tattributesFile = /dev/null
\texcludesFile = /dev/null
[gc]
\tauto = 0
[receive]
\tfsckObjects = true
\tautogc = false
[http]
\treceivepack = true
[uploadpack]
\tallowReachableSHA1InWant = true
\tallowFilter = true
[init]
\tdefaultBranch = main
[protocol]
\tallow = never
[protocol "file"]
\tallow = always
"""


class GitFailed(Exception):
    """A git command failed; the message is git's."""


def clean_env(home: Path) -> dict[str, str]:
    """Return the whole environment for a git process of the forge; its configuration lies in `home`."""
    config = home / "gitconfig"
    if not config.exists():
        config.write_text(_CONFIG, encoding="utf-8")
    return {
        "PATH": f"{Path(shutil.which('git') or '/usr/bin/git').parent}:{os.defpath}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(config),
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ATTR_NOSYSTEM": "1",
    }


class GitRepo:
    """One bare repository. Every command has a deadline of a minute and raises GitFailed when it fails.

    What two commit ids determine for ever (commits, diffs, merges) is remembered; `commit`, `diff`, `merge_base` and
    `merge_tree` therefore take full ids only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._env = clean_env(path.parent)
        self.commit = lru_cache(2000)(self._commit)
        self.diff = lru_cache(100)(self._diff)
        self.merge_base = lru_cache(500)(self._merge_base)
        self.merge_tree = lru_cache(500)(self._merge_tree)

    @classmethod
    def create(cls, path: Path) -> "GitRepo":
        """Make an empty repository at `path`, whose parent folder gets the forge's git configuration."""
        path.parent.mkdir(parents=True, exist_ok=True)
        repo = cls(path)
        repo._raw(["git", "init", "--bare", "--quiet", "--template=", "--initial-branch=main", str(path)])
        return repo

    def _raw(self, argv: list[str], data: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        done = subprocess.run(
            argv,
            input=data,
            env={**self._env, **(env or {})},
            capture_output=True,
            timeout=_DEADLINE,
            check=False,
        )
        if done.returncode not in (0, 1) or (done.returncode == 1 and not done.stdout):
            raise GitFailed(done.stderr.decode(errors="replace").strip() or f"git ended with {done.returncode}")
        return done.returncode, done.stdout

    def run(self, *args: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        """Run one git command in the repository and return what it printed."""
        code, out = self._raw(["git", f"--git-dir={self.path}", *args], data, env)
        if code:
            raise GitFailed(out.decode(errors="replace").strip())
        return out

    def text(self, *args: str, data: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        """Run one git command and return its output as stripped text."""
        return self.run(*args, data=data, env=env).decode(errors="replace").strip()

    # --- reading ----------------------------------------------------------------------------------------------------
    def resolve(self, name: str, kind: str = "commit") -> str | None:
        """Return the id that a branch, tag, `refs/...` or id names, or None."""
        if not name or name.startswith("-") or any(c in name for c in " \t\n:^~@{}?*[\\"):
            return None
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name):
            try:
                return self.text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{{kind}}}")
            except GitFailed:
                continue
        return None

    def empty_tree(self) -> str:
        """Return the id of the tree with nothing in it."""
        return self.text("hash-object", "-t", "tree", "--stdin")

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Return the references below a prefix with the objects they name."""
        lines = self.text("for-each-ref", "--format=%(refname) %(objectname)", prefix).splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def branch(self, name: str) -> str | None:
        """Return the commit at the tip of a branch, or None."""
        return self.refs(f"refs/heads/{name}").get(f"refs/heads/{name}")

    def _commit(self, sha: str) -> Commit:
        """Read one commit."""
        raw = self.run("cat-file", "commit", sha).decode(errors="replace")
        head, _, message = raw.partition("\n\n")
        fields = [line.split(" ", 1) for line in head.splitlines() if not line.startswith(" ")]
        one = {key: value for key, value in fields if key != "parent"}
        parents = tuple(value for key, value in fields if key == "parent")
        return Commit(sha, one["tree"], parents, read_person(one["author"]), read_person(one["committer"]), message)

    def log(self, include: str, exclude: str | None = None, *, limit: int = 250, path: str = "") -> list[Commit]:
        """Return commits reachable from `include` and not from `exclude`, newest first."""
        wanted = [include, *([f"^{exclude}"] if exclude else [])]
        tail = ["--", path] if path else ["--"]
        shas = self.text("rev-list", "--topo-order", f"--max-count={limit}", *wanted, *tail).split()
        return [self.commit(sha) for sha in shas]

    def tree(self, sha: str, *, recursive: bool = False, path: str = "") -> list[Entry]:
        """List a tree (or a commit's tree); with `path`, only that folder."""
        flags = ["-r", "-t"] if recursive else []
        where = f"{sha}:{path}" if path else sha
        out = self.run("ls-tree", "-z", "-l", *flags, "--end-of-options", where)
        return [read_entry(line) for line in out.decode(errors="replace").split("\0") if line]

    def blob(self, sha: str) -> bytes:
        """Return the bytes of a blob."""
        return self.run("cat-file", "blob", sha)

    def entry(self, commit: str, path: str) -> Entry | None:
        """Return the entry at a path in a commit, or None."""
        out = self.run("ls-tree", "-z", "-l", commit, "--", path).decode(errors="replace")
        found = [read_entry(line) for line in out.split("\0") if line]
        return found[0] if found and found[0].path == path else None

    def _merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor, or None."""
        try:
            return self.text("merge-base", one, other)
        except GitFailed:
            return None

    def is_ancestor(self, old: str, new: str) -> bool:
        """Tell whether `new` holds everything that `old` does."""
        return self.merge_base(old, new) == old

    def _diff(self, old: str, new: str) -> tuple[FileDiff, ...]:
        """Return what changed from one commit or tree to another, per file."""
        names = self.run("diff-tree", "-r", "-z", "-M", "--raw", "--no-abbrev", old, new).decode(errors="replace")
        return tuple(self._file_diff(old, new, row) for row in read_raw(names))

    def _file_diff(self, old: str, new: str, row: tuple[str, str, str | None, str]) -> FileDiff:
        status, sha, before, path = row
        paths = [path, *([before] if before else [])]
        text = self.run("diff-tree", "-p", "-M", "--no-ext-diff", "--no-textconv", old, new, "--", *paths)
        _, mark, hunks = text.decode(errors="replace").partition("\n@@")
        patch = ("@@" + hunks).rstrip("\n") if mark else ""
        lines = patch.splitlines()
        added = sum(line.startswith("+") for line in lines)
        gone = sum(line.startswith("-") for line in lines)
        return FileDiff(path, before, status, sha, added, gone, patch)

    def names(self, old: str | None, new: str) -> list[tuple[str, str]]:
        """Return (letter, path) for each file that changed, without looking for renames."""
        sides = [old, new] if old else ["--root", new]
        out = self.text("diff-tree", "-r", "-z", "--name-status", "--no-commit-id", *sides).split("\0")
        return list(zip(out[::2], out[1::2], strict=False))

    def diff_text(self, old: str, new: str) -> str:
        """Return the whole unified diff from one commit to another."""
        return self.run("diff-tree", "-p", "-M", "--no-ext-diff", "--no-textconv", old, new).decode(errors="replace")

    # --- writing ----------------------------------------------------------------------------------------------------
    def write_blob(self, data: bytes) -> str:
        """Store bytes and return the blob's id."""
        return self.text("hash-object", "-w", "--stdin", data=data)

    def write_tree(self, files: Mapping[str, tuple[str, str | None]], base: str | None = None) -> str:
        """Write a tree of path -> (mode, blob) on top of `base`; a blob of None takes the path away."""
        index = self.path / f"index-{os.urandom(6).hex()}"
        env = {"GIT_INDEX_FILE": str(index)}
        try:
            self.run("read-tree", base if base else "--empty", env=env)
            none = "0" * 40
            lines = [f"{mode if sha else '0'} {sha or none}\t{path}\0" for path, (mode, sha) in files.items()]
            self.run("update-index", "-z", "--index-info", data="".join(lines).encode(), env=env)
            return self.text("write-tree", env=env)
        finally:
            index.unlink(missing_ok=True)

    def write_commit(self, tree: str, parents: tuple[str, ...], message: str, by: tuple[Person, Person]) -> str:
        """Write a commit by (author, committer) and return its id."""
        author, committer = by
        env = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": author.line,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": committer.line,
        }
        flags = [flag for parent in parents for flag in ("-p", parent)]
        return self.text("commit-tree", tree, *flags, data=message.encode(), env=env)

    def move(self, ref: str, new: str | None, old: str | None = None) -> None:
        """Point a reference at `new` (None deletes it) if it is still at `old`; raises GitFailed otherwise."""
        none = "0" * 40
        if new is None:
            self.run("update-ref", "-d", ref, *([old] if old else []))
        else:
            self.run("update-ref", ref, new, old if old is not None else none)

    def force(self, ref: str, new: str) -> None:
        """Point a reference at `new`, wherever it was."""
        self.run("update-ref", ref, new)

    def _merge_tree(self, ours: str, theirs: str) -> str | None:
        """Return the tree of a clean three-way merge, or None when it conflicts."""
        code, out = self._raw(["git", f"--git-dir={self.path}", "merge-tree", "--write-tree", ours, theirs])
        return None if code else out.decode().strip()

    # --- whole trees ------------------------------------------------------------------------------------------------
    def fetch_from(self, source: Path) -> str:
        """Take over the present branch of a local repository and return the branch's name."""
        name = "main"
        try:
            _, out = self._raw(["git", "-C", str(source), "symbolic-ref", "--short", "HEAD"])
            name = out.decode().strip() or name
        except GitFailed:
            pass
        self.run("fetch", "--quiet", "--no-tags", str(source), f"+HEAD:refs/heads/{name}")
        self.run("symbolic-ref", "HEAD", f"refs/heads/{name}")
        return name

    def export(self, commit: str, target: Path) -> None:
        """Write the files of a commit into an empty folder, as a checkout does."""
        index = self.path / f"index-{os.urandom(6).hex()}"
        env = {"GIT_INDEX_FILE": str(index)}
        try:
            self.run("read-tree", commit, env=env)
            self.run(f"--work-tree={target}", "checkout-index", "--all", "--force", f"--prefix={target}/", env=env)
        finally:
            index.unlink(missing_ok=True)
