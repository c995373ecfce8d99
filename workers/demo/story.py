"""The story: an issue is opened, somebody types `/agent fix`, a change comes, a human approves it, it is merged.

Everything goes the way it goes in earnest: the forge answers over HTTP, sends signed webhooks and runs CI; the
installation is the one that `journeyman up` runs, in processes of its own; people act through the forge's API.
"""

import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import requests

from bot.adapters.audit_files import verify_database
from bot.bootstrap import Store, open_store
from bot.config import load
from bot.devforge.server import DevForge
from bot.domain.envelope import Zone
from bot.domain.errors import JourneymanError
from bot.domain.run import Run, fold
from bot.policy.evaluate import GATE
from workers.demo import example
from workers.demo.ci import sandboxed
from workers.models.script import parse
from workers.models.scripted_server import ScriptedServer
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.supervisor import Installation, free_port

REQUESTER, APPROVER, BOT, LABEL = "maria", "lee", "journeyman", "approved-by-human"
Wire = Literal["none", "openai", "anthropic"]
Value = TypeVar("Value")
KEPT_OUT = ("JOURNEYMAN_", "OPENAI_", "ANTHROPIC_")


class StoryFailed(JourneymanError):
    """The story did not come to its good end; the message says where it stopped and why."""


@dataclass(frozen=True, slots=True)
class Plot:
    """What to play: the repository's source, the issue, and the model's wire (`none`: the repair engine alone)."""

    name: str
    source: Path | dict[str, str]
    title: str
    body: str
    model: Wire = "none"
    seconds: float = 300.0


