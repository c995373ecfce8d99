"""The copy of the repository that the sandbox works on; the original is only ever read."""

import os
import shutil
from pathlib import Path

from bot.domain.errors import JourneymanError

LEFT_OUT = {
    ".eggs",
    ".git",
    ".hg",
    ".hypothesis",
    ".idea",
    ".mypy_cache",
    ".nox",
    ".pytest_cache",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pycache__",
    "node_modules",
    "site-packages",
    "venv",
}
MOST_FILES = 20_000
MOST_BYTES = 200_000_000
BIG_FILE = 20_000_000
LONG_AGO = 1_000_000_000
TEST_FOLDERS = {"test", "tests"}
NOT_CODE = {"setup.py", "conftest.py", "noxfile.py"}


class TooLarge(JourneymanError):
    """The tree is over the bounds of a copy; the message says which."""


def copy_tree(source: Path, target: Path) -> list[str]:
    """Copy a tree into an existing folder, open to any user, every file with one old time stamp.

    Leaves out version control, caches, virtual environments and symbolic links that lead outside; files over 20 MB go
    last, those that still fit. Returns the relative paths of the copied files, sorted. Raises TooLarge over 20,000
    files or 200 MB.
    """
    copied: list[str] = []
    big: list[Path] = []
    total = 0
    target.chmod(0o777)
    for folder, folders, names in os.walk(source):
        here = Path(folder)
        relative = here.relative_to(source)
        folders[:] = sorted(name for name in folders if _wanted(here / name))
        for name in folders:
            _make_folder(target / relative / name)
        for name in sorted(names):
            size = _size(source, here / name)
            if size is None:
                continue
            if size > BIG_FILE:
                big.append(relative / name)
                continue
            total += size
            copied.append((relative / name).as_posix())
            if len(copied) > MOST_FILES or total > MOST_BYTES:
                raise TooLarge(
                    f"{source} is larger than {MOST_FILES} files or {MOST_BYTES // 10**6} MB: give a smaller folder"
                )
            _copy_file(here / name, target / relative / name)
    for path in big:
        size = (source / path).stat().st_size
        if total + size <= MOST_BYTES and len(copied) < MOST_FILES:
            total += size
            _copy_file(source / path, target / path)
            copied.append(path.as_posix())
    return sorted(copied)


def _wanted(folder: Path) -> bool:
    return folder.name not in LEFT_OUT and not folder.is_symlink() and not (folder / "pyvenv.cfg").exists()


def _make_folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)


def _size(source: Path, original: Path) -> int | None:
    """Return the size of a file that belongs into the copy; None for another."""
    if original.is_symlink() and not original.resolve().is_relative_to(source.resolve()):
        return None
    if not original.is_file() or original.suffix == ".pyc":
        return None
    return original.stat().st_size


def _copy_file(original: Path, copy: Path) -> None:
    shutil.copyfile(original, copy)
    copy.chmod(0o777 if original.stat().st_mode & 0o100 else 0o666)
    os.utime(copy, (LONG_AGO, LONG_AGO))


def is_test(path: str) -> bool:
    """Tell whether a path is a test, a test's helper or configuration: what a repair never edits."""
    parts = path.split("/")
    name = parts[-1]
    return (
        name in NOT_CODE
        or name.startswith("test_")
        or name.endswith("_test.py")
        or name in ("test.py", "tests.py")
        or any(
            part in TEST_FOLDERS or part.endswith(("_tests", "_testcases")) or part.startswith(".")
            for part in parts[:-1]
        )
    )


def editable(paths: list[str]) -> list[str]:
    """Return the Python files that a repair may edit."""
    return [path for path in paths if path.endswith(".py") and not is_test(path)]
