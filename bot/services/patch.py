"""Judge a patch as data: what comes out of a sandbox becomes a change only if every line of it is in order.

The form is git's extended unified diff (git-diff(1), "Generating patch text with -p"). The reader is stricter than git:
git skips lines that it does not know and then takes any `---` and `+++` for a file of its own, so nothing is skipped.
"""

import re
from dataclasses import dataclass
from typing import Literal
from unicodedata import normalize

from bot.domain.errors import PatchRefused
from bot.policy.evaluate import protected

MAX_BYTES = 1_000_000
MAX_FILES = 50
PLAIN_MODES = {"100644", "100755"}
NEVER = ("/.github/workflows/", "/.gitlab-ci.yml", "/.gitlab/", ".agent.yml", ".gitmodules", ".gitattributes")
"""Protected whatever the policy says: they configure the forge, the bot and git."""

MODE = re.compile(r"(?:new file|deleted file|old|new) mode (?P<mode>.*)")
INDEX = re.compile(r"index [0-9a-f]{4,64}\.\.[0-9a-f]{4,64}(?: (?P<mode>.*))?")
HUNK = re.compile(r"@@ -[0-9]{1,9}(?:,(?P<old>[0-9]{1,9}))? \+[0-9]{1,9}(?:,(?P<new>[0-9]{1,9}))? @@")
NO_END = "\\ No newline at end of file"


@dataclass(frozen=True, slots=True)
class PatchFacts:
    """What a patch does: the files it names, and how many lines it adds and removes."""

    files: tuple[str, ...]
    added: int
    removed: int


@dataclass(slots=True)
class _Reader:
    """Reads a diff line by line, counting what a hunk still owes, so that content is never taken for a header.

    `part` is the part of the present file's section that the next line belongs to: its header up to `---`, the line
    `+++`, or hunks.
    """

    files: list[str]
    part: Literal["header", "new", "hunks"] = "header"
    added: int = 0
    removed: int = 0
    owed_old: int = 0
    owed_new: int = 0
    ended: bool = False

    def read(self, line: str) -> None:
        if self.owed_old or self.owed_new:
            self._content(line)
        elif not line:
            self.ended = True
        elif self.ended:
            raise PatchRefused(f"something follows an empty line: {line[:80]!r}")
        elif line.startswith("diff --git "):
            self._file(line)
        elif not self.files:
            raise PatchRefused("the patch does not begin with a file header")
        else:
            {"header": self._header, "new": self._new, "hunks": self._hunk}[self.part](line)

    def _content(self, line: str) -> None:
        mark = line[:1]
        if mark == "+":
            self.added, self.owed_new = self.added + 1, self.owed_new - 1
        elif mark == "-":
            self.removed, self.owed_old = self.removed + 1, self.owed_old - 1
        elif mark in {" ", ""}:
            self.owed_old, self.owed_new = self.owed_old - 1, self.owed_new - 1
        elif line != NO_END:
            raise PatchRefused(f"a line of a hunk in {self.files[-1]} begins with {mark!r}")
        if self.owed_old < 0 or self.owed_new < 0:
            raise PatchRefused(f"a hunk in {self.files[-1]} holds other lines than it announces")

    def _file(self, line: str) -> None:
        names = line.removeprefix("diff --git ")
        half = len(names) // 2
        old, new = names[:half], names[half + 1 :]
        if names[half : half + 1] != " " or (old[:2], new[:2]) != ("a/", "b/") or old[2:] != new[2:]:
            raise PatchRefused(
                f"a file is renamed, or its name cannot be read; only plain paths are accepted: {names[:200]!r}"
            )
        self.files.append(_path(new[2:]))
        self.part = "header"

    def _header(self, line: str) -> None:
        here = self.files[-1]
        stated = MODE.fullmatch(line) or INDEX.fullmatch(line)
        if stated is not None:
            if stated["mode"] not in {None, *PLAIN_MODES}:
                mode = stated["mode"][:40].encode("ascii", "backslashreplace").decode()
                raise PatchRefused(f"mode {mode} in {here}: only plain files are accepted, no links or modules")
        elif line.startswith(("GIT binary patch", "Binary files")):
            raise PatchRefused(f"{here} is binary; only text is accepted")
        elif line.startswith(("rename ", "copy ", "similarity ", "dissimilarity ")):
            raise PatchRefused(f"{here} is renamed or copied; say it as a new and a deleted file")
        else:
            self._name(line, "--- a/")
            self.part = "new"

    def _new(self, line: str) -> None:
        self._name(line, "+++ b/")
        self.part = "hunks"

    def _name(self, line: str, prefix: str) -> None:
        here = self.files[-1]
        if line.removesuffix("\t") not in {f"{prefix}{here}", f"{prefix[:4]}/dev/null"}:
            raise PatchRefused(f"a line of the header of {here} is not understood, or names another: {line[:200]!r}")

    def _hunk(self, line: str) -> None:
        if line == NO_END:
            return
        hunk = HUNK.match(line)
        if hunk is None:
            raise PatchRefused(f"a line between the hunks of {self.files[-1]} is not understood: {line[:80]!r}")
        self.owed_old, self.owed_new = (int(hunk[side] or "1") for side in ("old", "new"))


