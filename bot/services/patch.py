"""Judge a patch as data: what comes out of a sandbox becomes a change only if every line of its header is in order.

The form is git's extended unified diff (git-diff(1), "Generating patch text with -p").
"""

import re
from dataclasses import dataclass

from bot.domain.errors import PatchRefused
from bot.policy.evaluate import protected

MAX_BYTES = 1_000_000
MAX_FILES = 50
PLAIN_MODES = {"100644", "100755"}
HEADER = re.compile(r"diff --git a/(?P<old>.+) b/(?P<new>.+)")
HUNK = re.compile(r"@@ -\d+(?:,(?P<old>\d+))? \+\d+(?:,(?P<new>\d+))? @@")


@dataclass(frozen=True, slots=True)
class PatchFacts:
    """What a patch does: the files it names, and how many lines it adds and removes."""

    files: tuple[str, ...]
    added: int
    removed: int


@dataclass(slots=True)
class _Reader:
    """Reads a diff line by line, counting what a hunk still owes, so that content is never taken for a header."""

    files: list[str]
    added: int = 0
    removed: int = 0
    owed_old: int = 0
    owed_new: int = 0

    def read(self, line: str) -> None:
        if self.owed_old > 0 or self.owed_new > 0:
            self._content(line)
            return
        hunk = HUNK.match(line)
        if hunk is not None:
            self.owed_old, self.owed_new = (int(hunk[side] or "1") for side in ("old", "new"))
        elif line.startswith("diff --git "):
            self._file(line)
        else:
            self._header(line)

    def _content(self, line: str) -> None:
        mark = line[:1]
        if mark == "+":
            self.added, self.owed_new = self.added + 1, self.owed_new - 1
        elif mark == "-":
            self.removed, self.owed_old = self.removed + 1, self.owed_old - 1
        elif mark in {" ", ""}:
            self.owed_old, self.owed_new = self.owed_old - 1, self.owed_new - 1
        elif mark != "\\":
            raise PatchRefused(f"a line of a hunk begins with {mark!r}")

    def _file(self, line: str) -> None:
        match = HEADER.fullmatch(line)
        if match is None or match["old"] != match["new"]:
            raise PatchRefused("a file is renamed, or its name cannot be read; only plain paths are accepted")
        self.files.append(_path(match["new"]))

    def _header(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if line.startswith(("new file mode ", "deleted file mode ", "old mode ", "new mode ")):
            mode = line.rsplit(" ", 1)[1]
            if mode not in PLAIN_MODES:
                raise PatchRefused(f"mode {mode} in {self._here()}: only plain files are accepted, no links or modules")
        elif line.startswith(("GIT binary patch", "Binary files")):
            raise PatchRefused(f"{self._here()} is binary; only text is accepted")
        elif line.startswith(("rename ", "copy ", "similarity ", "dissimilarity ")):
            raise PatchRefused(f"{self._here()} is renamed or copied; say it as a new and a deleted file")
        elif word == "index" and rest.endswith(" 120000"):
            raise PatchRefused(f"{self._here()} is a symbolic link")
        elif word in {"---", "+++"}:
            self._name(rest.split("\t")[0])
        elif word != "index" and line.strip() and not line.startswith("\\"):
            raise PatchRefused(f"a line of the header is not understood: {line[:80]!r}")

    def _name(self, name: str) -> None:
        if name != "/dev/null" and name[2:] != self._here():
            raise PatchRefused(f"the header names {self._here()} and then {name[:200]}")

    def _here(self) -> str:
        if not self.files:
            raise PatchRefused("the patch does not begin with a file header")
        return self.files[-1]


def examine(patch: bytes, patterns: tuple[str, ...], *, max_bytes: int = MAX_BYTES) -> PatchFacts:
    """Return what a patch does; raises PatchRefused, naming rule and path, for anything out of order.

    `patterns` are the protected paths. Refused are: an empty or oversized patch, more than 50 files, one file twice,
    anything but plain text files, renames, odd paths, and paths that are protected or belong to git itself.
    """
    if not patch.strip():
        raise PatchRefused("the patch is empty")
    if len(patch) > max_bytes:
        raise PatchRefused(f"the patch has {len(patch)} bytes; at most {max_bytes} are accepted")
    try:
        text = patch.decode()
    except UnicodeDecodeError:
        raise PatchRefused("the patch is not UTF-8 text") from None
    reader = _Reader([])
    for line in text.removesuffix("\n").split("\n"):
        reader.read(line)
    if reader.owed_old > 0 or reader.owed_new > 0:
        raise PatchRefused("the patch is cut short")
    files = tuple(reader.files)
    _files(files, patterns)
    return PatchFacts(files, reader.added, reader.removed)


def _files(files: tuple[str, ...], patterns: tuple[str, ...]) -> None:
    if len(files) > MAX_FILES:
        raise PatchRefused(f"the patch touches {len(files)} files; at most {MAX_FILES} are accepted")
    folded = [path.casefold() for path in files]
    if len(set(folded)) != len(folded):
        raise PatchRefused("one file occurs twice in the patch")
    hits = protected(patterns, files)
    if hits:
        raise PatchRefused(f"{hits[0]} is protected: a person must change it")


def _path(path: str) -> str:
    parts = path.split("/")
    odd = any(part in {"", ".", ".."} or part.strip() != part or part.endswith(".") for part in parts)
    if odd or not path.isprintable() or any(char in path for char in '"\\:*?<>|') or len(path.encode()) > 400:
        raise PatchRefused(f"the path {path[:200]!r} is not a plain one")
    if any(part.casefold() in {".git", "git~1"} for part in parts):
        raise PatchRefused(f"{path[:200]} belongs to git itself")
    return path
