"""devforge as GitHub, with every conversation held against GitHub's own description."""

from dataclasses import dataclass
from typing import Any

from flask import Response, request

from bot.devforge.server import DevForge
from bot.domain.change import Subject
from bot.forges.github.api import GitHubForge
from tests.contract.forge_rig import NAME, Connection, Rig, Status
from tests.openapi import SPEC, SpecViolation, validate_request, validate_response


@dataclass
class GitHubRig(Rig):
    dialect = "github"
    prefix = "/api/v3"
    routes = {  # noqa: RUF012 - a constant of the class, typed by the base
        "open": ("POST", "/pulls$"),
        "comment": ("POST", "/comments$"),
        "edit comment": ("PATCH", "/comments/"),
        "issue": ("GET", "/issues/"),
        "merge": ("PUT", "/merge$"),
        "gate": ("POST", "/check-runs$"),
    }

    @staticmethod
    def bot(name: str) -> str:
        return f"{name}[bot]"

    @staticmethod
    def connect(token: str, dev: DevForge, **options: Any) -> Connection:
        return GitHubForge(token, url=dev.api_url, pacing=False, **options)

    def forge_of(self, token: str, **more: Any) -> Connection:
        return self.connect(token, self.dev, **more)

    def watch(self, response: Response) -> None:
        """Note one conversation, and what GitHub would not say or understand in it."""
        super().watch(response)
        if not SPEC.exists():
            return
        target = request.full_path.rstrip("?")
        try:
            validate_request(request.method, target, dict(request.headers), request.get_data() or None)
            validate_response(request.method, target, response.status_code, dict(response.headers), response.get_data())
        except SpecViolation as error:
            self.violations.append(str(error))

    def place(self) -> str:
        return f"repos/{NAME}"

    def push(self, branch: str, files: dict[str, str | None]) -> str:
        rows = [{"path": path, "mode": "100644", "type": "blob", **_blob(text)} for path, text in files.items()]
        tree = self.call("root", "POST", "/git/trees", {"base_tree": self.base, "tree": rows})["sha"]
        commit = {"message": f"work on {branch}", "tree": tree, "parents": [self.base]}
        sha: str = self.call("root", "POST", "/git/commits", commit)["sha"]
        self.call("root", "POST", "/git/refs", {"ref": f"refs/heads/{branch}", "sha": sha})
        self.seen.clear()
        return sha

    def said(self, subject: Subject) -> list[tuple[str, str]]:
        found = self.call("ann", "GET", f"/issues/{subject.number}/comments?per_page=100")
        return [(one["user"]["login"], one["body"]) for one in found]

    def faces(self, subject: Subject, comment: int) -> list[tuple[str, str]]:
        found = self.call("ann", "GET", f"/issues/comments/{comment}/reactions")
        return [(one["user"]["login"], one["content"]) for one in found]

    def report(self, who: str, sha: str, name: str, state: Status) -> None:
        self.call(who, "POST", f"/statuses/{sha}", {"state": state, "context": name, "description": f"is {state}"})

    def shut(self, number: int) -> None:
        self.call("ann", "PATCH", f"/pulls/{number}", {"state": "closed"})


def _blob(text: str | None) -> dict[str, str | None]:
    return {"sha": None} if text is None else {"content": text}
