"""The view of the machine that a sandboxed command gets, as arguments for bubblewrap.

Two forms. An ordinary user starts bubblewrap directly. Root first becomes an unprivileged uid with setpriv, because
root in a user namespace still owns the host's files; and since that uid may not be able to enter the directories
where the interpreter, the workspace or bubblewrap itself lie, an outer mount namespace shows just those at a neutral
place first ("staging"). Loosening the permissions of those directories instead would open them to everybody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from workers.sandbox.runtime import SYSTEM_FILES, SYSTEM_LINKS, Binary, Mount, reachable

INSIDE_UID = "1000"
WORKSPACE = "/workspace"
HOSTNAME = "sandbox"
# Targets that the profile owns: nothing may be mounted on or above them.
RESERVED = tuple(map(Path, (WORKSPACE, "/proc", "/dev", "/tmp", "/etc", "/usr", "/sys")))

_PASSWD = f"root:x:0:0:root:/:/sbin/nologin\nagent:x:{INSIDE_UID}:{INSIDE_UID}:agent:/tmp:/bin/sh\n"
_GROUP = f"root:x:0:\nagent:x:{INSIDE_UID}:\n"
SYNTHETIC = {
    "/etc/passwd": _PASSWD.encode(),
    "/etc/group": _GROUP.encode(),
    "/etc/hosts": f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n".encode(),
    "/etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files\n",
    "/etc/gitconfig": b"[safe]\n\tdirectory = *\n[init]\n\tdefaultBranch = main\n",
}
_STAGES = ("/mnt", "/media", "/srv", "/opt")


@dataclass(frozen=True, slots=True)
class Profile:
    """All that shapes the view: what is shown, how much scratch space there is, and the environment."""

    workspace: Path
    mounts: Sequence[Mount]
    environment: Mapping[str, str]
    scratch_mb: int


@dataclass(slots=True)
class Stage:
    """The neutral place where an outer namespace shows paths that the sandbox's uid cannot reach itself."""

    root: Path
    arguments: list[str] = field(default_factory=list)

    def put(self, source: Path, *, writable: bool = False) -> Path:
        """Show `source` and return where it is now."""
        target = self.root / str(len(self.arguments))
        self.arguments += ["--bind" if writable else "--ro-bind", str(source), str(target)]
        return target

    def put_binary(self, binary: Binary) -> Path:
        """Show a bubblewrap program together with its libraries, in the same arrangement."""
        if not binary.bundle:
            return self.put(binary.path)
        room = self.root / "bwrap"
        self.arguments += ["--perms", "0755", "--dir", str(room)]
        for part in binary.bundle:
            self.arguments += ["--ro-bind-try", str(part), str(room / part.name)]
        return room / binary.path.relative_to(binary.bundle[0].parent)


def stage_for(paths: Iterable[Path], uid: int) -> Stage | None:
    """Return an empty stage when this uid cannot reach one of the paths, else None."""
    if all(reachable(path, uid) for path in paths):
        return None
    root = next(Path(name) for name in (*_STAGES, "/tmp") if Path(name).is_dir())
    return Stage(root)


def inner(profile: Profile, *, seccomp: int, status: int, gate: int, data: Mapping[str, int]) -> list[str]:
    """Arguments for the bubblewrap that makes the sandbox. The numbers are descriptors that it inherits.

    The order matters: later mounts lie on earlier ones, and the root becomes read-only last.
    """
    size = str(profile.scratch_mb << 20)
    out = ["--unshare-user", "--unshare-all", "--disable-userns", "--cap-drop", "ALL", "--new-session"]
    out += ["--die-with-parent", "--uid", INSIDE_UID, "--gid", INSIDE_UID, "--hostname", HOSTNAME]
    out += ["--seccomp", str(seccomp), "--json-status-fd", str(status), "--block-fd", str(gate)]
    out += _system(data)
    out += ["--proc", "/proc", "--ro-bind", "/proc/sys", "/proc/sys"]
    out += ["--dev", "/dev", "--size", size, "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]
    out += ["--size", size, "--perms", "1777", "--tmpfs", "/tmp"]
    for mount in profile.mounts:
        out += ["--ro-bind", str(mount.source), str(mount.target)]
    out += ["--bind", str(profile.workspace), WORKSPACE, "--remount-ro", "/", "--chdir", WORKSPACE]
    for name, value in profile.environment.items():
        out += ["--setenv", name, value]
    return out


def _system(data: Mapping[str, int]) -> list[str]:
    out = ["--ro-bind", "/usr", "/usr"]
    for name in SYSTEM_LINKS:
        path = Path("/", name)
        if path.is_symlink():
            out += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            out += ["--ro-bind", str(path), str(path)]
    for file in SYSTEM_FILES:
        out += ["--ro-bind-try", file, file]
    for target, fd in data.items():
        out += ["--perms", "0444", "--ro-bind-data", str(fd), target]
    return out


def become(setpriv: str, uid: int) -> list[str]:
    """The prefix that gives up root for good: uid, groups, capabilities, and the way back."""
    who = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    rights = ["--no-new-privs", "--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all"]
    return [setpriv, *who, *rights, "--pdeathsig", "KILL", "--"]


def outer(binary: Binary, unshare: str, stage: Stage) -> list[str]:
    """The prefix that opens a mount namespace with the stage in it. It is no wall, only a place to show things.

    `unshare --fork` unshares nothing here; it is a parent with the right to kill. Each process of the chain asks to
    be killed when its parent dies, but the kernel delivers that only if the dying parent may kill the child, and the
    outer bubblewrap, which has given up its capabilities, may not kill another uid's process.
    """
    root = str(stage.root)
    return [
        str(binary.path), "--die-with-parent", "--dev-bind", "/", "/", "--perms", "0755", "--tmpfs", root,
        *stage.arguments, "--", unshare, "--fork", "--",
    ]  # fmt: skip
