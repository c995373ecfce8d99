"""Running commands: what comes back, what is bounded, and that nothing survives."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.domain.errors import SandboxUnavailable
from bot.ports import Limits, Sandbox
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.sandbox.limits import Enforcement, Group, Parents, find_parents

LIMITS = Limits(wall_seconds=30, cpu_seconds=30, memory_mb=512, processes=40)
NO_GROUPS = Parents(2, {})


@pytest.fixture(scope="module", params=["groups", "no groups"])
def sandbox(request: pytest.FixtureRequest) -> BubblewrapSandbox:
    """Once with control groups where they can be made, once with resource limits alone."""
    made = BubblewrapSandbox(parents=None if request.param == "groups" else NO_GROUPS)
    try:
        made.check()
    except SandboxUnavailable as error:
        pytest.skip(f"no sandbox here: {error}")
    return made


@pytest.fixture
def workspace(sandbox: BubblewrapSandbox) -> Iterator[Path]:
    with sandbox.workspace() as made:
        yield made


def alive(marker: str) -> list[int]:
    """Processes of this machine that have the marker in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in line:
                found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def duration() -> str:
    """A length of sleep that nobody else uses, to find the process by."""
    return f"9{int.from_bytes(os.urandom(3)):08d}"


def test_output_input_environment_and_place(sandbox: Sandbox, workspace: Path) -> None:
    script = 'cat; echo "$PWD $HOME $LANG $TZ $ADDED" ; echo oops >&2; touch made; exit 3'
    done = sandbox.run(
        ["sh", "-c", script], workspace=workspace, limits=LIMITS, stdin=b"in\n" * 100_000, env={"ADDED": "yes"}
    )
    assert done.stdout == b"in\n" * 100_000 + b"/workspace /tmp C.UTF-8 UTC yes\n"
    assert done.stderr == b"oops\n"
    assert (done.exit_code, done.timed_out, done.truncated) == (3, False, False)
    assert (workspace / "made").exists()


def test_python_and_path(sandbox: Sandbox, workspace: Path) -> None:
    (workspace / "src").mkdir()
    (workspace / "src" / "mine.py").write_text("x = 5\n")
    for folder in (workspace, workspace / "src"):
        (folder / "__init__.py").write_text("")
    code = "import sys, mine, pytest, coverage; print(mine.x, sys.prefix)"
    done = sandbox.run(["python", "-c", code], workspace=workspace, limits=LIMITS)
    assert done.stdout.decode().split() == ["5", sys.prefix]


@pytest.mark.parametrize(
    ("script", "code"), [("kill -9 $$", -9), ("kill -15 $$", -15), ("exit 0", 0), ("exit 127", 127)]
)
def test_exit_codes(sandbox: Sandbox, workspace: Path, script: str, code: int) -> None:
    assert sandbox.run(["sh", "-c", script], workspace=workspace, limits=LIMITS).exit_code == code


def test_a_command_that_is_not_there(sandbox: Sandbox, workspace: Path) -> None:
    done = sandbox.run(["no-such-command"], workspace=workspace, limits=LIMITS)
    assert done.exit_code == 127
    assert b"no-such-command" in done.stderr


def test_an_argument_cannot_become_an_option(sandbox: Sandbox, workspace: Path) -> None:
    done = sandbox.run(["echo", "--bind", "/", "/workspace"], workspace=workspace, limits=LIMITS)
    assert done.stdout == b"--bind / /workspace\n"


def test_lines_come_as_they_are_written(sandbox: Sandbox, workspace: Path) -> None:
    """The program waits for an answer to its first line, which is only given once the line has been seen."""
    lines: list[bytes] = []

    def answer(line: bytes) -> None:
        lines.append(line)
        if len(lines) == 1:
            (workspace / "seen").touch()

    script = "echo one; while [ ! -e seen ]; do sleep 0.01; done; echo two; printf three"
    done = sandbox.run(["sh", "-c", script], workspace=workspace, limits=LIMITS, on_line=answer)
    assert not done.timed_out
    assert lines == [b"one", b"two", b"three"]


