"""What a sandboxed program can reach. Each probe runs inside and says what it found; it opens files, and writes none.

Run as root these go through the staged start, as an ordinary user through the plain one; as root, the last test runs
the others once more as an ordinary user.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.errors import SandboxUnavailable
from bot.ports import Limits
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.sandbox.runtime import Binary, binaries, interpreter_mounts, refuse_wide

LIMITS = Limits(wall_seconds=20, cpu_seconds=20, memory_mb=512, processes=40)
ORDINARY = 12_345
_CALL = """
import ctypes, errno, json
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    ctypes.set_errno(0)
    result = libc.syscall(number, *args)
    return errno.errorcode.get(ctypes.get_errno(), "") if result == -1 else "worked"
"""


@pytest.fixture
def workspace(sandbox: BubblewrapSandbox) -> Iterator[Path]:
    with sandbox.workspace() as made:
        yield made


def probe(sandbox: BubblewrapSandbox, workspace: Path, code: str, **options: Any) -> Any:
    """Run Python inside and return the JSON that it printed."""
    done = sandbox.run([sandbox.python, "-I", "-c", code], workspace=workspace, limits=LIMITS, **options)
    assert done.exit_code == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_no_environment_of_the_launcher_can_be_read(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    code = """
import glob, json
found = {}
for name in glob.glob("/proc/[0-9]*/environ"):
    try: found[name] = open(name).read()
    except OSError: found[name] = ""
print(json.dumps(found))
"""
    found = probe(sandbox, workspace, code)
    assert found["/proc/1/environ"].strip("\0") in ("", "PWD=/")
    names = {part.partition("=")[0] for text in found.values() for part in text.split("\0") if part}
    assert names <= {"PWD", "PATH", "HOME", "LANG", "TZ", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}


def test_process_one_tells_no_path_of_the_host(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    line = probe(sandbox, workspace, "import json; print(json.dumps(open('/proc/1/cmdline').read()))")
    assert str(workspace) not in line


def test_identity_and_rights(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    code = """
import json, os
status = {line.partition(":")[0]: line.partition(":")[2].strip() for line in open("/proc/self/status")}
print(json.dumps({"uid": os.getuid(), "groups": os.getgroups(), "host": os.uname().nodename, **status}))
"""
    found = probe(sandbox, workspace, code)
    assert found["uid"] == 1000
    assert found["host"] == "sandbox"
    assert found["groups"] in ([], [1000])
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}


def test_system_settings_cannot_be_opened_for_writing(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    code = """
import json, os
opened = []
for root, _, files in os.walk("/proc/sys"):
    for file in files:
        path = os.path.join(root, file)
        try: os.close(os.open(path, os.O_WRONLY))
        except OSError: continue
        opened.append(path)
for path in ("/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/proc/kcore", "/proc/kmsg"):
    try: os.close(os.open(path, os.O_WRONLY))
    except OSError: continue
    if path != "/proc/1/oom_score_adj": opened.append(path)
print(json.dumps(opened))
"""
    assert probe(sandbox, workspace, code) == []


def test_only_workspace_and_scratch_are_writable(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    code = """
import json, os
places = {line.split()[1] for line in open("/proc/self/mounts")} | {"/", "/proc/sys/kernel"}
for root in ("/", "/dev", "/etc", "/usr"):
    places |= {os.path.join(root, name) for name in os.listdir(root)}
found = []
for place in sorted(places):
    name = os.path.join(place, "probe")
    try: os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except OSError: continue
    os.unlink(name)
    found.append(place)
print(json.dumps(found))
"""
    assert probe(sandbox, workspace, code) == ["/dev/shm", "/tmp", "/workspace"]


def test_the_machine_is_not_to_be_seen(sandbox: BubblewrapSandbox, workspace: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("secret")
    canary.chmod(0o644)
    code = f"""
import json, os
wanted = ({str(canary)!r}, "/etc/shadow", "/etc/ssl", "/run", "/var", "/home", "/sys", "/boot")
seen = [path for path in wanted if os.path.exists(path)]
print(json.dumps({{"root": sorted(os.listdir("/")), "seen": seen, "etc": sorted(os.listdir("/etc"))}}))
"""
    found = probe(sandbox, workspace, code)
    assert found["seen"] == []
    etc = {"alternatives", "gitconfig", "group", "hosts", "ld.so.cache", "nsswitch.conf", "passwd"}
    assert set(found["etc"]) <= etc
    tops = {mount.target.parts[1] for mount in interpreter_mounts(Path(sandbox.python))}
    system = {"bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "tmp", "usr", "workspace"}
    assert set(found["root"]) <= system | tops


def test_the_project_itself_is_hidden_though_its_environment_works(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    project = Path(__file__).parents[2]
    code = f"""
import json, os, pytest, coverage
print(json.dumps([os.path.exists({str(project / "pyproject.toml")!r}), os.path.exists({str(project / "bot")!r})]))
"""
    assert probe(sandbox, workspace, code) == [False, False]


def test_no_network_not_even_of_this_machine(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as hidden:
        name = f"\0journeyman-test-{os.getpid()}-{os.urandom(4).hex()}"
        hidden.bind(name)
        hidden.listen()
        code = f"""
import json, socket
def connect(family, address):
    try:
        with socket.socket(family) as s: s.settimeout(3); s.connect(address)
    except OSError as error: return type(error).__name__
    return "connected"
