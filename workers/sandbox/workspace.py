"""Touching files that untrusted code may have made: never through a link, never a device, always bounded.

Every path is walked one component at a time with O_NOFOLLOW from a descriptor of the workspace, so no link that the
sandbox left behind can lead the host elsewhere. These functions are meant for times when nothing runs in the sandbox;
if something does, they may fail, but they still do not leave the workspace.
"""

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bot.domain.errors import JourneymanError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_DEPTH = 64


class PathRefused(JourneymanError, ValueError):
    """A path or archive that must not be used.

    `code` is one of: outside, link, missing, not_a_file, too_large, exists, binary, broken.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parts_of(relative: str) -> tuple[str, ...]:
    """Split a path below the workspace; raises PathRefused for one that is absolute, climbs, or is odd."""
    if "\0" in relative or len(relative) > 4096 or relative.startswith("/"):
        raise PathRefused("outside", f"{relative[:200]!r} must be a path relative to the workspace")
    parts = tuple(part for part in relative.split("/") if part not in ("", "."))
    long = any(len(part.encode("utf-8", "surrogatepass")) > 255 for part in parts)
    if ".." in parts or len(parts) > _MAX_DEPTH or long:
        raise PathRefused("outside", f"{relative[:200]!r} must stay below the workspace")
    return parts


@contextmanager
def directory(workspace: Path, parts: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
    """Open a directory below the workspace, following no link; makes missing ones, owned as the workspace, if asked."""
    fd = os.open(workspace, _DIRECTORY)
    try:
        owner = os.fstat(fd)
        for part in parts:
            following = _step(fd, part, owner if create else None)
            os.close(fd)
            fd = following
        yield fd
    finally:
        os.close(fd)


def _step(fd: int, part: str, owner: os.stat_result | None) -> int:
    made = False
    if owner is not None:
        try:
            os.mkdir(part, 0o755, dir_fd=fd)
            made = True
        except FileExistsError:
            pass
        except PermissionError as error:
            raise _refusal(error, part) from error
    try:
        following = os.open(part, _DIRECTORY, dir_fd=fd)
    except OSError as error:
        raise _refusal(error, part) from error
    if made and owner is not None:
        own(following, owner)
    return following


def own(fd: int, owner: os.stat_result) -> None:
    """Give what root made to the owner of the workspace."""
    if os.geteuid() == 0:
        os.fchown(fd, owner.st_uid, owner.st_gid)


def _refusal(error: OSError, part: str) -> PathRefused:
    if isinstance(error, FileNotFoundError):
        return PathRefused("missing", f"{part} does not exist")
    if isinstance(error, PermissionError):
        return PathRefused("not_a_file", f"{part} or its directory may not be opened")
    return PathRefused("link", f"{part} is a link or no directory; links are not followed")


def read_bytes(workspace: Path, relative: str, *, limit: int = 4_000_000) -> bytes:
    """Read a regular file; raises PathRefused."""
    *parents, name = parts_of(relative) or ("",)
    if not name:
        raise PathRefused("not_a_file", "the workspace itself is a directory")
    with directory(workspace, tuple(parents)) as fd:
        return _read_file(fd, name, limit)


def _read_file(fd: int, name: str, limit: int) -> bytes:
    try:  # O_NONBLOCK: opening a named pipe would wait for a writer for ever
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=fd)
    except OSError as error:
        raise _refusal(error, name) from error
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise PathRefused("not_a_file", f"{name} is not a regular file")
        if status.st_size > limit:
            raise PathRefused("too_large", f"{name} has {status.st_size} bytes; the limit is {limit}")
        with os.fdopen(file, "rb", closefd=False) as stream:
            return stream.read(limit)
    finally:
        os.close(file)


def read_text(workspace: Path, relative: str, *, limit: int = 4_000_000) -> str:
    """Read a UTF-8 file as it is, line endings kept; raises PathRefused (code `binary` when it is not UTF-8)."""
    data = read_bytes(workspace, relative, limit=limit)
    if b"\0" not in data:
        with suppress(UnicodeDecodeError):
            return data.decode("utf-8")
    raise PathRefused("binary", f"{relative} is not UTF-8 text")


def write_bytes(workspace: Path, relative: str, data: bytes, *, mode: int | None = None) -> None:
    """Create or replace a regular file in one step, with missing directories; keeps the mode of what it replaces.

    Raises PathRefused when the place is taken by something that is not a regular file, a link for example.
    """
    *parents, name = parts_of(relative) or ("",)
    if not name:
        raise PathRefused("not_a_file", "the workspace itself is a directory")
    with directory(workspace, tuple(parents), create=True) as fd:
        with suppress(FileNotFoundError):
            old = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if not stat.S_ISREG(old.st_mode):
                raise PathRefused("not_a_file", f"{relative} exists and is not a regular file")
            mode = stat.S_IMODE(old.st_mode) & 0o777 if mode is None else mode
        _replace(fd, name, data, 0o644 if mode is None else mode, workspace.stat())


def _replace(fd: int, name: str, data: bytes, mode: int, owner: os.stat_result) -> None:
    temporary = f".{secrets.token_hex(8)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        file = os.open(temporary, flags, 0o600, dir_fd=fd)
    except PermissionError as error:
        raise _refusal(error, name) from error
    with os.fdopen(file, "wb") as stream:
        try:
            stream.write(data)
            stream.flush()
            own(stream.fileno(), owner)
            os.fchmod(stream.fileno(), mode)
            os.replace(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=fd)
            raise


def write_text(workspace: Path, relative: str, text: str) -> None:
    """Create or replace a file with this text, as UTF-8, line endings as given; raises PathRefused."""
    write_bytes(workspace, relative, text.encode("utf-8"))


def walk(workspace: Path, *, limit: int = 50_000) -> Iterator[str]:
    """Yield the relative paths of regular files, sorted within each directory, without directories named `.git`.

    Follows no link, leaves out names that are not UTF-8, and stops after `limit` entries of any kind.
    """
    waiting: list[tuple[str, ...]] = [()]
    while waiting and limit > 0:
        parts = waiting.pop()
        files: list[str] = []
        below: list[tuple[str, ...]] = []
        with suppress(PathRefused, PermissionError), directory(workspace, parts) as fd, os.scandir(fd) as entries:
            for entry in entries:
                limit -= 1
                if limit < 0:
                    break
                if not entry.name.isprintable():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.name != ".git" and len(parts) < _MAX_DEPTH - 1:
                        below.append((*parts, entry.name))
                elif entry.is_file(follow_symlinks=False):
                    files.append("/".join((*parts, entry.name)))
        waiting += sorted(below, reverse=True)
        yield from sorted(files)


def make_link(workspace: Path, relative: str, target: str) -> None:
    """Make a symbolic link that stays inside: refuses a target that is absolute or climbs out of the workspace."""
    *parents, name = parts_of(relative) or ("",)
    depth = len(parents)
    for part in target.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            break
    if not name or not target or target.startswith("/") or depth < 0 or "\0" in target:
        raise PathRefused("link", f"{relative} would be a link to {target[:200]!r}, outside the workspace")
    with directory(workspace, tuple(parents), create=True) as fd:
        try:
            os.symlink(target, name, dir_fd=fd)
        except FileExistsError:
            raise PathRefused("exists", f"{relative} is there already") from None
        owner = workspace.stat()
        if os.geteuid() == 0:
            os.chown(name, owner.st_uid, owner.st_gid, dir_fd=fd, follow_symlinks=False)


def make_directory(workspace: Path, relative: str) -> None:
    """Make a directory with its parents, if it is not there; raises PathRefused."""
    with directory(workspace, parts_of(relative), create=True):
        pass
