"""A small forge for tests: three people, a bot, one repository; every answer and every webhook held against GitHub's
description where that is at hand.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any

import github
import pytest
from flask import Response, request

from bot.devforge.ci import CiRunner
from bot.devforge.server import DevForge
from tests import openapi

REPO = "ana/calc"
FILES = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "test_calc.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
    "docs/guide.md": "# Guide\n",
}


@dataclass
class Seeded:
    """A running forge with the tokens of its people: ana owns, wes writes, tia triages, rob only reads."""

    forge: DevForge
    tokens: dict[str, str]
    violations: list[str] = field(default_factory=list)

    def client(self, who: str) -> github.Github:
        """Return a real client that acts as somebody."""
        return github.Github(
            base_url=self.forge.api_url,
            auth=github.Auth.Token(self.tokens[who]),
            seconds_between_requests=0,
            seconds_between_writes=0,
            retry=None,
        )

    def repo(self, who: str) -> Any:
        """Return the repository as somebody's client sees it."""
        return self.client(who).get_repo(REPO)

    def git_url(self, who: str) -> str:
        """Return the address that git clones as somebody."""
        return f"http://{who}:{self.tokens[who]}@localhost:{self.forge.port}/{REPO}.git"

    def branch(self, name: str, files: dict[str, str], *, message: str = "Fix add\n") -> str:
        """Commit files on top of main as the bot, through the REST API, and return the commit."""
        repo = self.repo("bot")
        base = repo.get_git_commit(repo.get_branch("main").commit.sha)
        rows = [github.InputGitTreeElement(path, "100644", "blob", content=text) for path, text in files.items()]
        tree = repo.create_git_tree(rows, base_tree=base.tree)
        commit = repo.create_git_commit(message, tree, [base])
        repo.create_git_ref(f"refs/heads/{name}", commit.sha)
        return str(commit.sha)


@contextmanager
def seeded(folder: Path, runner: CiRunner | None = None) -> Iterator[Seeded]:
    """Run a forge; at the end, everything that it said must have been what GitHub says."""
    forge = DevForge(folder / "forge", runner=runner)
    tokens = {who: forge.add_user(who) for who in ("ana", "wes", "tia", "rob")}
    tokens["bot"] = forge.add_bot("journeyman")
    roles = {"wes": "write", "tia": "triage", "journeyman[bot]": "write"}
    forge.add_repo(REPO, FILES, roles=roles)
    world = Seeded(forge, tokens)
    if openapi.SPEC.exists():
        forge.observers.append(lambda response: _observe(world, response))
    with forge:
        yield world
        assert forge.wait_idle(20)
    if openapi.SPEC.exists():
        _check_hooks(world)
    if world.violations:
        pytest.fail("\n".join(world.violations))


def _observe(world: Seeded, response: Response) -> None:
    if not request.path.startswith("/api/v3/"):
        return
    try:
        openapi.validate_response(
            request.method, request.full_path, response.status_code, dict(response.headers), response.get_data()
        )
    except openapi.SpecViolation as violation:
        world.violations.append(str(violation))


def _check_hooks(world: Seeded) -> None:
    for repo in world.forge.world.repos.values():
        for hook in repo.hooks.values():
            for delivery in hook.deliveries:
                try:
                    openapi.validate_webhook(delivery.event, json.loads(delivery.body))
                except openapi.SpecViolation as violation:
                    world.violations.append(str(violation))


@dataclass(frozen=True)
class Got:
    """A webhook request as it came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["X-GitHub-Event"]

    @property
    def json(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded


class Listener:
    """A receiver of webhooks on loopback that answers with `status`."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.got: list[Got] = []
        self._arrived = Condition()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(listener.status)
                self.end_headers()
                self.wfile.write(b"seen")
                listener._take(Got(dict(self.headers.items()), body))

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,))

    def _take(self, got: Got) -> None:
        with self._arrived:
            self.got.append(got)
            self._arrived.notify_all()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/hooks?from=forge"

    def wait(self, count: int) -> list[Got]:
        """Wait for that many requests and return all."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.got) >= count, timeout=20), [g.event for g in self.got]
            return list(self.got)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