print(json.dumps([
    connect(socket.AF_INET, ("127.0.0.1", {listener.getsockname()[1]})),
    connect(socket.AF_UNIX, {name!r}),
    connect(socket.AF_INET, ("192.0.2.1", 80)),
    [name for _, name in socket.if_nameindex()],
]))
"""
        refused = "ConnectionRefusedError"
        assert probe(sandbox, workspace, code) == [refused, refused, "OSError", ["lo"]]
        with socket.socket(socket.AF_UNIX) as other:  # the listener was there all the time
            other.connect(name)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64; the table is tested for both machines")
def test_the_kernel_refuses_what_the_filter_names(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    code = f"""{_CALL}
buffer = ctypes.create_string_buffer(256)
print(json.dumps({{
    "io_uring_setup": call(425, 1, buffer), "ptrace": call(101, 0, 0, 0, 0), "bpf": call(321, 0, buffer, 72),
    "keyctl": call(250, 0, -3, 0), "userfaultfd": call(323, 0), "perf_event_open": call(298, buffer, 0, -1, -1, 0),
    "mount": call(165, b"none", b"/tmp", b"tmpfs", 0, 0), "open_by_handle_at": call(304, -100, buffer, 0),
    "unshare": call(272, 0x10000000), "setns": call(308, 0, 0), "clone": call(56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone3": call(435, buffer, 88), "personality": call(135, 0x40000), "tiocsti": call(16, 0, 0x5412, buffer),
    "packet": call(41, 17, 3, 0), "vsock": call(41, 40, 1, 0), "netfilter": call(41, 16, 3, 12),
}}))
"""
    found = probe(sandbox, workspace, code)
    assert found.pop("clone3") == "ENOSYS"
    assert {found.pop(name) for name in ("packet", "vsock")} == {"EAFNOSUPPORT"}
    assert found.pop("netfilter") == "EPROTONOSUPPORT"
    assert set(found.values()) == {"EPERM"}


def test_no_further_user_namespace(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    done = sandbox.run(["unshare", "--user", "true"], workspace=workspace, limits=LIMITS)
    assert done.exit_code != 0


def test_no_descriptor_is_inherited(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        found = probe(sandbox, workspace, "import json, os; print(json.dumps(os.listdir('/proc/self/fd')))")
    assert set(map(int, found)) <= {0, 1, 2, 3}  # 3 is the listing itself


def test_without_bubblewrap_nothing_runs(tmp_path: Path) -> None:
    bare = BubblewrapSandbox(candidates=())
    with pytest.raises(SandboxUnavailable, match="bubblewrap is missing; install"):
        bare.check()
    with bare.workspace() as room, pytest.raises(SandboxUnavailable):
        bare.run(["true"], workspace=room, limits=LIMITS)
    with pytest.raises(SandboxUnavailable, match="no bubblewrap works here"):
        BubblewrapSandbox(candidates=(Binary(tmp_path / "bwrap"),)).check()


def test_a_bubblewrap_that_isolates_nothing_is_not_believed(tmp_path: Path) -> None:
    """A stand-in that just runs the command: the probe inside finds that it is not in a cage."""
    tmp_path.chmod(0o755)
    fake = tmp_path / "bwrap"
    fake.write_text('#!/bin/sh\nwhile [ "$1" != "--" ]; do shift; done\nshift\nexec "$@"\n')
    fake.chmod(0o755)
    with pytest.raises(SandboxUnavailable, match="no bubblewrap works here"):
        BubblewrapSandbox(candidates=(Binary(fake),)).check()


def test_an_interpreter_that_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    wide = Path("/home") if os.geteuid() else Path("/root")
    with pytest.raises(SandboxUnavailable, match="must stay hidden"):
        refuse_wide(wide, wide / "bin" / "python")
    with pytest.raises(SandboxUnavailable, match="must stay hidden"):
        refuse_wide(Path("/"), Path("/bin/python"))
    with pytest.raises(SandboxUnavailable, match="not an interpreter"):
        BubblewrapSandbox(python=str(tmp_path / "python")).check()
    with pytest.raises(SandboxUnavailable, match="not an interpreter"):
        interpreter_mounts(Path("python3"))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become an ordinary user")
def test_the_same_walls_stand_for_an_ordinary_user(sandbox: BubblewrapSandbox, tmp_path: Path) -> None:
    """Root shows the interpreter to another uid, who runs this file; there are no control groups for that one."""
    setpriv = shutil.which("setpriv")
    assert setpriv
    project = Path(__file__).parents[2]
    base = tmp_path / "ordinary"
    base.mkdir()
    os.chown(base, ORDINARY, ORDINARY)
    command = [str(binaries()[-1].path), "--dev-bind", "/", "/", "--perms", "0755", "--tmpfs", "/root"]
    command += ["--perms", "1777", "--tmpfs", "/tmp", "--perms", "0755", "--dir", "/tmp/t"]
    shown = [(mount.source, mount.target) for mount in interpreter_mounts(Path(sys.executable))]
    for source, target in [(project, project), *shown]:
        for parent in [*reversed(target.parents)][1:]:
            if parent.is_relative_to("/root") or parent.is_relative_to("/tmp"):
                command += ["--perms", "0755", "--dir", str(parent)]
        command += ["--ro-bind", str(source), str(target)]
    command += ["--bind", str(base), "/tmp/t", "--chdir", str(project), "--", setpriv, "--reuid", str(ORDINARY)]
    command += ["--regid", str(ORDINARY), "--clear-groups", sys.executable, "-B", "-m", "pytest", "-rs"]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", "--basetemp=/tmp/t/pytest", str(Path(__file__))]
    done = subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", "HOME": "/tmp/t"}, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout.decode()[-3000:] + done.stderr.decode()[-1000:]
    assert b"passed" in done.stdout
    assert b"no sandbox here" not in done.stdout
