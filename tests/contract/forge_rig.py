"""A GitHub to speak to: devforge on loopback, with every conversation held against GitHub's own description."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from flask import Response, request

from bot.devforge.server import DevForge
from bot.domain.change import Ref, Repo
from bot.forges.github.api import GitHubForge
from bot.policy.gate import Permit, permit_merge, permit_open
from tests.openapi import SPEC, SpecViolation, validate_request, validate_response

REPO = Repo("github", "octo/hello")
FILES: dict[str, str | bytes] = {
    "a.txt": "one\n",
    "src/code.py": "x = 1\n",
    "docs/caf\u00e9 & co.md": "text\n",
    "binary.bin": b"\xff\xfe\x00",
}


@dataclass
class Rig:
    """The forge, the bot's view of it, and what they said to each other."""

    dev: DevForge
    token: str
    forge: GitHubForge
    base: str
    seen: list[tuple[str, str]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def watch(self, response: Response) -> None:
        """Note one conversation, and what GitHub would not say or understand in it."""
        self.seen.append((request.method, request.path.removeprefix("/api/v3")))
        if not SPEC.exists():
            return
        target = request.full_path.rstrip("?")
        try:
            validate_request(request.method, target, dict(request.headers), request.get_data() or None)
            validate_response(request.method, target, response.status_code, dict(response.headers), response.get_data())
        except SpecViolation as error:
            self.violations.append(str(error))

    def writes(self) -> list[tuple[str, str]]:
        return [call for call in self.seen if call[0] != "GET"]

    def forge_of(self, login: str, **more: Any) -> GitHubForge:
        """Return the view of somebody else; the caller closes it."""
        return GitHubForge(self.dev.add_token(login), url=self.dev.api_url, pacing=False, **more)

    def call(self, login: str, method: str, path: str, body: object = None) -> Any:
        """Do something over REST as somebody."""
        headers = {"Authorization": f"Bearer {self.dev.add_token(login)}"}
        answer = requests.request(
            method, f"{self.dev.api_url}/repos/{REPO.name}{path}", json=body, headers=headers, timeout=10
        )
        answer.raise_for_status()
        return answer.json()

    def push(self, branch: str, files: dict[str, str | None]) -> str:
        """Make a branch with one commit on the base, None taking a file away, and return its head."""
        rows = [{"path": path, "mode": "100644", "type": "blob", **_blob(text)} for path, text in files.items()]
        tree = self.call("root", "POST", "/git/trees", {"base_tree": self.base, "tree": rows})["sha"]
        commit = {"message": f"work on {branch}", "tree": tree, "parents": [self.base]}
        sha: str = self.call("root", "POST", "/git/commits", commit)["sha"]
        self.call("root", "POST", "/git/refs", {"ref": f"refs/heads/{branch}", "sha": sha})
        self.seen.clear()
        return sha

    def open(self, branch: str = "agent/one", files: dict[str, str | None] | None = None) -> int:
        """Push a branch and open a change from it."""
        self.push(branch, files or {f"{branch.replace('/', '-')}.txt": "new\n"})
        permit = permission_to_open()
        return self.forge.ensure_change(
            REPO, branch=branch, base="main", title="Title", body="Body", plan=PLAN, permit=permit
        ).number

    def ref(self, number: int) -> Ref:
        return Ref(REPO, number, self.forge.change(REPO, number).head_sha)


PLAN = "a plan"


def _blob(text: str | None) -> dict[str, str | None]:
    return {"sha": None} if text is None else {"content": text}


def permission_to_open(repo: Repo = REPO) -> Permit:
    return permit_open(repo, plan=PLAN, approved=True, policy="a policy")


def permission_to_merge(ref: Ref) -> Permit:
    return permit_merge(ref, policy="a policy", state="approved", judged_sha=ref.head_sha)


@contextmanager
def running(**options: Any) -> Iterator[Rig]:
    """Start a forge with one repository, people and the bot; fail when somebody said what GitHub would not."""
    with DevForge(runner=None) as dev:
        roles = {"ann": "write", "root": "admin", "mo": "maintain", "tri": "triage", "rita": "read"}
        dev.add_user("stranger")
        dev.add_bot("linter")
        token = dev.add_bot("journeyman")
        base = dev.add_repo(REPO.name, FILES, roles={**roles, "journeyman[bot]": "write", "linter[bot]": "write"})
        forge = GitHubForge(token, url=dev.api_url, pacing=False, **options)
        rig = Rig(dev, token, forge, base)
        dev.observers.append(rig.watch)
        try:
            yield rig
        finally:
            forge.close()
            dev.observers.remove(rig.watch)
    assert not rig.violations, "\n".join(rig.violations)
