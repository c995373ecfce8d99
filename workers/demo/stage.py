"""The stage: a forge of this machine and a whole installation against it, in processes of its own.

Everything goes the way it goes in earnest: the forge answers over HTTP, sends signed webhooks and runs CI; the
installation is the one that `journeyman up` runs; people act through the forge's API.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import requests

from bot.bootstrap import Store, open_store
from bot.config import load, sandbox_python
from bot.devforge.server import DevForge, Source
from bot.domain.change import GATE
from bot.domain.envelope import Envelope, Zone
from bot.domain.errors import JourneymanError
from bot.domain.run import Run, extend, fold
from workers.demo.ci import sandboxed
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.supervisor import Installation, free_port

REQUESTER, APPROVER, STRANGER, BOT, LABEL = "maria", "lee", "sam", "journeyman", "approved-by-human"
ROLES = {REQUESTER: "write", APPROVER: "maintain", STRANGER: "read", f"{BOT}[bot]": "write"}
SECRET = "JOURNEYMAN_GITHUB_WEBHOOK_SECRET"
KEPT_OUT = ("JOURNEYMAN_", "OPENAI_", "ANTHROPIC_")


class StoryFailed(JourneymanError):
    """What was waited for did not come; the message says where it stopped and why."""


@dataclass(slots=True)
class Stage:
    """Forge and installation, up while entered. `settings` are further variables for the installation.

    `tell(text)` is called with what comes up; `seconds` bounds every wait.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 120.0
    tell: Callable[[str], None] = lambda _text: None
    tokens: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    forge: DevForge = field(init=False)
    installation: Installation = field(init=False)
    store: Store = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="journeyman-demo-")))
        sandbox = BubblewrapSandbox(python=sandbox_python())
        sandbox.check()
        self.forge = self._stack.enter_context(DevForge(home / "forge", runner=sandboxed(sandbox)))
        self.tokens = {who: self.forge.add_user(who) for who in (REQUESTER, APPROVER, STRANGER)}
        self.tokens[BOT] = self.forge.add_bot(BOT)
        self.tell(f"forge on {self.forge.url}")
        self.environ = self._environment(home)
        self.installation = Installation(self.environ, free_port(), log=home / "journeyman.log")
        self._stack.callback(self.installation.stop)
        self.installation.start()
        self.store = open_store(load(self.environ), Zone.BROKER)
        self._stack.callback(self.store.database.close)
        self.tell("receiver, broker, agent and clock are up, each with its own credentials only")

    def _environment(self, home: Path) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(KEPT_OUT)}
        slack_token = "xoxb-" + secrets.token_hex(12)
        return {
            **kept,
            "JOURNEYMAN_SANDBOX_PYTHON": sandbox_python() or "",
            "JOURNEYMAN_DATA_DIR": str(home / "data"),
            "JOURNEYMAN_GITHUB_URL": self.forge.api_url,
            "JOURNEYMAN_GITHUB_TOKEN": self.tokens[BOT],
            "JOURNEYMAN_GITHUB_PACING": "false",
            SECRET: secrets.token_hex(20),
            "JOURNEYMAN_SLACK_URL": f"{self.forge.url}/slack/api/",
            "JOURNEYMAN_SLACK_TOKEN": slack_token,
            "JOURNEYMAN_SLACK_CHANNEL": self.forge.add_slack(token=slack_token, channel="agents"),
            "JOURNEYMAN_SWEEP_SECONDS": "0.5",
            "JOURNEYMAN_RESEND_SECONDS": "1",
            "JOURNEYMAN_LEASE_SECONDS": "6",
            **self.settings,
        }

    def scene(self, name: str, source: Source) -> "Scene":
        """Put a repository on the forge, with its people, the approval label and the hook."""
        repo = f"demo/{name}"
        self.forge.add_repo(repo, source, roles=ROLES)
        self.forge.add_label(repo, LABEL, color="0e8a16", description="A human approves this change")
        self.forge.add_hook(repo, f"{self.installation.url}/webhooks/github", self.environ[SECRET])
        return Scene(self, repo)

    def log(self) -> str:
        """Return the end of what the processes printed."""
        path = self.installation.log
        return path.read_text(errors="replace")[-3000:] if path is not None and path.exists() else ""


