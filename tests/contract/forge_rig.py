"""A forge to speak to: devforge on loopback as GitHub or GitLab, one repository, people and the bot.

What the tests of the contract do to a forge is named here; `github_rig` and `gitlab_rig` do it in their own ways.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, cast

import requests
from flask import Response, request

from bot.devforge.server import DevForge
from bot.domain.change import Ref, Repo, Subject
from bot.policy.gate import Permit, permit_merge, permit_open
from bot.ports import Forge

Dialect = Literal["github", "gitlab"]
Status = Literal["pending", "success", "failure"]
NAME = "octo/hello"
PLAN = "a plan"
FILES: dict[str, str | bytes] = {
    "a.txt": "one\n",
    "src/code.py": "x = 1\n",
    "docs/caf\u00e9 & co.md": "text\n",
    "binary.bin": b"\xff\xfe\x00",
}
ROLES = {"ann": "write", "root": "admin", "mo": "maintain", "tri": "triage", "rita": "read"}


class Connection(Forge, Protocol):
    """An adapter: the port, and the end of its connections."""

    def close(self) -> None: ...


@dataclass
class Rig(ABC):
    """The forge, the bot's view of it, and what they said to each other."""

    dev: DevForge
    token: str
    forge: Connection
    base: str
    me: str
    seen: list[tuple[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    dialect: ClassVar[Dialect]
    prefix: ClassVar[str]
    routes: ClassVar[dict[str, tuple[str, str]]]

    @property
    def repo(self) -> Repo:
        return self.at(NAME)

    def at(self, name: str) -> Repo:
        return Repo(self.dialect, name)

    def issue(self, number: int) -> Subject:
        return Subject(self.repo, "issue", number)

    def change(self, number: int) -> Subject:
        return Subject(self.repo, "change", number)

    def watch(self, response: Response) -> None:
        """Note one conversation."""
        self.seen.append((request.method, request.path.removeprefix(self.prefix)))

    def writes(self) -> list[str]:
        return [method for method, _ in self.seen if method != "GET"]

    def fail(self, name: str, **how: Any) -> None:
        """Let the next request of a kind fail."""
        self.dev.fail_next(*self.routes[name], **how)

    def call(self, login: str, method: str, path: str, body: object = None) -> Any:
        """Do something over REST as somebody, below the repository's address."""
        headers = {"Authorization": f"Bearer {self.dev.add_token(login)}"}
        url = f"{self.dev.api_url}/{self.place()}{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @abstractmethod
    def place(self) -> str:
        """Return the repository's address below the API's root."""

    @abstractmethod
    def forge_of(self, token: str, **more: Any) -> Connection:
        """Return another credential's view; the caller closes it."""

    @abstractmethod
    def push(self, branch: str, files: dict[str, str | None]) -> str:
        """Make a branch with one commit on the base, None taking a file away, and return its head."""

    @abstractmethod
    def said(self, subject: Subject) -> list[tuple[str, str]]:
        """Return who said what, oldest first."""

    @abstractmethod
    def faces(self, subject: Subject, comment: int) -> list[tuple[str, str]]:
        """Return who reacted how."""

    @abstractmethod
    def report(self, who: str, sha: str, name: str, state: Status) -> None:
        """Report a status on a commit as somebody."""

    @abstractmethod
    def shut(self, number: int) -> None:
        """Close a change without merging it."""

    def open(self, branch: str = "agent/one", files: dict[str, str | None] | None = None) -> int:
        """Push a branch and open a change from it."""
        self.push(branch, files or {f"{branch.replace('/', '-')}.txt": "new\n"})
        return self.ensure(branch)

    def ensure(self, branch: str = "agent/one", title: str = "Title", body: str = "Body") -> int:
        permit = permission_to_open(self.repo)
        return self.forge.ensure_change(
            self.repo, branch=branch, base="main", title=title, body=body, plan=PLAN, permit=permit
        ).number

    def ref(self, number: int) -> Ref:
        return Ref(self.repo, number, self.forge.change(self.repo, number).head_sha)

    def merge(self, ref: Ref) -> str:
        return self.forge.merge(ref, permission_to_merge(ref), title="Fix (#1)", message="Agent-Run: r1")


def permission_to_open(repo: Repo) -> Permit:
    return permit_open(repo, plan=PLAN, approved=True, policy="a policy")


def permission_to_merge(ref: Ref) -> Permit:
    return permit_merge(ref, policy="a policy", state="approved", judged_sha=ref.head_sha)


@contextmanager
def running(dialect: Dialect, **options: Any) -> Iterator[Rig]:
    """Start a forge with one repository, people and the bot; fail when somebody said what the forge would not."""
    from tests.contract.github_rig import GitHubRig
    from tests.contract.gitlab_rig import GitLabRig

    kind = cast(type[GitHubRig] | type[GitLabRig], {"github": GitHubRig, "gitlab": GitLabRig}[dialect])
    with DevForge(runner=None, dialect=dialect) as dev:
        dev.add_user("stranger")
        token, me, linter = dev.add_bot("journeyman"), kind.bot("journeyman"), kind.bot("linter")
        dev.add_bot("linter")
        base = dev.add_repo(NAME, FILES, roles={**ROLES, me: "write", linter: "write"})
        forge = kind.connect(token, dev, **options)
        rig = kind(dev, token, forge, base, me)
        dev.observers.append(rig.watch)
        try:
            yield rig
        finally:
            forge.close()
            dev.observers.remove(rig.watch)
    assert not rig.violations, "\n".join(rig.violations)
