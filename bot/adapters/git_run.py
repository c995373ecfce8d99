"""Running git on the host so that nothing it reads can run anything.

Every command works on a bare repository that we made in a scratch directory a moment ago, with an environment that we
wrote word for word: no hooks, no system or personal configuration, no attributes files, no filters, no submodules, no
prompts, and no transport but the one that the remote's address needs. There is never a work tree. A credential reaches
git as configuration in its environment, so it is in no argument list, no file and no address. Each command has a
deadline that takes its children along, and a bound on every file that it writes, its own output included.
"""

import base64
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bot.domain.change import Remote
from bot.domain.errors import Denied, ForgeError, Invalid, NotFound, Unavailable
from bot.domain.redaction import Redaction

_PATH = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"
_WORDS = 400  # characters of git's own words that we repeat
# `ulimit -f` counts blocks of 512 bytes and holds for all that git starts.
_BOUNDED = 'ulimit -f "$1" && shift && exec git "$@"'
_TOO_BIG = -signal.SIGXFSZ

_HARDENED = {
    "core.attributesFile": "/dev/null",
    "core.autocrlf": "false",
    "core.fsmonitor": "false",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.symlinks": "false",
    "core.askPass": "",
    "core.sshCommand": "false",
    "credential.helper": "",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "push.recurseSubmodules": "no",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.followRedirects": "false",
    "protocol.allow": "never",
    "transfer.bundleURI": "false",
}


class Refused(Exception):
    """Git ended with an error; `words` are its own, without secrets."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(f"git ended with {code}: {words}")
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class Room:
    """What one piece of work may use: a directory (None: the system's), seconds, and bytes for any one file."""

    place: Path | None
    seconds: float
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Scratch:
    """A bare repository of our own that lives until the block ends, and the time that is left for work in it."""

    root: Path
    remote: Remote
    deadline: float
    file_bytes: int

    def git(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] = {}) -> bytes:
        """Run a command that needs no network; raises Refused, Invalid (too big) or Unavailable (too slow)."""
        return self._run(args, stdin, {**_environment(self.root, {}), **env})

    def network(self, *args: str) -> bytes:
        """Run a command that speaks to the remote; raises a ForgeError."""
        scheme = _scheme(self.remote)
        config = {f"protocol.{scheme}.allow": "always", **_credential(self.remote), **_trust(self.remote)}
        env = {**_environment(self.root, config), "GIT_ALLOW_PROTOCOL": scheme}
        try:
            return self._run(args, b"", env)
        except Refused as error:
            raise _forge_error(error) from error

    def _run(self, args: Sequence[str], stdin: bytes, env: Mapping[str, str]) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Unavailable(f"no time was left for git {args[0]}")
        shell = ["/bin/sh", "-c", _BOUNDED, "git", str(self.file_bytes // 512), *args]
        with (
            tempfile.TemporaryFile(dir=self.root) as given,
            tempfile.TemporaryFile(dir=self.root) as out,
            tempfile.TemporaryFile(dir=self.root) as err,
        ):
            given.write(stdin)
            given.seek(0)
            process = subprocess.Popen(
                shell, cwd=self.root, env=dict(env), stdin=given, stdout=out, stderr=err, start_new_session=True
            )
            code = _await(process, left)
            if code is None:
                raise Unavailable(f"git {args[0]} did not end within its {left:.0f} seconds")
            err.seek(0)
            words = _redact(err.read(64_000).decode(errors="replace"), self.remote)
            if code in (_TOO_BIG, 128 - _TOO_BIG) or "signal 25" in words or "File too large" in words:
                raise Invalid(f"git {args[0]} went over the bound of {self.file_bytes // 2**20} MiB for one file")
            if code != 0:
                raise Refused(code, words)
            out.seek(0)
            return out.read()


@contextmanager
def scratch(remote: Remote, room: Room, *, sha256: bool) -> Iterator[Scratch]:
    """Make an empty bare repository for work with one remote; it is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="journeyman-git-", dir=room.place, ignore_cleanup_errors=True) as name:
        root = Path(name)
        (root / "hooks").mkdir()
        made = Scratch(root, remote, time.monotonic() + room.seconds, room.file_bytes)
        objects = "sha256" if sha256 else "sha1"
        try:
            made.git("init", "--quiet", "--bare", "--template=", f"--object-format={objects}", str(root / "repo"))
            yield made
        except Refused as error:
            if error.code == 127:
                raise Unavailable("git could not be started: install git 2.31 or later") from error
            raise Unavailable(f"git failed: {error.words}") from error


def _await(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """Return the exit code, None when time ran out; an unfinished process goes with all its children."""
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment(root: Path, config: Mapping[str, str]) -> dict[str, str]:
    settings = {**_HARDENED, "core.hooksPath": str(root / "hooks"), **config}
    env = {
        "PATH": _PATH,
        "HOME": str(root),
        "XDG_CONFIG_HOME": str(root),
        "LC_ALL": "C",
        "TZ": "UTC",
        "GIT_DIR": str(root / "repo"),
        "GIT_INDEX_FILE": str(root / "index"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": str(len(settings)),
    }
    for number, (key, value) in enumerate(settings.items()):
        env[f"GIT_CONFIG_KEY_{number}"] = key
        env[f"GIT_CONFIG_VALUE_{number}"] = value
    return env


def _scheme(remote: Remote) -> str:
    if remote.url.startswith("/"):
        return "file"
    parts = urlsplit(remote.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise Invalid("git speaks http and https only, with no credential in the address")
    return parts.scheme


def _credential(remote: Remote) -> dict[str, str]:
    """Return the header for exactly this server; none for a local path."""
    parts = urlsplit(remote.url)
    if not remote.secret or not parts.hostname:
        return {}
    return {f"http.{parts.scheme}://{parts.netloc}/.extraHeader": f"Authorization: Basic {_basic(remote)}"}


def _trust(remote: Remote) -> dict[str, str]:
    return {"http.sslCAInfo": str(Path(remote.ca_file).absolute())} if remote.ca_file else {}


def _basic(remote: Remote) -> str:
    return base64.b64encode(f"{remote.username}:{remote.secret}".encode()).decode()


def _redact(text: str, remote: Remote) -> str:
    if remote.secret:
        text = Redaction([remote.secret, _basic(remote)]).clean(text)
    return " ".join(text.split())[-_WORDS:]


_DENIED = re.compile(
    r"permission|access denied|protected branch|\[remote rejected\]|refusing to allow|pre-receive hook declined"
    r"|may not",
    re.IGNORECASE,
)
_LOGGED_OUT = re.compile(
    r"authentication failed|could not read username|terminal prompts disabled|returned error: 40[13]", re.IGNORECASE
)
"""Also a 403 that gives no reason, by which a forge limits the rate: git shows us no header that would tell."""

_NOT_FOUND = re.compile(
    r"returned error: 404|repository .*not found|not our ref|unadvertised object|remote ref|no such remote"
    r"|does not appear to be a git repository|does not exist",
    re.IGNORECASE,
)


def _forge_error(error: Refused) -> ForgeError:
    if _DENIED.search(error.words):
        return Denied(f"the forge refused git: {error.words}")
    if _LOGGED_OUT.search(error.words):
        return Unavailable(f"the forge does not accept our credential for git; check the token: {error.words}")
    if _NOT_FOUND.search(error.words):
        return NotFound(f"the forge has no such thing for git: {error.words}")
    return Unavailable(f"git could not work with the forge: {error.words}")
