"""The table of docs/forges.md: each verb of the Forge port, and the requests that each adapter makes for it.

The requests are those that are seen when the verb is done once on devforge. `python -m tests.forge_table` writes the
table anew; a test compares it.
"""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

from bot.domain.change import GateReport
from bot.ports import Forge
from tests.contract.forge_rig import Dialect, Rig, running

PAGE = Path(__file__).parents[1] / "docs" / "forges.md"
DIALECTS: tuple[Dialect, ...] = ("github", "gitlab")
_BEGIN, _END = "<!-- table: python -m tests.forge_table -->\n", "<!-- end of table -->\n"
GREEN = GateReport("success", "permitted", "all rules hold")


def verbs() -> list[str]:
    """Return the port's verbs, in its order."""
    return [name for name, member in vars(Forge).items() if inspect.isfunction(member) and not name.startswith("_")]


def acts(rig: Rig) -> dict[str, Callable[[], object]]:
    """Return how each verb is done once, in an order in which all can be done."""
    forge, repo, text = rig.forge, rig.repo, "text"
    issue = rig.issue(rig.dev.open_issue(repo.name, "Broken", text, by="ann"))
    said = rig.dev.comment(repo.name, issue.number, "/agent fix", by="ann")
    opened = rig.open("agent/other")
    rig.dev.set_label(repo.name, opened, "go", by="ann", kind="change")
    ref = rig.ref(opened)
    rig.push("agent/one", {"new.txt": "x\n"})
    rig.report("ann", ref.head_sha, "lint", "success")
    return {
        "address": lambda: forge.address("ann"),
        "issue": lambda: forge.issue(repo, issue.number),
        "change": lambda: forge.change(repo, ref.number),
        "role": lambda: forge.role(repo, "ann"),
        "default_branch": lambda: forge.default_branch(repo),
        "head": lambda: forge.head(repo, "main"),
        "file": lambda: forge.file(repo, "a.txt", rig.base),
        "checks": lambda: forge.checks(repo, ref.head_sha),
        "remote": lambda: forge.remote(repo, "read"),
        "pushed": lambda: forge.pushed(repo),
        "ensure_change": rig.ensure,
        "ensure_comment": lambda: forge.ensure_comment(issue, "run:1", text),
        "react": lambda: forge.react(issue, said, "eyes"),
        "set_gate": lambda: forge.set_gate(repo, ref.head_sha, GREEN),
        "merge": lambda: rig.merge(ref),
        "close_issue": lambda: forge.close_issue(repo, issue.number),
        "resend": lambda: forge.resend(repo, 0.0),
        "close": forge.close,
    }


def requests_of(dialect: Dialect) -> dict[str, list[str]]:
    """Do every verb once on devforge and return the requests that it took, each one told once."""
    found: dict[str, list[str]] = {}
    with running(dialect) as rig:
        found["whoami"] = _asked(rig, rig.forge.whoami)
        rig.dev.set_role(rig.repo.name, rig.me, "admin")
        rig.dev.add_hook(rig.repo.name, "http://localhost:9/hook", "a-secret-of-ours", events=())
        for verb, act in acts(rig).items():
            found[verb] = _asked(rig, act)
    return found


def _asked(rig: Rig, act: Callable[[], object]) -> list[str]:
    rig.seen.clear()
    act()
    return list(dict.fromkeys(f"{method} {_plain(rig, path)}" for method, path in rig.seen))


def _plain(rig: Rig, path: str) -> str:
    below = re.sub(rf"^/(repos|projects)/{re.escape(rig.repo.name)}", "", path.replace("\x1f", "/")) or "/"
    return re.sub(r"(?<=/)(\d+)(?=/|$)", "N", re.sub(r"[0-9a-f]{40}", "SHA", below))


def table() -> str:
    """Return the table as markdown."""
    seen = {dialect: requests_of(dialect) for dialect in DIALECTS}
    rows = ["| verb | promise | GitHub | GitLab |", "|---|---|---|---|"]
    for verb in verbs():
        told = [f"`{verb}`", _promise(verb), *(_cell(seen[dialect].get(verb)) for dialect in DIALECTS)]
        rows.append(f"| {' | '.join(told)} |")
    return "\n".join(rows) + "\n"


def _promise(verb: str) -> str:
    text = inspect.getdoc(vars(Forge)[verb]) or ""
    return " ".join(text.partition("\n\n")[0].split()).rstrip(".").replace("|", "\\|")


def _cell(requests: list[str] | None) -> str:
    if requests is None:
        return "?"
    return "<br>".join(f"`{request}`" for request in requests) or "none"


def shown() -> str:
    """Return the table that the page has now."""
    return PAGE.read_text().partition(_BEGIN)[2].partition(_END)[0]


def write() -> None:
    """Put the table into the page."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    PAGE.write_text(f"{before}{_BEGIN}{table()}{_END}{rest.partition(_END)[2]}")


if __name__ == "__main__":
    write()