@dataclass(slots=True)
class Scene:
    """One repository on the stage, and what people do there."""

    stage: Stage
    repo: str
    _known: dict[str, tuple[Run, Envelope]] = field(default_factory=dict)

    def act(self, who: str, method: str, path: str, **body: object) -> Any:
        """Call the forge's API as a person; raises StoryFailed when the forge refuses."""
        headers = {"Authorization": f"Bearer {self.stage.tokens[who]}", "Accept": "application/vnd.github+json"}
        url = f"{self.stage.forge.api_url}/repos/{self.repo}/{path}"
        answer = requests.request(method, url, json=body or None, headers=headers, timeout=10)
        if not answer.ok:
            raise StoryFailed(f"{who} could not {method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def open_issue(self, title: str, body: str, who: str = REQUESTER) -> int:
        """Open an issue as a person; returns its number."""
        return int(self.act(who, "POST", "issues", title=title, body=body)["number"])

    def say(self, issue: int, text: str, who: str = REQUESTER) -> int:
        """Comment as a person; returns the comment's id."""
        return int(self.act(who, "POST", f"issues/{issue}/comments", body=text)["id"])

    def approve(self, number: int, who: str = APPROVER) -> None:
        """Set the approval label on a change as a person."""
        self.act(who, "POST", f"issues/{number}/labels", labels=[LABEL])

    def comments(self, issue: int) -> list[str]:
        """Return what the bot said on an issue or change."""
        found = self.act(APPROVER, "GET", f"issues/{issue}/comments?per_page=100")
        return [str(comment["body"]) for comment in found if comment["user"]["login"] == f"{BOT}[bot]"]

    def reactions(self, comment: int) -> list[str]:
        """Return the reactions to a comment."""
        return [str(one["content"]) for one in self.act(APPROVER, "GET", f"issues/comments/{comment}/reactions")]

    def changes(self) -> list[dict[str, Any]]:
        """Return every change of the repository, the latest first."""
        return list(self.act(APPROVER, "GET", "pulls?state=all&per_page=100"))

    def gate(self, sha: str) -> str:
        """Return what the forge shows of the gate on a commit: permitted, blocked or missing."""
        runs = self.act(APPROVER, "GET", f"commits/{sha}/check-runs?check_name={GATE.replace('/', '%2F')}")[
            "check_runs"
        ]
        if not runs:
            return "missing"
        return "permitted" if runs[0]["conclusion"] == "success" else "blocked"

    def runs(self) -> list[Run]:
        """Return all runs of the repository, the latest first."""
        ledger = self.stage.store.ledger
        rows = ledger.runs(repo=f"github:{self.repo}")
        for row in rows:
            known = self._known.get(row.run)
            if known is None:
                envelopes = ledger.read(row.run)
                self._known[row.run] = fold(envelopes), envelopes[-1]
            elif known[0].version < row.version:
                run, last = known
                new = ledger.read(row.run, after=last)
                self._known[row.run] = extend(run, new), [last, *new][-1]
        return [self._known[row.run][0] for row in rows]

    def until(self, holds: Callable[[Run], object], what: str, *, seen: Callable[[str], None] | None = None) -> Run:
        """Wait until the latest run is as wanted; raises StoryFailed when it ended otherwise or took too long."""
        deadline = time.monotonic() + self.stage.seconds
        state = "no run began"
        while time.monotonic() < deadline:
            self.stage.installation.watch()
            for run in self.runs()[:1]:
                if run.state != state and seen is not None:
                    seen(run.state)
                state = run.state
                if holds(run):
                    return run
                if run.terminal and run.state != "done":
                    why = f"{run.failed.code}: {run.failed.reason}" if run.failed is not None else run.state
                    raise StoryFailed(f"waited for {what}; {why}")
            time.sleep(0.1)
        raise StoryFailed(f"waited {self.stage.seconds:.0f} s for {what}; the run: {state}\n{self.stage.log()}")

    def eventually(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until something on the forge is as wanted, and return it."""
        deadline = time.monotonic() + self.stage.seconds
        while time.monotonic() < deadline:
            self.stage.installation.watch()
            found = holds()
            if found:
                return found
            time.sleep(0.1)
        raise StoryFailed(f"waited {self.stage.seconds:.0f} s for {what}\n{self.stage.log()}")
