"""The tree as it was: writes candidates into it, and undoes whatever a test left behind."""

import os
import shutil
from pathlib import Path

MOST_FILES = 4000
MOST_BYTES = 32_000_000
BIG_FILE = 8_000_000
HIDDEN = {".git", ".hypothesis", ".pytest_cache", "__pycache__"}


class Tree:
    """A picture of the workspace, taken once, and the way back to it: of all files that are not big, if they are few.

    What is written here is kept in any case.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stamps: dict[str, tuple[int, int]] = {}
        self._bytes: dict[str, bytes] = {}
        self.whole = self._take()

    def _take(self) -> bool:
        total = 0
        for path in self._files():
            if len(self._stamps) >= MOST_FILES:
                return False
            self._stamps[path] = _stamp(path)
            size = self._stamps[path][1]
            total += size if size <= BIG_FILE else 0
            if size <= BIG_FILE and total <= MOST_BYTES:
                self._bytes[path] = Path(path).read_bytes()
        return total <= MOST_BYTES

    def _files(self) -> list[str]:
        found: list[str] = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in HIDDEN]
            found.extend(f"{folder}/{name}" for name in names)
        return found

    def read(self, path: str) -> bytes:
        """Return a file of the tree as it was."""
        full = str(self.root / path)
        return self._bytes[full] if full in self._bytes else Path(full).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Put new content in place of a file; its time stamp is now, so that no compiled copy is taken for it."""
        full = self.root / path
        if str(full) not in self._bytes:
            self._stamps[str(full)], self._bytes[str(full)] = _stamp(str(full)), full.read_bytes()
        full.unlink(missing_ok=True)
        full.write_bytes(data)

    def restore(self) -> None:
        """Bring back every file of the picture and remove what was not in it (only when the picture is whole)."""
        if not self.whole:
            return
        now = set(self._files())
        for path in now - self._stamps.keys():
            Path(path).unlink(missing_ok=True)
        for path, stamp in self._stamps.items():
            if path in self._bytes and (path not in now or _stamp(path) != stamp):
                self._put_back(path, stamp)

    def put_back(self, path: str) -> None:
        """Bring back one file."""
        full = str(self.root / path)
        if full in self._bytes:
            self._put_back(full, self._stamps[full])

    def _put_back(self, path: str, stamp: tuple[int, int]) -> None:
        target = Path(path)
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self._bytes[path])
        os.utime(path, ns=(stamp[0], stamp[0]))


def _stamp(path: str) -> tuple[int, int]:
    seen = os.lstat(path)
    return seen.st_mtime_ns, seen.st_size