def test_an_exception_of_the_listener_ends_the_sandbox(sandbox: Sandbox, workspace: Path) -> None:
    mark = duration()

    def fail(line: bytes) -> None:
        raise RuntimeError(line.decode())

    with pytest.raises(RuntimeError, match="hello"):
        sandbox.run(["sh", "-c", f"echo hello; sleep {mark}"], workspace=workspace, limits=LIMITS, on_line=fail)
    assert not alive(mark)


def test_a_flood_is_cut_and_drained(sandbox: Sandbox, workspace: Path) -> None:
    lines: list[bytes] = []
    limits = Limits(wall_seconds=30, output_bytes=10_000)
    script = "yes | head -c 20000000; yes no | head -c 20000000 >&2; exit 4"
    done = sandbox.run(["sh", "-c", script], workspace=workspace, limits=limits, on_line=lines.append)
    assert (done.exit_code, done.truncated) == (4, True)
    assert (len(done.stdout), len(done.stderr)) == (10_000, 10_000)
    assert len(lines) == 5_000


@pytest.mark.parametrize(
    "script",
    [
        "sleep {}",
        "setsid sleep {} & (setsid sleep {} &) ; sleep {}",
        "trap '' TERM INT HUP; (trap '' TERM; sleep {}) & sleep {}",
        "nohup sleep {} >/dev/null 2>&1 & sleep {}",
    ],
)
def test_the_end_of_the_time_ends_every_process(sandbox: Sandbox, workspace: Path, script: str) -> None:
    mark = duration()
    command = script.replace("{}", mark)
    started = time.monotonic()
    done = sandbox.run(["sh", "-c", command], workspace=workspace, limits=Limits(wall_seconds=0.5))
    assert (done.timed_out, done.exit_code) == (True, -signal.SIGKILL)
    assert time.monotonic() - started < 5
    assert not alive(mark)


def test_what_a_command_leaves_running_ends_with_it(sandbox: Sandbox, workspace: Path) -> None:
    mark = duration()
    script = f"setsid sleep {mark} & (sleep {mark} &) ; echo done"
    done = sandbox.run(["sh", "-c", script], workspace=workspace, limits=LIMITS)
    assert (done.exit_code, done.stdout, done.timed_out) == (0, b"done\n", False)
    assert done.seconds < 10
    assert not alive(mark)


def test_the_death_of_the_worker_ends_the_sandbox() -> None:
    mark = duration()
    code = f"""
from bot.ports import Limits
from workers.sandbox.bubblewrap import BubblewrapSandbox
sandbox = BubblewrapSandbox()
with sandbox.workspace() as room:
    sandbox.run(["sh", "-c", "setsid sleep {mark} & sleep {mark}"], workspace=room, limits=Limits(wall_seconds=60))
"""
    try:
        BubblewrapSandbox().check()
    except SandboxUnavailable as error:
        pytest.skip(f"no sandbox here: {error}")
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2]) as worker:
        # the worker itself has the mark too; sandbox, launchers and both sleeps must come on top
        assert eventually(lambda: len(alive(f"sleep\0{mark}")) == 2)
        worker.kill()
    assert eventually(lambda: not alive(mark))


