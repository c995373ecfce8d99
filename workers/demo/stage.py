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
from typing import Any, Literal, Self
from urllib.parse import quote

from bot.bootstrap import Store, open_store
from bot.config import load, sandbox_python
from bot.devforge.server import DevForge, Source
from bot.domain.change import Repo, Subject
from bot.domain.envelope import Envelope, Zone
from bot.domain.run import Run, extend, fold
from workers.demo.ci import sandboxed
from workers.demo.github import GitHubPeople
from workers.demo.gitlab import GitLabPeople
from workers.demo.people import Gate, People, Proposed, StoryFailed
from workers.sandbox.bubblewrap import BubblewrapSandbox
from workers.supervisor import Installation, free_port

REQUESTER, APPROVER, STRANGER, BOT, LABEL = "maria", "lee", "sam", "journeyman", "approved-by-human"
ROLES = {REQUESTER: "write", APPROVER: "maintain", STRANGER: "read"}
KEPT_OUT = ("JOURNEYMAN_", "OPENAI_", "ANTHROPIC_")
Dialect = Literal["github", "gitlab"]


@dataclass(slots=True)
class Stage:
    """Forge and installation, up while entered. `settings` are further variables for the installation.

    `tell(text)` is called with what comes up; `seconds` bounds every wait; `dialect` is whose API the forge speaks.
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 120.0
    tell: Callable[[str], None] = lambda _text: None
    dialect: Dialect = "github"
    tokens: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    bot: str = field(init=False)
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
        self.forge = self._stack.enter_context(self._forge(home / "forge", sandbox))
        self.tokens = {who: self.forge.add_user(who) for who in (REQUESTER, APPROVER, STRANGER)}
        self.bot, self.tokens[BOT] = self._bot()
        self.tokens[self.bot] = self.tokens[BOT]
        self.tell(f"forge on {self.forge.url}")
        self.environ = self._environment(home)
        self.installation = Installation(self.environ, free_port(), log=home / "journeyman.log")
        self._stack.callback(self.installation.stop)
        self.installation.start()
        self.store = open_store(load(self.environ), Zone.BROKER)
        self._stack.callback(self.store.database.close)
        self.tell("receiver, broker, agent and clock are up, each with its own credentials only")

    def _forge(self, data: Path, sandbox: BubblewrapSandbox) -> DevForge:
        return DevForge(data, runner=sandboxed(sandbox), dialect=self.dialect)

    def _bot(self) -> tuple[str, str]:
        """Add the bot's account; return its login and its token."""
        if self.dialect == "github":
            return f"{BOT}[bot]", self.forge.add_bot(BOT)
        return BOT, self.forge.add_user(BOT)

    @property
    def secret(self) -> str:
        """The variable of the forge's webhook secret."""
        return f"JOURNEYMAN_{self.dialect.upper()}_WEBHOOK_SECRET"

    def _environment(self, home: Path) -> dict[str, str]:
        name = f"JOURNEYMAN_{self.dialect.upper()}"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(KEPT_OUT)}
        slack_token = "xoxb-" + secrets.token_hex(12)
        return {
            **kept,
            "JOURNEYMAN_SANDBOX_PYTHON": sandbox_python() or "",
            "JOURNEYMAN_DATA_DIR": str(home / "data"),
            f"{name}_URL": self.forge.api_url if self.dialect == "github" else self.forge.url,
            f"{name}_TOKEN": self.tokens[BOT],
            f"{name}_PACING": "false",
            self.secret: secrets.token_hex(20),
            "JOURNEYMAN_SLACK_URL": f"{self.forge.url}/slack/api/",
            "JOURNEYMAN_SLACK_TOKEN": slack_token,
            "JOURNEYMAN_SLACK_CHANNEL": self.forge.add_slack(token=slack_token, channel="agents"),
            "JOURNEYMAN_SWEEP_SECONDS": "0.5",
            "JOURNEYMAN_RESEND_SECONDS": "1",
            "JOURNEYMAN_LEASE_SECONDS": "6",
            **self.settings,
        }

    def scene(self, name: str, source: Source, *, hook: tuple[str, str] | None = None) -> "Scene":
        """Put a repository on the forge, with its people, the approval label and the hook.

        `hook` is the address of another installation, and its secret.
        """
        repo = f"demo/{name}"
        self.forge.add_repo(repo, source, roles={**ROLES, self.bot: "write"})
        self.forge.add_label(repo, LABEL, color="0e8a16", description="A human approves this change")
        url, secret = hook or (self.installation.url, self.environ[self.secret])
        self.forge.add_hook(repo, f"{url}/webhooks/{self.dialect}", secret)
        return Scene(self, repo, self._people(repo))

    def _people(self, repo: str) -> People:
        place = Repo(self.dialect, repo)
        if self.dialect == "github":
            return GitHubPeople(place, f"{self.forge.api_url}/repos/{repo}", self.tokens, APPROVER)
        return GitLabPeople(place, f"{self.forge.api_url}/projects/{quote(repo, safe='')}", self.tokens, APPROVER)

    def log(self) -> str:
        """Return the end of what the processes printed."""
        path = self.installation.log
        return path.read_text(errors="replace")[-3000:] if path is not None and path.exists() else ""


@dataclass(slots=True)
class Scene:
    """One repository on the stage, and what people do there."""

    stage: Stage
    repo: str
    people: People
    _known: dict[str, tuple[Run, Envelope]] = field(default_factory=dict)

    def subject(self, kind: Literal["issue", "change"], number: int) -> Subject:
        """Name an issue or a change of this repository."""
        return Subject(Repo(self.stage.dialect, self.repo), kind, number)

    def open_issue(self, title: str, body: str, who: str = REQUESTER) -> int:
        """Open an issue as a person; returns its number."""
        return self.people.open_issue(who, title, body)

    def say(self, where: int | Subject, text: str, who: str = REQUESTER) -> int:
        """Comment on an issue (by its number) or a change as a person; returns the comment's id."""
        return self.people.say(who, self._subject(where), text)

    def approve(self, change: int, who: str = APPROVER) -> None:
        """Set the approval label on a change as a person."""
        self.people.label(who, change, LABEL, on=True)

    def comments(self, where: int | Subject) -> list[str]:
        """Return what the bot said on an issue (by its number) or a change."""
        found = self.people.comments(self._subject(where))
        return [comment.text for comment in found if comment.author == self.stage.bot]

    def reactions(self, where: int | Subject, comment: int) -> list[str]:
        """Return the reactions to a comment."""
        return self.people.reactions(self._subject(where), comment)

    def changes(self) -> list[Proposed]:
        """Return every change of the repository, the latest first."""
        return self.people.changes()

    def gate(self, sha: str) -> Gate:
        """Return what the forge shows of the gate on a commit."""
        return self.people.gate(sha)

    def _subject(self, where: int | Subject) -> Subject:
        return self.subject("issue", where) if isinstance(where, int) else where

    def runs(self) -> list[Run]:
        """Return all runs of the repository, the latest first."""
        ledger = self.stage.store.ledger
        rows = ledger.runs(repo=f"{self.stage.dialect}:{self.repo}")
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
