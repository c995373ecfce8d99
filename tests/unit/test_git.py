"""Git plumbing with real git on local bare repositories, and on an address where nobody answers."""

import base64
import io
import os
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.git import Git
from bot.domain.change import Remote
from bot.domain.errors import Denied, Invalid, NotFound, PatchRefused, Stale, Unavailable

GIT = Git()
WHO = ("Journeyman", "journeyman@example.invalid")
PATCH = b"""diff --git a/a.txt b/a.txt
--- a/a.txt
+++ b/a.txt
@@ -1 +1 @@
-one
+two
"""


class Origin:
    """A bare repository and a clone to prepare it with."""

    def __init__(self, root: Path) -> None:
        self.bare = root / "origin.git"
        self.work = root / "work"
        self._run(root, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        self._run(root, "init", "--quiet", "--initial-branch=main", str(self.work))
        self.remote = Remote(str(self.bare), "", "")

    def git(self, *args: str) -> str:
        return self._run(self.work, *args)

    def commit(self, files: dict[str, str | bytes], *, to: str = "main") -> str:
        for name, content in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "-m", "prepare")
        return self.publish(to)

    def publish(self, to: str = "main") -> str:
        self.git("push", "--quiet", str(self.bare), f"HEAD:refs/heads/{to}")
        return self.git("rev-parse", "HEAD")

    def head(self, branch: str) -> str:
        return self._run(self.bare, "rev-parse", f"refs/heads/{branch}")

    def tree(self, sha: str) -> str:
        return self._run(self.bare, "rev-parse", f"{sha}^{{tree}}")

    def changed(self, base: str, sha: str) -> list[str]:
        return self._run(self.bare, "diff-tree", "-r", "--name-only", base, sha).splitlines()

    @staticmethod
    def _run(where: Path, *args: str) -> str:
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(where),
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{who}_{key}": "ann" for who in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")},
        }
        done = subprocess.run(["git", *args], cwd=where, env=env, check=True, capture_output=True, timeout=30)
        return done.stdout.decode().strip()


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path)


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/x.git"


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {info.name: info for info in archive.getmembers()}


