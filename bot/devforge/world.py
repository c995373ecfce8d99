"""The forge's whole state behind one lock, and the small rules that every room needs: ids, users, tokens, roles."""

import itertools
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition, RLock
from typing import Any, Literal

from bot.devforge.apps import Apps, Grant
from bot.devforge.faults import Faults
from bot.devforge.gitvalues import Person
from bot.devforge.model import CheckRun, Label, Pipeline, Repository, Token, User
from bot.domain.change import Role

CI_APP = "devforge-ci"
Dialect = Literal["github", "gitlab"]
"""Whose API, addresses and webhooks a forge has."""


@dataclass(slots=True)
class Message:
    """A chat message; `ts` is its name within the channel."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: Any = None
    edited: bool = False
    thread: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass(slots=True)
class Chat:
    """The Slack side: which tokens speak, which channels there are, what was said, and who may not look back."""

    tokens: dict[str, str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    blind: set[str] = field(default_factory=set)


BOT_LOGIN = re.compile(r"(?:project|group)_\d+_bot\w*", re.ASCII)
Emit = Callable[[Repository, str, dict[str, Any]], None]
Build = Callable[[Repository, str, str], None]
RunIn = Callable[[Repository, Pipeline], CheckRun | None]


class World:
    """Everything there is. Hold `lock` while reading or changing any of it.

    `emit(repo, event, body)` queues webhooks and `build(repo, branch, sha)` queues a CI run, `run_in(repo, pipeline)`
    one more in a pipeline; the server sets them.
    """

    def __init__(self, data: Path, dialect: Dialect = "github") -> None:
        self.data = data
        self.dialect: Dialect = dialect
        self.lock = RLock()
        self.moved = Condition(self.lock)
        self.address = "http://localhost"
        self.users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.repos: dict[str, Repository] = {}
        self.chat = Chat()
        self.apps = Apps()
        self.faults = Faults()
        self.ahead = 0.0
        self.hourly_limit = 5000
        self.minute_limit = 2000
        self.resends_a_minute = 5
        self.spent: dict[str, tuple[int, int]] = {}
        self.emit: Emit = lambda *_: None
        self.build: Build = lambda *_: None
        self.run_in: RunIn = lambda *_: None
        self._ids = itertools.count(1001)
        self.ghost = self.user("ghost")
        self.bot(CI_APP)

    @property
    def api(self) -> str:
        """The root of the REST API."""
        return f"{self.address}/api/{'v3' if self.dialect == 'github' else 'v4'}"

    def now(self) -> float:
        """Return the time by the forge's clock, which may be `ahead` of the true one."""
        return time.time() + self.ahead

    def next_id(self) -> int:
        return next(self._ids)

    def user(self, login: str) -> User:
        """Return the user of this login, made when new."""
        if login not in self.users:
            app = login.removesuffix("[bot]") if login.endswith("[bot]") or BOT_LOGIN.fullmatch(login) else None
            self.users[login] = User(self.next_id(), login, self.now(), app)
        return self.users[login]

    def bot(self, app: str) -> User:
        """Return the bot user of an app (on GitLab: of a token by this name), made when new."""
        return self.user(f"{app}[bot]" if self.dialect == "github" else f"group_1_bot_{app.replace('-', '_')}")

    def token(self, user: User, value: str | None, access: Role) -> Token:
        """Give a user a token; a value is made up when none is given."""
        prefix = "glpat-" if self.dialect == "gitlab" else "ghs_" if user.is_bot else "ghp_"
        scopes = ("api",) if access.at_least(Role.WRITE) else ("read_api", "read_repository")
        token = Token(
            value or prefix + secrets.token_hex(18), user, access, self.next_id(), scopes=scopes, created=self.now()
        )
        self.tokens[token.value] = token
        return token

    def grant(self, value: str) -> Grant | None:
        """Return what a token may do, None where its user's role alone counts."""
        return self.apps.grants.get(value)

    def repo(self, full_name: str) -> Repository | None:
        return self.repos.get(full_name.lower())

    def label(self, repo: Repository, name: str) -> Label:
        """Return a repository's label (names ignore case), made when new."""
        key = name.lower()
        if key not in repo.labels:
            repo.labels[key] = Label(self.next_id(), name)
        return repo.labels[key]

    def person(self, user: User) -> Person:
        """Return how a user signs a commit made on the forge."""
        sign = "+" if self.dialect == "github" else "-"
        return Person(user.login, f"{user.id}{sign}{user.login}@users.noreply.localhost", self.now())

    def author(self, email: str) -> User | None:
        """Return the user whose commit address this is, or None.

        Nobody registers addresses here: the part before the `@`, after an id and `+` (GitLab: `-`), is the login or the
        app's name.
        """
        local = email.rpartition("@")[0]
        login = re.sub(r"^\d+[+-]", "", local)
        return self.users.get(login) or self.users.get(f"{login}[bot]")
