"""Files into a workspace, files out of it, and the end of a workspace, when what is in it means harm."""

import io
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.errors import PatchRefused
from bot.ports import Limits
from workers.sandbox import intake
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.sandbox.rooms import make_room, remove_tree, sweep_rooms
from workers.sandbox.workspace import PathRefused, make_link, parts_of, read_bytes, read_text, walk, write_text

LIMITS = Limits(wall_seconds=30, memory_mb=512)


@pytest.fixture
def workspace(sandbox: BubblewrapSandbox) -> Iterator[Path]:
    with sandbox.workspace() as made:
        yield made


def sh(sandbox: BubblewrapSandbox, workspace: Path, script: str) -> str:
    done = sandbox.run(["sh", "-ec", script], workspace=workspace, limits=LIMITS)
    assert done.exit_code == 0, done.stderr.decode()
    return done.stdout.decode()


def tar(*members: tuple[str, bytes | str], kind: bytes = tarfile.REGTYPE, mode: int = 0o644) -> bytes:
    """An archive of files (bytes) and links (str)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode = mode
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.type, info.size = kind, len(content) if kind == tarfile.REGTYPE else 0
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


# --- paths and single files ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a/..", "a\0b", "x" * 300, "a/" * 80 + "b"])
def test_paths_that_leave_are_refused(path: str) -> None:
    with pytest.raises(PathRefused) as refused:
        parts_of(path)
    assert refused.value.code == "outside"


def test_odd_but_harmless_paths() -> None:
    assert parts_of("./a//b/./c") == ("a", "b", "c")
    assert parts_of("..a/b..") == ("..a", "b..")


def test_what_the_sandbox_plants_cannot_fool_the_host(
    sandbox: BubblewrapSandbox, workspace: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("secret")
    sh(
        sandbox,
        workspace,
        f"ln -s {canary} link; ln -s {tmp_path} dir; mkfifo pipe; mkdir real; ln -s .. real/up; ln link hard; "
        "truncate -s 9000000 big; printf 'a\\0b' > nul; printf '\\377\\376' > latin; echo fine > fine",
    )
    codes = {}
    for path in ("link", "dir/canary", "pipe", "real", "real/up/fine", "hard", "big", "nul", "latin", "none", ""):
        with pytest.raises(PathRefused) as refused:
            read_text(workspace, path)
        codes[path] = refused.value.code
    assert codes == {
        "link": "link", "dir/canary": "link", "pipe": "not_a_file", "real": "not_a_file", "real/up/fine": "link",
        "hard": "link", "big": "too_large", "nul": "binary", "latin": "binary", "none": "missing", "": "not_a_file",
    }  # fmt: skip
    for path in ("link", "dir/canary", "dir/new", "pipe", "real", "real/up/new"):
        with pytest.raises(PathRefused):
            write_text(workspace, path, "overwritten")
    assert canary.read_text() == "secret"
    assert list(tmp_path.iterdir()) == [canary]
    assert list(walk(workspace)) == ["big", "fine", "latin", "nul"]


def test_a_socket_is_no_file(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    sh(sandbox, workspace, "python -c \"import socket; socket.socket(socket.AF_UNIX).bind('s')\"")
    with pytest.raises(PathRefused):
        read_bytes(workspace, "s")


def test_written_files_belong_to_the_sandbox_and_keep_their_mode(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    write_text(workspace, "deep/er/run.sh", "echo one\n")
    sh(sandbox, workspace, "chmod 755 deep/er/run.sh; echo more > deep/er/other")
    write_text(workspace, "deep/er/run.sh", "echo zwei \N{SNOWMAN}\r\n")
    assert sh(sandbox, workspace, "stat -c '%U %a' deep/er/run.sh; echo >> deep/er/run.sh") == "agent 755\n"
    assert read_text(workspace, "deep/er/run.sh") == "echo zwei \N{SNOWMAN}\r\n\n"


def test_links_may_be_made_inside_only(workspace: Path) -> None:
    make_link(workspace, "a/b/link", "../../c")
    assert (workspace / "a/b/link").readlink() == Path("../../c")
    for target in ("/etc/passwd", "../../../x", "x/../../../..", ""):
        with pytest.raises(PathRefused):
            make_link(workspace, "a/b/other", target)


# --- archives and directories ----------------------------------------------------------------------------------------
def test_a_tree_goes_in_and_belongs_to_the_sandbox(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    loaded = intake.load_tree(tar(("src/a.py", b"x = 1\n"), ("link", "src/a.py"), ("out", "../../x")), workspace)
    assert (loaded.files, loaded.bytes) == (2, 6)
    assert "outside the workspace" in loaded.skipped[0]
    assert sh(sandbox, workspace, "cat link; echo y >> src/a.py; stat -c %U link") == "x = 1\nagent\n"


def test_what_git_archive_makes_goes_in(tmp_path: Path, workspace: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*args: str) -> bytes:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", *args]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, stdout=subprocess.PIPE).stdout

    git("init", "-q")
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "run").write_text("#!/bin/sh\n")
    (tmp_path / "run").chmod(0o755)
    git("add", "-A")
    git("commit", "-qm", "one")
    assert intake.load_tree(git("archive", "--format=tar.gz", "HEAD"), workspace).files == 2
    assert (workspace / "run").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("name", ["/etc/x", "../x", ".git/config", "sub/.GIT/hooks/post-checkout"])
def test_members_that_leave_or_configure_git_are_refused(workspace: Path, name: str) -> None:
    with pytest.raises(PathRefused):
        intake.load_tree(tar((name, b"x")), workspace)


def test_a_member_through_a_link_is_refused(workspace: Path) -> None:
    with pytest.raises(PathRefused):
        intake.load_tree(tar(("real/x", b""), ("link", "real"), ("link/evil", b"x")), workspace)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE])
def test_devices_pipes_and_hard_links_are_left_out(workspace: Path, kind: bytes) -> None:
    assert intake.load_tree(tar(("odd", b""), kind=kind), workspace).skipped == ("odd: neither a file nor a link",)
    assert not (workspace / "odd").exists()


def test_one_file_may_be_most_of_a_repository(workspace: Path) -> None:
    assert intake.load_tree(tar(("big.bin", bytes(30 * 2**20)), ("a.py", b"")), workspace).files == 2
    assert (workspace / "big.bin").stat().st_size == 30 * 2**20


def test_too_much_and_broken_archives_are_refused(workspace: Path) -> None:
    with pytest.raises(PathRefused, match="more than 1 files"):
        intake.load_tree(tar(("a", b""), ("b", b"")), workspace, intake.Bounds(files=1))
    for parts in ([("a", b"x" * 11)], [("b", b"x" * 6), ("a", b"x" * 5)]):
        with pytest.raises(PathRefused, match="more than 10 bytes, with a"):
            intake.load_tree(tar(*parts), workspace, intake.Bounds(total_bytes=10))
    with pytest.raises(PathRefused, match="the archive cannot be read"):
        intake.load_tree(b"not a tar at all", workspace)


# --- the difference --------------------------------------------------------------------------------------------------
def test_the_difference_is_a_patch_that_git_applies(
    sandbox: BubblewrapSandbox, workspace: Path, tmp_path: Path
) -> None:
    before = tar(("a.py", b"x = 1\n"), ("gone.txt", b"bye\n"), ("bin", b"\0\1\2"), ("ümlaut.txt", b"u\r\n"))
    intake.load_tree(before, workspace)
    commit = intake.snapshot(sandbox, workspace)
    assert len(commit) == 40
    assert intake.diff(sandbox, workspace) == b""
    sh(
        sandbox,
        workspace,
        "echo 'x = 2' > a.py; rm gone.txt; printf '\\3\\0' > bin; printf 'v\\r\\n' >> ümlaut.txt; "
        "printf '\\344\\n' > latin.txt; mkdir -p n; echo new > n/new.sh; chmod +x n/new.sh; "
        "mkdir __pycache__ .pytest_cache; touch __pycache__/a.pyc .pytest_cache/x .coverage",
    )
    patch = intake.diff(sandbox, workspace)
    assert b"pytest_cache" not in patch
    assert b"__pycache__" not in patch
    assert b"new file mode 100755" in patch
    with tarfile.open(fileobj=io.BytesIO(before)) as archive:
        archive.extractall(tmp_path, filter="data")
    subprocess.run(["git", "apply", "--binary", "-"], cwd=tmp_path, input=patch, check=True)
    found = {path.relative_to(tmp_path).as_posix(): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {
        "a.py": b"x = 2\n", "bin": b"\3\0", "ümlaut.txt": b"u\r\nv\r\n", "latin.txt": b"\xe4\n", "n/new.sh": b"new\n",
    }  # fmt: skip


def test_commands_can_neither_move_the_base_nor_configure_the_git_that_compares(
    sandbox: BubblewrapSandbox, workspace: Path
) -> None:
    intake.load_tree(tar(("a.py", b"x = 1\n")), workspace)
    intake.snapshot(sandbox, workspace)
    assert sh(sandbox, workspace, "git log --oneline | wc -l; git status --short") == "1\n"
    sh(
        sandbox,
        workspace,
        "echo 'x = 2' > a.py; git commit -qam moved; git config diff.external 'touch pwned;'; "
        "git config core.fsmonitor 'touch pwned;'; git config filter.evil.clean 'touch pwned; cat'; "
        "echo '*.py filter=evil diff=evil' > .gitattributes; echo 'ref: nonsense' > .git/HEAD",
    )
    patch = intake.diff(sandbox, workspace)
    assert b"-x = 1\n+x = 2\n" in patch
    assert not (workspace / "pwned").exists()
    sh(sandbox, workspace, "rm -rf .git; echo gitdir: /elsewhere > .git")
    assert intake.diff(sandbox, workspace) == patch


def test_a_difference_that_is_too_large_is_refused(sandbox: BubblewrapSandbox, workspace: Path) -> None:
    intake.load_tree(tar(("a.py", b"x = 1\n")), workspace)
    intake.snapshot(sandbox, workspace)
    write_text(workspace, "big.txt", "line\n" * 2000)
    with pytest.raises(PatchRefused, match="larger than 5000 bytes"):
        intake.diff(sandbox, workspace, limit=5000)


def test_no_difference_without_a_snapshot(sandbox: BubblewrapSandbox, workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(PatchRefused, match="call snapshot first"):
        intake.diff(sandbox, workspace)
    with pytest.raises(ValueError, match="not made by"):
        intake.diff(sandbox, tmp_path / "elsewhere")


# --- the end ---------------------------------------------------------------------------------------------------------
def test_a_workspace_goes_whatever_is_in_it(sandbox: BubblewrapSandbox, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("here")
    deep = """
