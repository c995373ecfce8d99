"""What people do on GitLab."""

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from bot.domain.change import GATE, Subject
from workers.demo.people import Caller, Gate, Proposed, Said

STATES = {"pending": "pending", "success": "success", "failure": "failed"}
SHOWN: dict[str, Literal["open", "closed", "merged"]] = {"opened": "open", "closed": "closed", "merged": "merged"}


@dataclass(slots=True)
class GitLabPeople(Caller):
    """People in one project of a GitLab; `root` ends with /projects/GROUP%2FNAME."""

    def headers(self, who: str) -> dict[str, str]:
        return {"PRIVATE-TOKEN": self.tokens[who]}

    def open_issue(self, who: str, title: str, body: str) -> int:
        return int(self.call(who, "POST", "issues", title=title, description=body)["iid"])

    def say(self, who: str, subject: Subject, text: str) -> int:
        return int(self.call(who, "POST", f"{_place(subject)}/notes", body=text)["id"])

    def reword(self, who: str, subject: Subject, comment: int, text: str) -> None:
        self.call(who, "PUT", f"{_place(subject)}/notes/{comment}", body=text)

    def label(self, who: str, change: int, name: str, *, on: bool) -> None:
        self.call(who, "PUT", f"merge_requests/{change}", **{"add_labels" if on else "remove_labels": name})

    def comments(self, subject: Subject) -> list[Said]:
        found = self.look(f"{_place(subject)}/notes?sort=asc&order_by=created_at&per_page=100")
        return [Said(one["author"]["username"], one["body"]) for one in found if not one["system"]]

    def reactions(self, subject: Subject, comment: int) -> list[str]:
        return [str(one["name"]) for one in self.look(f"{_place(subject)}/notes/{comment}/award_emoji")]

    def changes(self) -> list[Proposed]:
        return [_proposed(one) for one in self.look("merge_requests?state=all&per_page=100")]

    def gate(self, sha: str) -> Gate:
        found = self.look(f"repository/commits/{sha}/statuses?name={quote(GATE, safe='')}&all=true&per_page=100")
        newest = max(found, key=lambda one: one["id"], default=None)
        if newest is None:
            return "missing"
        return "permitted" if newest["status"] == "success" else "blocked"

    def issue_is_open(self, number: int) -> bool:
        return bool(self.look(f"issues/{number}")["state"] == "opened")

    def set_issue(self, who: str, number: int, *, is_open: bool) -> None:
        self.call(who, "PUT", f"issues/{number}", state_event="reopen" if is_open else "close")

    def close_change(self, who: str, change: int) -> None:
        self.call(who, "PUT", f"merge_requests/{change}", state_event="close")

    def merge(self, who: str, change: int) -> None:
        self.call(who, "PUT", f"merge_requests/{change}/merge", squash=True)

    def report(self, who: str, sha: str, name: str, state: Literal["pending", "success", "failure"]) -> None:
        self.call(who, "POST", f"statuses/{sha}", state=STATES[state], name=name)

    def commit(self, who: str, branch: str, files: dict[str, str | None]) -> str:
        there = {
            one["path"]
            for one in self.look(f"repository/tree?ref={quote(branch, safe='')}&recursive=true&per_page=100")
        }
        acts = [
            {"action": "delete", "file_path": path}
            if text is None
            else {"action": "update" if path in there else "create", "file_path": path, "content": text}
            for path, text in files.items()
        ]
        made = self.call(who, "POST", "repository/commits", branch=branch, commit_message="By hand", actions=acts)
        return str(made["id"])

    def head(self, branch: str) -> str:
        return str(self.look(f"repository/branches/{quote(branch, safe='')}")["commit"]["id"])

    def issue_page(self, number: int) -> str:
        return str(self.look(f"issues/{number}")["web_url"])


def _place(subject: Subject) -> str:
    return f"{'issues' if subject.kind == 'issue' else 'merge_requests'}/{subject.number}"


def _proposed(one: dict[str, Any]) -> Proposed:
    return Proposed(one["iid"], one["source_branch"], one["sha"], SHOWN[one["state"]], one["web_url"])
