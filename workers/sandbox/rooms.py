"""Directories for workspaces: made, locked, and removed whatever untrusted code left in them."""

import fcntl
import os
import secrets
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What a room holds: the tree that is mounted at /workspace, and the snapshot that it started from.
TREE, BASE = "tree", "base"
_PREFIX = "journeyman-room-"
_AGE = 60.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def make_room(uid: int | None) -> Iterator[Path]:
    """Make the directories of a workspace in a private room, owned by `uid` if given; yields the tree.

    The room is locked while it is in use, so that `sweep_rooms` can tell which ones their maker left behind.
    """
    room = Path(tempfile.mkdtemp(prefix=_PREFIX))
    lock = os.open(room, _DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for place in (room, room / TREE, room / BASE):
            place.mkdir(mode=0o700, exist_ok=True)
            if uid is not None:
                os.chown(place, uid, uid)
        yield room / TREE
    finally:
        remove_tree(room)
        os.close(lock)


def sweep_rooms() -> int:
    """Remove rooms whose maker was killed before it could tidy up; returns how many."""
    swept = 0
    for room in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            lock = os.open(room, _DIRECTORY)
            try:
                # A room is only unlocked in the moment of its making, or when its maker is gone.
                if time.time() - os.fstat(lock).st_mtime > _AGE:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_tree(room)
                    swept += 1
            finally:
                os.close(lock)
    return swept


def remove_tree(root: Path) -> None:
    """Remove a directory with all that is in it: any depth, any modes, links removed and never followed.

    Instead of descending, it moves each directory's directories up to the top, so that neither the depth of the tree
    nor the number of open files nor the length of paths matters.
    """
    try:
        top = os.open(root, _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        os.fchmod(top, 0o700)
        while names := os.listdir(top):  # noqa: PTH208 - by descriptor
            for name in names:
                _dissolve(top, name)
    finally:
        os.close(top)
    root.rmdir()


def _dissolve(top: int, name: str) -> None:
    """Remove one entry of the top directory; when it is a directory, its own directories move up beside it."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=top)
        return
    fd = _open_locked(top, name)
    try:
        for entry in os.listdir(fd):  # noqa: PTH208 - by descriptor
            if stat.S_ISDIR(os.stat(entry, dir_fd=fd, follow_symlinks=False).st_mode):
                os.close(_open_locked(fd, entry))  # moving a directory needs the right to write into it
                os.rename(entry, secrets.token_hex(12), src_dir_fd=fd, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=fd)
    finally:
        os.close(fd)
    os.rmdir(name, dir_fd=top)


def _open_locked(parent: int, name: str) -> int:
    """Open a directory of ours whatever its mode says, giving the owner all rights first."""
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        Path(f"/proc/self/fd/{handle}").chmod(0o700)
        return os.open(name, _DIRECTORY, dir_fd=parent)
    finally:
        os.close(handle)