@dataclass(slots=True)
class Story:
    """One playing of a plot. `tell(phase, text)` is called with each thing that happens."""

    plot: Plot
    tell: Callable[[str, str], None]
    seconds: dict[str, float] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    forge: DevForge = field(init=False)
    installation: Installation = field(init=False)
    store: Store = field(init=False)
    repo: str = field(init=False)
    tokens: dict[str, str] = field(default_factory=dict)

    # --- the stage
    def __enter__(self) -> "Story":
        try:
            with self._phase("start"):
                self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        home = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="journeyman-demo-")))
        sandbox = BubblewrapSandbox()
        sandbox.check()
        self.forge = self._stack.enter_context(DevForge(home / "forge", runner=sandboxed(sandbox)))
        self.repo = f"demo/{self.plot.name}"
        self.tokens = {who: self.forge.add_user(who) for who in (REQUESTER, APPROVER)}
        roles = {REQUESTER: "write", APPROVER: "maintain", f"{BOT}[bot]": "write"}
        bot_token = self.forge.add_bot(BOT)
        self.forge.add_repo(self.repo, self.plot.source, roles=roles)
        self.forge.add_label(self.repo, LABEL, color="0e8a16", description="A human approves this change")
        slack_token = "xoxb-" + secrets.token_hex(12)
        channel = self.forge.add_slack(token=slack_token, channel="agents")
        self.tell("start", f"forge on {self.forge.url}")
        environ = self._environment(home, bot_token, slack_token, channel)
        port = free_port()
        self.installation = Installation(environ, port, log=home / "journeyman.log")
        self._stack.callback(self.installation.stop)
        self.installation.start()
        self.forge.add_hook(self.repo, f"{self.installation.url}/webhooks/github", environ[SECRET])
        self.store = open_store(load(environ), Zone.BROKER)
        self._stack.callback(self.store.database.close)
        self.links = {"forge": self.forge.url, "receiver": self.installation.url}
        self.tell("start", "receiver, broker, agent and clock are up, each with its own credentials only")

    def _environment(self, home: Path, bot_token: str, slack_token: str, channel: str) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(KEPT_OUT)}
        return {
            **kept,
            "JOURNEYMAN_DATA_DIR": str(home / "data"),
            "JOURNEYMAN_GITHUB_URL": self.forge.api_url,
            "JOURNEYMAN_GITHUB_TOKEN": bot_token,
            "JOURNEYMAN_GITHUB_PACING": "false",
            SECRET: secrets.token_hex(20),
            "JOURNEYMAN_SLACK_URL": f"{self.forge.url}/slack/api/",
            "JOURNEYMAN_SLACK_TOKEN": slack_token,
            "JOURNEYMAN_SLACK_CHANNEL": channel,
            "JOURNEYMAN_SWEEP_SECONDS": "0.5",
            "JOURNEYMAN_RESEND_SECONDS": "1",
            "JOURNEYMAN_LEASE_SECONDS": "6",
            **self._model(),
        }

    def _model(self) -> dict[str, str]:
        if self.plot.model == "none":
            return {}
        server = self._stack.enter_context(ScriptedServer(parse(example.SCRIPT)))
        return {
            "JOURNEYMAN_MODEL_URL": server.url,
            "JOURNEYMAN_MODEL_API": self.plot.model,
            "JOURNEYMAN_MODEL": "scripted",
            "JOURNEYMAN_ENGINES": "false",
        }

    # --- the acts
    def play(self) -> dict[str, Any]:
        """Play to the end and return what happened; raises StoryFailed."""
        with self._phase("ask"):
            issue = self.open_issue()
            self.say(issue, "/agent fix")
        with self._phase("fix"):
            run = self.until(lambda run: run.published is not None, "a change to be opened")
            assert run.published is not None
            number, solution = run.published.number, run.solution
            assert solution is not None
            self.tell("fix", f"change #{number} is open: {self.forge.url}/{self.repo}/pull/{number}")
        with self._phase("check"):
            run = self.until(lambda run: run.judged is not None and run.judged.checks == "success", "green checks")
            gate_before = self.gate(run.head)
            self.tell("check", f"CI is green; the gate says: {gate_before}")
        with self._phase("approve"):
            self.approve(number)
            run = self.until(lambda run: run.merged is not None, "the merge")
            gate_after = self.gate(run.head)
        with self._phase("close"):
            run = self.until(lambda run: run.state == "done" and "**Done.**" in self.comments(issue), "the end")
            messages = self._chat()
            self.tell("close", f"merged as {run.merged.merged_sha[:12] if run.merged else '?'}; the issue is closed")
        with self._phase("audit"):
            report = verify_database(self.store.database, self.store.keys.verify)
            audit = "ok" if report.problem is None else str(report.problem)
            self.tell("audit", f"{report.envelopes} facts in {report.streams} chains verified: {audit}")
        assert run.merged is not None
        assert run.judged is not None
        return {
            "issue": issue,
            "change": number,
            "branch": run.branch,
            "head_sha": run.merged.head_sha,
            "merged_sha": run.merged.merged_sha,
            "landed_as_approved": run.merged.landed,
            "test_before": solution.evidence.get("test_before"),
            "test_after": solution.evidence.get("test_after"),
            "gate_before": gate_before,
            "gate_after": gate_after,
            "approved_by": ", ".join(run.judged.approvers),
            "slack_messages": messages,
            "audit": audit,
            "run": run.id,
            "model": self.plot.model,
            "seconds": {phase: round(seconds, 2) for phase, seconds in self.seconds.items()},
        }

    def open_issue(self) -> int:
        """Open the plot's issue as the requester; returns its number."""
        made = self.act(REQUESTER, "POST", "issues", title=self.plot.title, body=self.plot.body)
        number = int(made["number"])
        self.links["issue"] = f"{self.forge.url}/{self.repo}/issues/{number}"
        self.tell("ask", f"{REQUESTER} opened issue #{number}: {self.plot.title}")
        return number

    def say(self, issue: int, text: str, who: str = REQUESTER) -> int:
        """Comment as a person; returns the comment's id."""
        made = self.act(who, "POST", f"issues/{issue}/comments", body=text)
        self.tell("ask", f"{who} commented: {text}")
        return int(made["id"])

    def approve(self, number: int, who: str = APPROVER) -> None:
        """Set the approval label on a change as a person."""
        self.act(who, "POST", f"issues/{number}/labels", labels=[LABEL])
        self.tell("approve", f"{who} set the label {LABEL} on #{number}")

    def act(self, who: str, method: str, path: str, **body: object) -> Any:
        """Call the forge's API as a person."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}", "Accept": "application/vnd.github+json"}
        url = f"{self.forge.api_url}/repos/{self.repo}/{path}"
        answer = requests.request(method, url, json=body or None, headers=headers, timeout=10)
        if not answer.ok:
            raise StoryFailed(f"{who} could not {method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else None

    def comments(self, issue: int) -> str:
        """Return all that was said on an issue or change."""
        found = self.act(APPROVER, "GET", f"issues/{issue}/comments")
        return "\n\n".join(str(comment["body"]) for comment in found)

    def gate(self, sha: str) -> str:
        """Return what the forge shows of the gate on a commit: permitted, blocked or missing."""
        found = self.act(APPROVER, "GET", f"commits/{sha}/check-runs?check_name={GATE.replace('/', '%2F')}")
        runs = found["check_runs"]
        if not runs:
            return "missing"
        return "permitted" if runs[0]["conclusion"] == "success" else "blocked"

    def runs(self) -> list[Run]:
        """Return all runs, the latest first."""
        return [fold(self.store.ledger.read(row.run)) for row in self.store.ledger.runs()]

    def until(self, holds: Callable[[Run], bool], what: str, seconds: float | None = None) -> Run:
        """Wait until the latest run is as wanted; raises StoryFailed when it ended or took too long."""
        deadline = time.monotonic() + (seconds or self.plot.seconds)
        state = "no run began"
        while time.monotonic() < deadline:
            self.installation.watch()
            for run in self.runs()[:1]:
                if run.state != state:
                    state = run.state
                    self.tell("run", state)
                if holds(run):
                    return run
                if run.failed is not None:
                    raise StoryFailed(f"waited for {what}; {run.failed.code}: {run.failed.reason}")
                if run.terminal and run.state != "done":
                    raise StoryFailed(f"waited for {what}; the run is {run.state}")
            time.sleep(0.05)
        raise StoryFailed(
            f"waited {seconds or self.plot.seconds:.0f} s for {what}; the state is: {state}\n{self.log()}"
        )

    def log(self) -> str:
        """Return the end of what the processes printed."""
        path = self.installation.log
        return path.read_text(errors="replace")[-3000:] if path is not None and path.exists() else ""

    def _chat(self) -> int:
        return len(self.forge.slack_messages())

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - begun


SECRET = "JOURNEYMAN_GITHUB_WEBHOOK_SECRET"