def test_the_number_of_processes_is_bounded(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    code = """
import os, time
made = 0
try:
    while made < 60:
        if os.fork() == 0:
            time.sleep(20)
            os._exit(0)
        made += 1
except BlockingIOError:
    print(made)
"""
    limits = Limits(wall_seconds=20, processes=15)
    done = sandbox.run([sandbox.python, "-c", code], workspace=workspace, limits=limits)
    assert 10 <= int(done.stdout or b"60") <= 18


def test_memory_is_bounded(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    code = "blocks = [bytearray(1 << 20) for _ in range(400)]; print('had it')"
    done = sandbox.run([sandbox.python, "-c", code], workspace=workspace, limits=Limits(memory_mb=128))
    assert done.exit_code != 0
    assert b"had it" not in done.stdout


def test_file_size_is_bounded(sandbox: Sandbox, workspace: Path) -> None:
    done = sandbox.run(
        ["dd", "if=/dev/zero", "of=big", "bs=1M", "count=8"], workspace=workspace, limits=Limits(file_mb=2)
    )
    assert done.exit_code != 0
    assert (workspace / "big").stat().st_size <= 2 << 20


def test_processor_time_is_bounded(sandbox: Sandbox, workspace: Path) -> None:
    limits = Limits(wall_seconds=60, cpu_seconds=1)
    done = sandbox.run(["sh", "-c", "while :; do :; done"], workspace=workspace, limits=limits)
    assert done.exit_code != 0
    assert done.seconds < 30


def test_a_nearly_full_disk_starts_nothing(workspace: Path) -> None:
    sandbox = BubblewrapSandbox(keep_free_mb=1 << 40)
    with pytest.raises(SandboxUnavailable, match="are free on the disk"):
        sandbox.run(["true"], workspace=workspace, limits=LIMITS)


def test_extra_paths_are_read_only_at_the_same_place(sandbox: Sandbox, workspace: Path, tmp_path: Path) -> None:
    extra = tmp_path / "extra"
    extra.mkdir()
    (extra / "note").write_text("hello")
    script = f"cat {extra}/note; touch {extra}/new"
    done = sandbox.run(["sh", "-c", script], workspace=workspace, limits=LIMITS, read_only=[extra])
    assert done.stdout == b"hello"
    assert b"Read-only" in done.stderr


@pytest.mark.parametrize("path", ["/", "/usr", "/proc", "/nowhere/at/all", "relative"])
def test_extra_paths_that_would_break_the_cage_are_refused(sandbox: Sandbox, workspace: Path, path: str) -> None:
    with pytest.raises(ValueError, match=r"cover|absolute"):
        sandbox.run(["true"], workspace=workspace, limits=LIMITS, read_only=[Path(path)])


def test_names_that_are_no_environment_are_refused(sandbox: Sandbox, workspace: Path) -> None:
    with pytest.raises(ValueError, match="environment"):
        sandbox.run(["true"], workspace=workspace, limits=LIMITS, env={"A=B": "c"})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its uid")
def test_a_directory_of_root_is_no_workspace(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"make it with sandbox.workspace\(\)"):
        sandbox.run(["true"], workspace=tmp_path, limits=LIMITS)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its uid")
def test_two_workspaces_belong_to_two_uids(sandbox: BubblewrapSandbox) -> None:
    owners = set()
    for _ in range(6):
        with sandbox.workspace() as room:
            owners.add(room.stat().st_uid)
    assert len(owners) > 1
    assert 0 not in owners


def test_it_tells_what_bounds_are_in_force() -> None:
    assert BubblewrapSandbox(parents=NO_GROUPS).enforcement() == Enforcement("prlimit", "prlimit", "prlimit")
    assert not BubblewrapSandbox(parents=NO_GROUPS).enforcement().full
    found = find_parents()
    assert found.enforcement.full is (set(found.directories) == {"memory", "pids", "cpu"})


def test_groups_are_removed_and_left_overs_swept(tmp_path: Path) -> None:
    parents = find_parents()
    if not parents.directories:
        pytest.skip("no control groups can be made here")
    place = next(iter(parents.directories.values()))
    before = set(place.iterdir())
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = place / f"journeyman-{gone.pid}-aaaa"
    left.mkdir()
    with Group(parents, LIMITS) as group:
        assert group.cpu_seconds() == 0
        mine = {path for path in place.iterdir() if path.name.startswith(f"journeyman-{os.getpid()}-")}
        assert mine - before
        find_parents()
        assert not left.exists()
    assert not any(path.exists() for path in mine - before)
