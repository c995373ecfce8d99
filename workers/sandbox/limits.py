"""Bounds on memory, processes and processor time: control groups where we may make them, resource limits always.

A control group counts all processes of a sandbox together; a resource limit (`prlimit`) counts most things for each
process alone. So the adapter looks for a place where groups can be made, in both versions that Linux has, and
`Enforcement` tells which of the two is in force for what.
"""

import os
import resource
import secrets
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot.ports import Limits

_ROOT = Path("/sys/fs/cgroup")
_CONTROLLERS = ("memory", "pids", "cpu")
_PREFIX = "journeyman-"
_OWN_PROCESSES = 3  # bubblewrap's own, which live in the same group


@dataclass(frozen=True, slots=True)
class Enforcement:
    """What holds each bound: `cgroup v1`, `cgroup v2` or `prlimit` (for each process alone, so weaker)."""

    memory: str
    processes: str
    cpu: str

    @property
    def full(self) -> bool:
        """True when every bound counts the whole sandbox."""
        return all(name.startswith("cgroup") for name in (self.memory, self.processes, self.cpu))


@dataclass(frozen=True, slots=True)
class Parents:
    """The directories below which groups can be made, by controller; empty when there is none."""

    version: int
    directories: dict[str, Path]

    @property
    def enforcement(self) -> Enforcement:
        names = [f"cgroup v{self.version}" if name in self.directories else "prlimit" for name in _CONTROLLERS]
        return Enforcement(*names)


def find_parents() -> Parents:
    """Look where this process may make control groups. Tries it, since permissions alone do not tell."""
    lines = _read(Path("/proc/self/cgroup")).splitlines()
    entries = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    old = {name: path for _, names, path in entries for name in names.split(",") if name}
    found = {}
    for name in _CONTROLLERS:
        controller = "cpuacct" if name == "cpu" else name
        if controller in old:
            directory = _ROOT / controller / old[controller].lstrip("/")
            if _can_make_groups(directory, _V1_FILES[name]):
                found[name] = directory
    if found:
        return Parents(1, found)
    unified = next((path for number, names, path in entries if number == "0" and not names), None)
    if unified is None:
        return Parents(2, {})
    own = _ROOT / unified.lstrip("/")
    for directory in (own, own.parent):
        if _ROOT in (directory, *directory.parents):
            found = _find_unified(directory)
            if found:
                return Parents(2, found)
    return Parents(2, {})


_V1_FILES = {"memory": "memory.limit_in_bytes", "pids": "pids.max", "cpu": "cpuacct.usage"}
_V2_FILES = {"memory": "memory.max", "pids": "pids.max", "cpu": "cpu.stat"}


def _find_unified(directory: Path) -> dict[str, Path]:
    if not os.access(directory / "cgroup.procs", os.W_OK):
        return {}
    for name in ("memory", "pids"):
        with suppress(OSError):  # refused where the directory holds processes itself; then it is no place for us
            (directory / "cgroup.subtree_control").write_text(f"+{name}")
    return {name: directory for name in _CONTROLLERS if _can_make_groups(directory, _V2_FILES[name])}


def _can_make_groups(directory: Path, file: str) -> bool:
    probe = directory / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    _sweep(directory)
    try:
        probe.mkdir()
    except OSError:
        return False
    try:
        return (probe / file).exists() and os.access(probe / "cgroup.procs", os.W_OK)
    finally:
        probe.rmdir()


def _sweep(directory: Path) -> None:
    """Remove empty groups whose maker is gone (killed before it could tidy up)."""
    for left in directory.glob(f"{_PREFIX}*-*"):
        maker = left.name.removeprefix(_PREFIX).partition("-")[0]
        if maker.isdigit() and not Path("/proc", maker).exists():
            with suppress(OSError):
                left.rmdir()


class Group:
    """One sandbox's control groups. Use as a context manager: leaving kills what is left and removes them."""

    def __init__(self, parents: Parents, limits: Limits) -> None:
        self._parents = parents
        self._limits = limits
        name = f"{_PREFIX}{os.getpid()}-{secrets.token_hex(6)}"
        self._directories = {key: parent / name for key, parent in parents.directories.items()}

    def __enter__(self) -> Self:
        try:
            for directory in set(self._directories.values()):
                directory.mkdir()
            self._bound()
        except OSError:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def add(self, pid: int) -> None:
        """Move a process into the group; its children will be born there."""
        for directory in set(self._directories.values()):
            (directory / "cgroup.procs").write_text(str(pid))

    def resource_options(self) -> list[str]:
        """Return the resource limits as options of the program `prlimit`, none above what this process has itself.

        They are set inside, as the last step before the command: setting them from outside needs CAP_SYS_RESOURCE,
        which root in a container often lacks, and a bound on processes that is set outside the user namespace
        would count everything else that the user runs.
        """
        options = []
        for name, kind, wanted in self._resources():
            _, most = resource.getrlimit(kind)
            options.append(f"--{name}={wanted if most == resource.RLIM_INFINITY else min(wanted, most)}")
        return options

    def cpu_seconds(self) -> float:
        """The processor time that the group has used; 0 where nobody counts it."""
        directory = self._directories.get("cpu")
        if directory is None:
            return 0.0
        if self._parents.version == 1:
            return int(_read(directory / "cpuacct.usage") or 0) / 1e9
        fields = dict(line.split() for line in _read(directory / "cpu.stat").splitlines())
        return int(fields.get("usage_usec", 0)) / 1e6

    def kill(self) -> None:
        """Kill every process of the group."""
        for directory in set(self._directories.values()):
            for pid in _read(directory / "cgroup.procs").split():
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(int(pid), signal.SIGKILL)

    def _bound(self) -> None:
        memory, pids = self._directories.get("memory"), self._directories.get("pids")
        if pids:
            (pids / "pids.max").write_text(str(self._limits.processes + _OWN_PROCESSES))
        if memory is None:
            return
        size = str(self._limits.memory_mb << 20)
        names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
        first, swap = names if self._parents.version == 1 else ("memory.max", "memory.swap.max")
        (memory / first).write_text(size)
        if (memory / swap).exists():
            (memory / swap).write_text(size if self._parents.version == 1 else "0")
        if (memory / "memory.oom.group").exists():
            (memory / "memory.oom.group").write_text("0")

    def _resources(self) -> list[tuple[str, int, int]]:
        limits = self._limits
        out = [
            ("core", resource.RLIMIT_CORE, 0),
            ("cpu", resource.RLIMIT_CPU, max(1, int(limits.cpu_seconds))),
            ("fsize", resource.RLIMIT_FSIZE, limits.file_mb << 20),
            ("nofile", resource.RLIMIT_NOFILE, 1024),
            ("memlock", resource.RLIMIT_MEMLOCK, 1 << 20),
        ]
        if "memory" not in self._directories:
            out.append(("as", resource.RLIMIT_AS, limits.memory_mb << 20))
        if "pids" not in self._directories:
            out.append(("nproc", resource.RLIMIT_NPROC, limits.processes + _OWN_PROCESSES))
        return out

    def _remove(self) -> None:
        """Remove the groups. A killed process leaves its group a little after it is gone, hence the bounded wait."""
        deadline = time.monotonic() + 2.0
        for directory in set(self._directories.values()):
            while directory.exists():
                try:
                    directory.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        return
                    self.kill()
                    time.sleep(0.002)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