def content(data: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = archive.extractfile(name)
        assert found is not None
        return found.read()


def patch(origin: Origin, base: str, branch: str = "agent/one", **more: object) -> tuple[str, str]:
    given = {"message": "why\n\nAgent-Run: r1\n", "author": WHO, "date_epoch": 1_700_000_000, "patch": PATCH, **more}
    done = GIT.commit_patch(origin.remote, base_sha=base, branch=branch, **given)  # type: ignore[arg-type]
    return done.sha, done.tree


# --- snapshot -------------------------------------------------------------------------------------------------------
def test_a_snapshot_holds_the_files_of_that_commit(origin: Origin) -> None:
    sha = origin.commit({"a.txt": "one\n", "d/b\u00e9.bin": b"\0\xff", "empty": ""})
    origin.commit({"a.txt": "later\n"})
    data = GIT.snapshot(origin.remote, sha)
    assert sorted(members(data)) == ["a.txt", "d/b\u00e9.bin", "empty"]
    assert content(data, "a.txt") == b"one\n"
    assert content(data, "d/b\u00e9.bin") == b"\0\xff"
    assert content(data, "empty") == b""


def test_a_snapshot_is_the_same_bytes_each_time(origin: Origin) -> None:
    sha = origin.commit({"a.txt": "one\n", "b/c.txt": "two\n"})
    assert GIT.snapshot(origin.remote, sha) == GIT.snapshot(origin.remote, sha)


def test_a_snapshot_keeps_modes_and_inner_links_only(origin: Origin) -> None:
    origin.commit({"d/run.sh": "#!/bin/sh\n", "a.txt": "one\n"})
    (origin.work / "d/run.sh").chmod(0o755)
    links = {
        "d/in": "../a.txt",
        "d/here": "run.sh",
        "out": "../secret",
        "d/deep": "../../secret",
        "absolute": "/etc/passwd",
        "twisted": "d/../../secret",
    }
    for name, target in links.items():
        (origin.work / name).symlink_to(target)
    found = members(GIT.snapshot(origin.remote, origin.commit({})))
    assert found["d/run.sh"].mode == 0o755
    assert found["a.txt"].mode == 0o644
    assert {name: info.linkname for name, info in found.items() if info.issym()} == {
        "d/in": "../a.txt",
        "d/here": "run.sh",
    }
    assert not {"out", "d/deep", "absolute", "twisted"} & set(found)


def test_attributes_in_the_tree_change_nothing(origin: Origin, tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    origin.git("config", "filter.evil.smudge", f"touch {bait}; cat")
    origin.git("config", "filter.evil.clean", "cat")
    sha = origin.commit(
        {
            "version.txt": "$Format:%H$ $Id$\n",
            "hidden.txt": "here\n",
            "crlf.txt": "a\r\nb\r\n",
            ".gitattributes": ("version.txt export-subst ident\nhidden.txt export-ignore\n*.txt filter=evil -text\n"),
        }
    )
    bait.unlink(missing_ok=True)
    data = GIT.snapshot(origin.remote, sha)
    assert content(data, "version.txt") == b"$Format:%H$ $Id$\n"
    assert content(data, "hidden.txt") == b"here\n"
    assert content(data, "crlf.txt") == b"a\r\nb\r\n"
    assert not bait.exists()


def test_a_submodule_is_an_empty_directory_and_is_not_fetched(origin: Origin) -> None:
    sha = origin.commit({".gitmodules": '[submodule "m"]\n\tpath = m\n\turl = https://example.invalid/m\n'})
    origin.git("update-index", "--add", "--cacheinfo", f"160000,{sha},m")
    origin.git("commit", "--quiet", "-m", "module")
    found = members(GIT.snapshot(origin.remote, origin.publish()))
    assert found["m"].isdir()


def test_a_snapshot_over_the_limit_says_both_sizes(origin: Origin) -> None:
    sha = origin.commit({"big.bin": os.urandom(400_000)})
    with pytest.raises(Invalid, match=r"take 0\.4 MiB, the limit is 0\.2 MiB"):
        Git(limit=200_000).snapshot(origin.remote, sha)


def test_a_pack_far_over_the_limit_is_not_even_stored(origin: Origin) -> None:
    sha = origin.commit({"big.bin": os.urandom(1_000_000)})
    with pytest.raises(Invalid, match="over the bound"):
        Git(limit=50_000).snapshot(origin.remote, sha)


@pytest.mark.parametrize("sha", ["HEAD", "main", "--upload-pack=touch x", "a" * 39, "A" * 40, "a" * 40 + "\n"])
def test_only_a_full_commit_id_will_do(origin: Origin, sha: str) -> None:
    with pytest.raises(Invalid, match="not a full commit id"):
        GIT.snapshot(origin.remote, sha)


def test_a_tree_id_is_not_a_commit(origin: Origin) -> None:
    sha = origin.commit({"a.txt": "one\n"})
    tree = origin.tree(sha)
    with pytest.raises((Invalid, NotFound, Unavailable)):
        GIT.snapshot(origin.remote, tree)


def test_an_unknown_commit_and_an_unknown_repository_are_not_found(origin: Origin, tmp_path: Path) -> None:
    origin.commit({"a.txt": "one\n"})
    with pytest.raises(NotFound):
        GIT.snapshot(origin.remote, "ab" * 20)
    with pytest.raises(NotFound):
        GIT.snapshot(Remote(str(tmp_path / "none.git"), "", ""), "ab" * 20)


@pytest.mark.parametrize("name", [".git", ".GIT", "..", "."])
def test_a_tree_that_no_checkout_may_have_is_refused(origin: Origin, name: str) -> None:
    origin.commit({"a.txt": "one\n"})
    blob = origin.git("rev-parse", "HEAD:a.txt")
    inner = write(origin, "tree", b"100644 config\0" + bytes.fromhex(blob))
    outer = write(origin, "tree", b"40000 " + name.encode() + b"\0" + bytes.fromhex(inner))
    sha = write(origin, "commit", f"tree {outer}\nauthor a <a> 1 +0000\ncommitter a <a> 1 +0000\n\nx\n".encode())
    origin.git("push", "--quiet", str(origin.bare), f"{sha}:refs/heads/evil")
    with pytest.raises(Invalid, match="no checkout may have"):
        GIT.snapshot(origin.remote, sha)


def write(origin: Origin, kind: str, data: bytes) -> str:
    """Store an object as it is, however wrong."""
    (origin.work / "object").write_bytes(data)
    return origin.git("hash-object", "-w", "--literally", "-t", kind, "object")


# --- commit_patch ---------------------------------------------------------------------------------------------------
def test_a_patch_becomes_one_commit_at_the_branch(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n", "b.txt": "b\n"})
    sha, tree = patch(origin, base)
    assert origin.head("agent/one") == sha
    assert origin.tree(sha) == tree
    assert origin.changed(base, sha) == ["a.txt"]
    origin.git("fetch", "--quiet", str(origin.bare), "agent/one")
    shown = origin.git("show", "--no-patch", "--format=%an|%ae|%cn|%at|%P|%B", "FETCH_HEAD")
    assert shown == f"Journeyman|{WHO[1]}|Journeyman|1700000000|{base}|why\n\nAgent-Run: r1"
    assert content(GIT.snapshot(origin.remote, sha), "a.txt") == b"two\n"


def test_saying_it_twice_gives_the_same_commit_once(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    assert patch(origin, base) == patch(origin, base)


def test_the_same_words_elsewhere_give_the_same_commit(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    assert patch(origin, base, "agent/one") == patch(origin, base, "agent/two")


def test_work_of_others_at_the_branch_stays(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    theirs = origin.commit({"theirs.txt": "x\n"}, to="agent/one")
    with pytest.raises(Stale, match=theirs):
        patch(origin, base)
    assert origin.head("agent/one") == theirs


def test_a_branch_moves_on_from_exactly_the_commit_that_was_seen(origin: Origin) -> None:
    seen = origin.commit({"a.txt": "one\n"}, to="agent/one")
    sha, _ = patch(origin, seen, moves=True)
    assert patch(origin, seen, moves=True)[0] == sha == origin.head("agent/one")
    assert origin.changed(seen, sha) == ["a.txt"]
    theirs = origin.commit({"theirs.txt": "x\n"}, to="agent/two")
    with pytest.raises(Stale, match=theirs):
        patch(origin, seen, "agent/two", moves=True)
    assert origin.head("agent/two") == theirs
    with pytest.raises(Stale, match="agent/gone is gone"):
        patch(origin, seen, "agent/gone", moves=True)


def test_a_branch_that_appears_during_the_push_stays(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    theirs = origin.commit({"theirs.txt": "x\n"}, to="theirs")
    # The remote's own hook plays the person who is faster: it creates the branch after git looked and before it writes.
    hook = origin.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nunset GIT_QUARANTINE_PATH\ngit update-ref refs/heads/agent/one {theirs}\n")
    hook.chmod(0o755)
    with pytest.raises(Stale, match=theirs):
        patch(origin, base)
    assert origin.head("agent/one") == theirs


def test_a_refusing_remote_is_denied(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    hook = origin.bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'this branch is protected' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Denied, match="protected"):
        patch(origin, base)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "apply"),
        (b"no patch at all\n", "apply"),
        (PATCH.replace(b"-one", b"-other"), "apply"),
        (PATCH.replace(b"a.txt", b"../a.txt"), "apply"),
        (PATCH.replace(b"a.txt", b".git/config"), "apply"),
        (PATCH.replace(b"a.txt", b"missing.txt"), "apply"),
        (b"diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+x\n", "apply"),
        (PATCH.replace(b"+two", b"+one"), "changes nothing"),
    ],
)
def test_a_patch_that_does_not_fit_is_refused(origin: Origin, text: bytes, reason: str) -> None:
    base = origin.commit({"a.txt": "one\n"})
    with pytest.raises(PatchRefused, match=reason):
        patch(origin, base, patch=text)
    with pytest.raises(subprocess.CalledProcessError):
        origin.head("agent/one")


def test_a_patch_may_add_remove_and_change_modes(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n", "b.txt": "b\n"})
    text = (
        b"diff --git a/a.txt b/a.txt\nold mode 100644\nnew mode 100755\n"
        b"diff --git a/b.txt b/b.txt\ndeleted file mode 100644\n--- a/b.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n"
        b"diff --git a/c/d.txt b/c/d.txt\nnew file mode 100644\n--- /dev/null\n+++ b/c/d.txt\n@@ -0,0 +1 @@\n+new\n"
    )
    sha, _ = patch(origin, base, patch=text)
    assert origin.changed(base, sha) == ["a.txt", "b.txt", "c/d.txt"]
    assert members(GIT.snapshot(origin.remote, sha))["a.txt"].mode == 0o755


@pytest.mark.parametrize(
    "text",
    [
        b"--- a/link\n+++ b/link\n@@ -1 +1 @@\n-a.txt\n\\ No newline at end of file\n+/etc/passwd\n"
        b"\\ No newline at end of file\n",
        b"diff --git a/n b/n\nnew file mode 120000\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+/etc\n"
        b"\\ No newline at end of file\n",
        b"diff --git a/link b/n\nrename from link\nrename to n\n",
        b"diff --git a/n b/n\nnew file mode 160000\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+Subproject commit "
        + b"a" * 40
        + b"\n",
    ],
    ids=["retarget", "make", "move", "submodule"],
)
def test_a_patch_may_touch_neither_links_nor_submodules(origin: Origin, text: bytes) -> None:
    (origin.work / "link").symlink_to("a.txt")
    base = origin.commit({"a.txt": "one\n"})
    with pytest.raises(PatchRefused, match=r"touches '(link|n)'"):
        patch(origin, base, patch=text)
    with pytest.raises(subprocess.CalledProcessError):
        origin.head("agent/one")


def test_attributes_do_not_touch_what_a_patch_writes(origin: Origin, tmp_path: Path) -> None:
    base = origin.commit({"a.txt": "one\n", ".gitattributes": "*.txt eol=crlf filter=evil merge=evil diff=evil\n"})
    sha, _ = patch(origin, base)
    assert content(GIT.snapshot(origin.remote, sha), "a.txt") == b"two\n"


@pytest.mark.parametrize(
    "branch",
    ["", "-x", "a b", "a..b", "a/", "/a", ".a", "a.lock", "a~1", "a:b", "a\nb", "x/.y", "x//y", "a.", "@{u}", "HEAD^"],
)
def test_a_branch_name_that_git_would_misread_is_refused(origin: Origin, branch: str) -> None:
    base = origin.commit({"a.txt": "one\n"})
    with pytest.raises(Invalid, match="not a branch name"):
        patch(origin, base, branch)


def test_a_message_that_git_refuses_is_invalid(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    with pytest.raises(Invalid):
        patch(origin, base, message="a\0b")


def test_sha256_repositories_work_too(tmp_path: Path) -> None:
    origin = Origin.__new__(Origin)
    origin.bare, origin.work = tmp_path / "o.git", tmp_path / "w"
    origin._run(tmp_path, "init", "--quiet", "--bare", "--object-format=sha256", "--initial-branch=main", "o.git")
    origin._run(tmp_path, "init", "--quiet", "--object-format=sha256", "--initial-branch=main", "w")
    origin.remote = Remote(str(origin.bare), "", "")
    base = origin.commit({"a.txt": "one\n"})
    assert len(base) == 64
    sha, _ = patch(origin, base)
    assert origin.head("agent/one") == sha


# --- the remote's address and credential ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "url", ["ssh://x/y", "git://x/y", "ext::sh -c id", "file:///x", "x@y:z", "http://u:p@localhost/x", "relative", ""]
)
def test_other_transports_are_refused(url: str) -> None:
    with pytest.raises(Invalid):
        GIT.snapshot(Remote(url, "", ""), "ab" * 20)


def test_nobody_at_the_address_is_unavailable_and_the_secret_stays_out_of_it() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        remote = Remote(f"http://127.0.0.1:{taken.getsockname()[1]}/x.git", "x-access-token", "s3cr3t-token")
        with pytest.raises(Unavailable) as caught:
            GIT.snapshot(remote, "ab" * 20)
    assert "s3cr3t-token" not in str(caught.value)


def test_the_secret_travels_in_a_header_and_is_in_no_argument_and_no_file(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        remote = Remote(f"http://{address}/x.git", "x-access-token", "s3cr3t-token")
        work = pool.submit(Git(scratch=tmp_path).snapshot, remote, "ab" * 20, seconds=20.0)
        server.settimeout(20)
        connection, _ = server.accept()
        with connection:
            asked = connection.recv(65_536)
            basic = base64.b64encode(b"x-access-token:s3cr3t-token")
            assert b"Authorization: Basic " + basic in asked
            secrets = (b"s3cr3t-token", basic)
            arguments = [_read(file) for file in Path("/proc").glob("[0-9]*/cmdline")]
            files = [_read(file) for file in tmp_path.rglob("*") if file.is_file()]
            assert files
            assert not any(secret in text for secret in secrets for text in [*arguments, *files])
        with pytest.raises(Unavailable) as caught:
            work.result(timeout=20)
    assert "s3cr3t" not in str(caught.value)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # a process that has ended meanwhile
        return b""


def test_a_redirect_takes_the_secret_nowhere(tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as elsewhere,
        ThreadPoolExecutor(1) as pool,
    ):
        remote = Remote(f"http://127.0.0.1:{server.getsockname()[1]}/x.git", "u", "s3cr3t-token")
        work = pool.submit(GIT.snapshot, remote, "ab" * 20, seconds=20.0)
        server.settimeout(20)
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            target = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/y.git/info/refs?service=git-upload-pack"
            connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
        with pytest.raises(Unavailable):
            work.result(timeout=20)
        elsewhere.setblocking(False)
        with pytest.raises(BlockingIOError):
            elsewhere.accept()


def test_nothing_of_our_surroundings_reaches_git(
    origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = origin.commit({"a.txt": "one\n"})
    bait, home = tmp_path / "bait", tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-push", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {bait}\n")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(f"[core]\n hooksPath = {hooks}\n fsmonitor = touch {bait}\n")
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_DIR": str(tmp_path / "nowhere"),
        "GIT_INDEX_FILE": str(tmp_path / "nowhere"),
        "GIT_TRACE": str(bait),
        "GIT_EXTERNAL_DIFF": f"touch {bait}",
        "GIT_ASKPASS": f"touch {bait}",
        "GIT_TEMPLATE_DIR": str(home),
        "GIT_EXEC_PATH": str(tmp_path / "nowhere"),
    }.items():
        monkeypatch.setenv(name, value)
    git = Git(scratch=tmp_path)
    data = git.snapshot(origin.remote, base)
    made = git.commit_patch(
        origin.remote, base_sha=base, patch=PATCH, branch="agent/one", message="m", author=WHO, date_epoch=1
    )
    assert content(data, "a.txt") == b"one\n"
    assert origin.head("agent/one") == made.sha
    assert not bait.exists()


def test_a_deaf_remote_costs_no_more_than_the_deadline(deaf: str) -> None:
    with pytest.raises(Unavailable, match="did not end within"):
        GIT.snapshot(Remote(deaf, "u", "p"), "ab" * 20, seconds=1.0)


def test_no_time_at_all_is_unavailable(origin: Origin) -> None:
    with pytest.raises(Unavailable, match="no time"):
        GIT.snapshot(origin.remote, "ab" * 20, seconds=0.0)


def test_nothing_is_left_in_the_temporary_directory(origin: Origin, tmp_path: Path) -> None:
    sha = origin.commit({"a.txt": "one\n"})
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    git = Git(scratch=scratch)
    git.snapshot(origin.remote, sha)
    with pytest.raises(NotFound):
        git.snapshot(replace(origin.remote, url=str(tmp_path / "none")), sha)
    assert list(scratch.iterdir()) == []


# --- landed ---------------------------------------------------------------------------------------------------------
def squash(origin: Origin, head: str) -> str:
    origin.git("merge", "--quiet", "--squash", head)
    origin.git("commit", "--quiet", "-m", "squashed")
    return origin.publish()


def topic(origin: Origin, base: str, name: str = "topic.txt") -> str:
    origin.git("checkout", "--quiet", "--detach", base)
    head = origin.commit({name: "new\n", "a.txt": "two\n"}, to="topic")
    origin.git("checkout", "--quiet", "main")
    return head


def test_a_squash_of_the_head_is_what_landed(origin: Origin) -> None:
    head = topic(origin, origin.commit({"a.txt": "one\n"}))
    assert GIT.landed(origin.remote, head_sha=head, merged_sha=squash(origin, head))[0]


def test_a_squash_onto_a_base_that_moved_is_what_landed(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    head = topic(origin, base)
    origin.commit({"meanwhile.txt": "x\n"})
    assert GIT.landed(origin.remote, head_sha=head, merged_sha=squash(origin, head))[0]


def test_a_merge_commit_and_a_fast_forward_are_what_landed(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    head = topic(origin, base)
    origin.git("merge", "--quiet", "--no-ff", "-m", "merged", head)
    assert GIT.landed(origin.remote, head_sha=head, merged_sha=origin.publish())[0]
    assert GIT.landed(origin.remote, head_sha=head, merged_sha=head)[0]


def test_a_long_history_is_asked_for_when_it_is_needed(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n"})
    head = topic(origin, base)
    for number in range(60):
        origin.git("commit", "--quiet", "--allow-empty", "-m", str(number))
    origin.commit({"meanwhile.txt": "x\n"})
    assert GIT.landed(origin.remote, head_sha=head, merged_sha=squash(origin, head))[0]


def test_something_added_on_the_way_is_not_what_landed(origin: Origin) -> None:
    head = topic(origin, origin.commit({"a.txt": "one\n"}))
    origin.git("merge", "--quiet", "--squash", head)
    merged = origin.commit({"smuggled.txt": "x\n"})
    found, why = GIT.landed(origin.remote, head_sha=head, merged_sha=merged)
    assert not found
    assert head in why


def test_a_conflict_and_a_first_commit_are_not_what_landed(origin: Origin) -> None:
    first = origin.commit({"a.txt": "one\n"})
    head = topic(origin, first)
    origin.commit({"a.txt": "three\n"})
    merged = origin.commit({"a.txt": "four\n"})
    assert not GIT.landed(origin.remote, head_sha=head, merged_sha=merged)[0]
    assert "no parent" in GIT.landed(origin.remote, head_sha=head, merged_sha=first)[1]


def test_what_cannot_be_compared_has_not_landed(origin: Origin) -> None:
    base = origin.commit({"a.txt": "one\n", "big.bin": os.urandom(1_000_000)})
    head = topic(origin, base)
    merged = squash(origin, head)
    assert GIT.landed(origin.remote, head_sha=head, merged_sha=merged)[0]
    found, why = Git(limit=50_000).landed(origin.remote, head_sha=head, merged_sha=merged)
    assert not found
    assert "could not be compared" in why
    assert not GIT.landed(origin.remote, head_sha=head, merged_sha="")[0]
