"""What git stores, as plain values, and how its plumbing writes them down."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Person:
    """Who wrote or committed something; `at` is in seconds since the epoch."""

    name: str
    email: str
    at: float

    @property
    def line(self) -> str:
        return f"{int(self.at)} +0000"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as git stores it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree; `size` is None for anything but a blob."""

    mode: str
    kind: str
    sha: str
    size: int | None
    path: str


@dataclass(frozen=True, slots=True)
class FileDiff:
    """What happened to one file between two trees; `patch` is empty for binary files."""

    path: str
    before: str | None
    status: str
    sha: str
    additions: int
    deletions: int
    patch: str


def read_person(line: str) -> Person:
    """Read `Name <address> seconds zone`."""
    name, _, rest = line.partition(" <")
    email, _, when = rest.partition("> ")
    seconds = when.split(" ")[0]
    return Person(name, email, float(seconds) if seconds.isdigit() else 0.0)


def read_entry(line: str) -> Entry:
    """Read a line of `ls-tree -l`."""
    meta, _, path = line.partition("\t")
    mode, kind, sha, size = meta.split()
    return Entry(mode, kind, sha, None if size == "-" else int(size), path)


_STATUS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "T": "changed", "C": "copied"}


def read_raw(text: str) -> list[tuple[str, str, str | None, str]]:
    """Read `diff-tree --raw -z`: (status, blob, path before a rename, path) per file."""
    parts = iter(part for part in text.split("\0") if part)
    rows: list[tuple[str, str, str | None, str]] = []
    for meta in parts:
        _, _, old, new, letter = meta.split(" ")
        path = next(parts)
        before = None
        if letter[0] in "RC":
            before, path = path, next(parts)
        rows.append((_STATUS.get(letter[0], "changed"), old if letter[0] == "D" else new, before, path))
    return rows


def stamp(at: float) -> str:
    """Write a time as GitHub does, such as 2026-01-31T09:00:00Z."""
    return datetime.fromtimestamp(int(at), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