import os
for _ in range(1500):
    os.mkdir("d" * 200); os.chdir("d" * 200)
os.symlink("/", "root")
"""
    with sandbox.workspace() as workspace:
        sh(
            sandbox,
            workspace,
            f"mkdir -p a/b/c; touch a/b/c/f; ln -s {tmp_path} a/b/link; mkfifo a/p; touch -- -rf; chmod 0 a/b/c a/b a; "
            f"chmod 0 .; cd /tmp",
        )
        sandbox.run([sandbox.python, "-c", deep], workspace=workspace, limits=LIMITS)
        sh(sandbox, workspace, "chmod 0 .")
        room = workspace.parent
    assert not room.exists()
    assert kept.read_text() == "here"


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove_tree(tmp_path / "none")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError, match="link"):
        remove_tree(tmp_path / "link")


def test_rooms_of_the_dead_are_swept_and_those_of_the_living_are_not() -> None:
    with make_room(None) as used:
        left = used.parent.with_name(f"{used.parent.name}-left")
        (left / "tree").mkdir(parents=True)
        for room in (used.parent, left):
            os.utime(room, (0, 0))
        sweep_rooms()
        assert used.is_dir()
        assert not left.exists()


def test_unix_sockets_of_the_workspace_go_too(tmp_path: Path) -> None:
    tree = tmp_path / "t"
    tree.mkdir()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tree / "s"))
    remove_tree(tree)
    assert not tree.exists()


def test_a_worker_that_is_told_to_end_while_it_starts_leaves_no_room(tmp_path: Path) -> None:
    code = (
        "import time\nfrom workers.cli.worker import leave_tidily\nfrom workers.sandbox.rooms import make_room\n"
        "leave_tidily()\nwith make_room(None):\n    print('in', flush=True)\n    time.sleep(60)\n"
    )
    own = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], env=own, stdout=subprocess.PIPE) as starting:
        assert starting.stdout is not None
        assert starting.stdout.readline() == b"in\n"
        assert list(tmp_path.iterdir())
        starting.terminate()
        assert starting.wait(20) == 0
    assert not list(tmp_path.iterdir())
