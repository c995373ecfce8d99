"""What people do on GitHub."""

from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from bot.domain.change import GATE, Subject
from workers.demo.people import Caller, Gate, Proposed, Said


@dataclass(slots=True)
class GitHubPeople(Caller):
    """People in one repository of a GitHub; `root` ends with /repos/OWNER/NAME."""

    def open_issue(self, who: str, title: str, body: str) -> int:
        return int(self.call(who, "POST", "issues", title=title, body=body)["number"])

    def say(self, who: str, subject: Subject, text: str) -> int:
        return int(self.call(who, "POST", f"issues/{subject.number}/comments", body=text)["id"])

    def reword(self, who: str, subject: Subject, comment: int, text: str) -> None:  # noqa: ARG002 - the id says it all
        self.call(who, "PATCH", f"issues/comments/{comment}", body=text)

    def label(self, who: str, change: int, name: str, *, on: bool) -> None:
        if on:
            self.call(who, "POST", f"issues/{change}/labels", labels=[name])
        else:
            self.call(who, "DELETE", f"issues/{change}/labels/{quote(name, safe='')}")

    def comments(self, subject: Subject) -> list[Said]:
        found = self.look(f"issues/{subject.number}/comments?per_page=100")
        return [Said(one["user"]["login"], one["body"]) for one in found]

    def reactions(self, subject: Subject, comment: int) -> list[str]:  # noqa: ARG002 - the id says it all
        return [str(one["content"]) for one in self.look(f"issues/comments/{comment}/reactions")]

    def changes(self) -> list[Proposed]:
        return [_proposed(one) for one in self.look("pulls?state=all&per_page=100")]

    def gate(self, sha: str) -> Gate:
        runs = self.look(f"commits/{sha}/check-runs?check_name={quote(GATE, safe='')}")["check_runs"]
        if not runs:
            return "missing"
        return "permitted" if runs[0]["conclusion"] == "success" else "blocked"

    def issue_is_open(self, number: int) -> bool:
        return bool(self.look(f"issues/{number}")["state"] == "open")

    def set_issue(self, who: str, number: int, *, is_open: bool) -> None:
        self.call(who, "PATCH", f"issues/{number}", state="open" if is_open else "closed")

    def close_change(self, who: str, change: int) -> None:
        self.call(who, "PATCH", f"pulls/{change}", state="closed")

    def merge(self, who: str, change: int) -> None:
        self.call(who, "PUT", f"pulls/{change}/merge", merge_method="squash")

    def report(self, who: str, sha: str, name: str, state: Literal["pending", "success", "failure"]) -> None:
        self.call(who, "POST", f"statuses/{sha}", state=state, context=name)

    def commit(self, who: str, branch: str, files: dict[str, str | None]) -> str:
        head = self.head(branch)
        rows = [
            {"path": path, "mode": "100644", "type": "blob", **({"sha": None} if text is None else {"content": text})}
            for path, text in files.items()
        ]
        tree = self.call(who, "POST", "git/trees", base_tree=head, tree=rows)["sha"]
        made = self.call(who, "POST", "git/commits", message="By hand", tree=tree, parents=[head])["sha"]
        self.call(who, "PATCH", f"git/refs/heads/{branch}", sha=made)
        return str(made)

    def head(self, branch: str) -> str:
        return str(self.look(f"git/ref/heads/{branch}")["object"]["sha"])

    def issue_page(self, number: int) -> str:
        return str(self.look(f"issues/{number}")["html_url"])


def _proposed(pull: dict[str, Any]) -> Proposed:
    state: Literal["open", "closed", "merged"] = "open" if pull["state"] == "open" else "closed"
    if pull["merged_at"] is not None:
        state = "merged"
    return Proposed(pull["number"], pull["head"]["ref"], pull["head"]["sha"], state, pull["html_url"])