def examine(patch: bytes, patterns: tuple[str, ...]) -> PatchFacts:
    """Return what a patch does; raises PatchRefused, naming rule and path, for anything out of order.

    `patterns` are the protected paths. Refused are: an empty or oversized patch, more than 50 files, one file twice,
    anything but plain text files, renames, odd paths, and paths that are protected or belong to git itself.
    """
    if not patch.strip():
        raise PatchRefused("the patch is empty")
    if len(patch) > MAX_BYTES:
        raise PatchRefused(f"the patch has {len(patch)} bytes; at most {MAX_BYTES} are accepted")
    if not patch.endswith(b"\n"):
        raise PatchRefused("the patch is cut short: it does not end with a line feed")
    reader = _Reader([])
    for line in _text(patch)[:-1].split("\n"):
        reader.read(line)
    if reader.owed_old or reader.owed_new:
        raise PatchRefused("the patch is cut short")
    files = tuple(reader.files)
    _files(files, patterns)
    return PatchFacts(files, reader.added, reader.removed)


def _text(patch: bytes) -> str:
    """Return the patch as text. The lines of a file may be in any encoding: bytes that are not UTF-8 become lone
    surrogates, which no name of a file may have.
    """
    if b"\0" in patch:
        raise PatchRefused("the patch holds a NUL; only text is accepted")
    return patch.decode("utf-8", "surrogateescape")


def _files(files: tuple[str, ...], patterns: tuple[str, ...]) -> None:
    if len(files) > MAX_FILES:
        raise PatchRefused(f"the patch touches {len(files)} files; at most {MAX_FILES} are accepted")
    folded = [normalize("NFC", path).casefold() for path in files]
    if len(set(folded)) != len(folded):
        raise PatchRefused("one file occurs twice in the patch")
    hits = [*protected(NEVER, files), *protected(patterns, files)]
    if hits:
        raise PatchRefused(f"{hits[0]} is protected: a person must change it")


def _path(path: str) -> str:
    if not path.isprintable():
        raise PatchRefused(f"the path {path[:200]!r} is not a plain one")
    parts = path.split("/")
    odd = any(part in {"", ".", ".."} or part.strip() != part or part.endswith(".") for part in parts)
    long = len(path.encode()) > 400 or any(len(part.encode()) > 255 for part in parts)
    if odd or long or any(char in path for char in '"\\:*?<>|'):
        raise PatchRefused(f"the path {path[:200]!r} is not a plain one")
    # "~1" makes the short names that NTFS gives to .git and its kin.
    if any(part.casefold() == ".git" or re.search(r"~[0-9]", part) for part in parts):
        raise PatchRefused(f"{path[:200]} belongs to git itself")
    return path
