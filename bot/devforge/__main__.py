"""Run the forge as a process: `python -m bot.devforge --port N --data DIR`."""

import argparse
import json
import signal
import sys
from pathlib import Path
from threading import Event

from bot.devforge.ci import pytest_runner
from bot.devforge.server import DevForge


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; prints one JSON line with url, api_url, port and admin_token when ready."""
    parser = argparse.ArgumentParser(prog="python -m bot.devforge", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", type=Path, default=None, help="where the git repositories lie (default: temporary)")
    parser.add_argument("--no-ci", action="store_true", help="do not run the tests of what is pushed")
    parser.add_argument("--dialect", choices=("github", "gitlab"), default="github", help="whose API it speaks")
    given = parser.parse_args(argv)
    done = Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: done.set())
    with DevForge(
        given.data, port=given.port, runner=None if given.no_ci else pytest_runner(), dialect=given.dialect
    ) as forge:
        ready = {"url": forge.url, "api_url": forge.api_url, "port": forge.port, "admin_token": forge.admin_token}
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        done.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
