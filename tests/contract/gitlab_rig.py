"""devforge as GitLab."""

from dataclasses import dataclass
from typing import Any

from bot.devforge.server import DevForge
from bot.domain.change import Subject
from bot.forges.gitlab.api import GitLabForge
from tests.contract.forge_rig import FILES, NAME, Connection, Rig, Status

STATES = {"pending": "pending", "success": "success", "failure": "failed"}


@dataclass
class GitLabRig(Rig):
    dialect = "gitlab"
    prefix = "/api/v4"
    routes = {  # noqa: RUF012 - a constant of the class, typed by the base
        "open": ("POST", "/merge_requests$"),
        "comment": ("POST", "/notes$"),
        "edit comment": ("PUT", "/notes/"),
        "issue": ("GET", "/issues/"),
        "merge": ("PUT", "/merge$"),
        "gate": ("POST", "/statuses/"),
    }

    @staticmethod
    def bot(name: str) -> str:
        return f"group_1_bot_{name}"

    @staticmethod
    def connect(token: str, dev: DevForge, **options: Any) -> Connection:
        return GitLabForge(token, url=dev.url, pacing=False, **options)

    def forge_of(self, token: str, **more: Any) -> Connection:
        return self.connect(token, self.dev, **more)

    def place(self) -> str:
        return f"projects/{NAME.replace('/', '%2F')}"

    def push(self, branch: str, files: dict[str, str | None]) -> str:
        self.call("root", "POST", "/repository/branches", {"branch": branch, "ref": self.base})
        acts = [_act(path, text) for path, text in files.items()]
        commit = {"branch": branch, "commit_message": f"work on {branch}", "actions": acts}
        sha: str = self.call("root", "POST", "/repository/commits", commit)["id"]
        self.seen.clear()
        return sha

    def said(self, subject: Subject) -> list[tuple[str, str]]:
        found = self.call("ann", "GET", f"/{row(subject)}/notes?sort=asc&order_by=created_at&per_page=100")
        return [(one["author"]["username"], one["body"]) for one in found if not one["system"]]

    def faces(self, subject: Subject, comment: int) -> list[tuple[str, str]]:
        found = self.call("ann", "GET", f"/{row(subject)}/notes/{comment}/award_emoji")
        return [(one["user"]["username"], one["name"]) for one in found]

    def report(self, who: str, sha: str, name: str, state: Status) -> None:
        said = {"state": STATES[state], "name": name, "description": f"is {state}"}
        self.call(who, "POST", f"/statuses/{sha}", said)

    def shut(self, number: int) -> None:
        self.call("ann", "PUT", f"/merge_requests/{number}", {"state_event": "close"})

    def settle(self, **settings: str) -> None:
        """Change the project's settings."""
        self.call("root", "PUT", "", settings)


def row(subject: Subject) -> str:
    return f"{'issues' if subject.kind == 'issue' else 'merge_requests'}/{subject.number}"


def _act(path: str, text: str | None) -> dict[str, str | None]:
    action = "delete" if text is None else "update" if path in FILES else "create"
    return {"action": action, "file_path": path, "content": text}
