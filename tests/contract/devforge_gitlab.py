"""A small GitLab for tests: a project in nested groups, people of every role, and the real client for each of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import gitlab
import requests

from bot.devforge.ci import CiRunner
from bot.devforge.server import DevForge

NAME = "octo/tools/calc"
FILES: dict[str, str | bytes] = {
    "calc.py": "def add(a, b):\n    return a - b\n",
    "docs/guide.md": "# Guide\n",
    "data.bin": b"\xff\x00",
}
ROLES = {"ann": "admin", "mo": "maintain", "dev": "write", "rita": "triage", "gus": "read"}


@dataclass
class Lab:
    """The running forge and the tokens of its people: ann owns, mo maintains, dev develops, rita reports, gus looks."""

    forge: DevForge
    tokens: dict[str, str]
    clients: list[gitlab.Gitlab] = field(default_factory=list)

    def client(self, who: str) -> gitlab.Gitlab:
        """Return a real client that acts as somebody."""
        made = gitlab.Gitlab(self.forge.url, private_token=self.tokens[who], timeout=20)
        self.clients.append(made)
        return made

    def project(self, who: str) -> Any:
        """Return the project as somebody's client sees it."""
        return self.client(who).projects.get(NAME)

    def ask(self, who: str | None, path: str, method: str = "GET", **more: Any) -> requests.Response:
        """Send a request below the API's root as the owner of a token, or as nobody."""
        shown = {"PRIVATE-TOKEN": self.tokens.get(who, who)} if who else {}
        headers = {**shown, **more.pop("headers", {})}
        return requests.request(method, f"{self.forge.api_url}{path}", headers=headers, timeout=20, **more)

    def at(self, tail: str = "") -> str:
        """Return the path of the project, or of something in it."""
        return f"/projects/{quote(NAME, safe='')}{tail}"

    def push(self, branch: str, files: dict[str, str], *, who: str = "dev", base: str = "main") -> str:
        """Make a branch with one commit and return the commit."""
        acts = [{"action": "create", "file_path": path, "content": text} for path, text in files.items()]
        project = self.project(who)
        project.branches.create({"branch": branch, "ref": base})
        made = project.commits.create({"branch": branch, "commit_message": f"Work on {branch}", "actions": acts})
        return str(made.id)

    def open(self, branch: str = "topic/one", *, who: str = "dev", **more: Any) -> Any:
        """Open a merge request from a new branch and return it."""
        self.push(branch, {f"{branch.replace('/', '-')}.txt": "new\n"}, who=who)
        words = {"source_branch": branch, "target_branch": "main", "title": f"Add {branch}", **more}
        return self.project(who).mergerequests.create(words)


@contextmanager
def running(runner: CiRunner | None = None, *, private: bool = True) -> Iterator[Lab]:
    """Run a forge with the project and its people."""
    forge = DevForge(runner=runner, dialect="gitlab")
    tokens = {who: forge.add_user(who) for who in (*ROLES, "stranger")}
    forge.add_repo(NAME, FILES, roles=ROLES, private=private)
    with forge:
        lab = Lab(forge, tokens)
        try:
            yield lab
            assert forge.wait_idle(20)
        finally:
            for client in lab.clients:
                client.session.close()
