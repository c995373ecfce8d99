"""Seeding a forge, acting on it as somebody, and letting things go wrong on it."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from bot.devforge.acts import changes, issues
from bot.devforge.acts.deed import Deed
from bot.devforge.appseeding import AppSeeding
from bot.devforge.faults import Fault
from bot.devforge.gitrepo import GitRepo
from bot.devforge.model import CheckRun, Hook, Issue, Protection, Repository
from bot.devforge.webhooks import Sender, may_send_to
from bot.devforge.world import Message, World
from bot.domain.change import Role

Source = Path | str | Mapping[str, str | bytes]
Kind = Literal["issue", "change"]
_NAME = r"[A-Za-z0-9._-]{1,100}"
_PATHS = {  # GitLab's groups lie inside each other, 20 deep at most
    "github": rf"([A-Za-z0-9-]{{1,39}})/({_NAME})",
    "gitlab": rf"([A-Za-z0-9_][A-Za-z0-9._-]{{0,99}}(?:/{_NAME}){{0,19}})/({_NAME})",
}


class Seeding(AppSeeding):
    """What a demo or a test does to a forge without going through REST. Every call is safe from any thread."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._sender = Sender(world)

    def seeding(self) -> dict[str, Callable[..., Any]]:
        """Return the calls that `POST /_dev/NAME` may make."""
        people = (self.add_user, self.add_bot, self.add_token, self.add_project_token, self.add_slack)
        doors = (self.revoke_token, self.block)
        places = (self.add_repo, self.add_label, self.add_hook, self.protect, self.set_role)
        acts = (self.open_issue, self.comment, self.set_label, self.run_ci)
        faults = (self.fail_next, self.clear_faults, self.lose_webhooks, self.repeat_webhooks)
        return {call.__name__: call for call in (*people, *doors, *places, *acts, *faults)} | self._app_calls()

    def add_user(self, login: str, *, token: str | None = None) -> str:
        """Add a person and return their token."""
        return self.add_token(login, token=token)

    def add_bot(self, app: str, *, token: str | None = None) -> str:
        """Add an app's bot, whose login is `APP[bot]` (GitLab: that of a group's token), and return its token."""
        with self.world.lock:
            return self.world.token(self.world.bot(app.removesuffix("[bot]")), token, Role.ADMIN).value

    def add_token(
        self,
        login: str,
        *,
        access: str = "admin",
        token: str | None = None,
        scopes: Sequence[str] = (),
        expires: str | None = None,
        kind: Literal["personal", "oauth"] = "personal",
    ) -> str:
        """Give a user one more token; `access` (read, write, admin) caps what it may do.

        GitLab's have `scopes` (those for that access when none are given); `expires` is a day such as 2026-01-31.
        """
        with self.world.lock:
            made = self.world.token(self.world.user(login), token, Role(access))
            made = replace(made, scopes=tuple(scopes) or made.scopes, expires=expires, kind=kind)
            self.world.tokens[made.value] = made
            return made.value

    def revoke_token(self, value: str) -> None:
        """Take a token out of use."""
        with self.world.lock:
            self.world.tokens[value] = replace(self.world.tokens[value], revoked=True)

    def block(self, login: str, *, on: bool = True) -> None:
        """Block an account, or let it in again."""
        with self.world.lock:
            self.world.user(login).state = "blocked" if on else "active"

    def add_project_token(
        self, repo: str, *, role: str = "write", scopes: Sequence[str] = ("api",), expires: str | None = None
    ) -> str:
        """Give a GitLab project a token of its own, whose account is a bot `project_ID_bot_...`; return its value."""
        with self.world.lock:
            place = self._repo(repo)
            login = f"project_{place.id}_bot_{secrets.token_hex(8)}"
            place.roles[login] = Role(role)
        return self.add_token(login, scopes=scopes, expires=expires)

    def add_repo(
        self,
        full_name: str,
        source: Source,
        *,
        roles: Mapping[str, str] | None = None,
        private: bool = False,
        description: str = "",
    ) -> str:
        """Add a repository and return the commit at its default branch.

        `source` is a local git repository (its present branch is taken), a plain folder, or path -> text.
        `roles` says who may do what: login -> read, triage, write, maintain or admin.
        """
        match = re.fullmatch(_PATHS[self.world.dialect], full_name)
        if match is None or re.search(r"(\.git|/\.\.?)(/|\Z)", full_name):
            raise ValueError(f"not a repository name: {full_name!r}")
        with self.world.lock:
            if self.world.repo(full_name):
                raise ValueError(f"there is a repository {full_name} already")
            git = GitRepo.create(self.world.data / "git" / match[1].lower() / f"{match[2].lower()}.git")
            owner = self.world.user(match[1])
            repo = Repository(self.world.next_id(), owner, match[2], git, self.world.now(), private, description)
            if self.world.dialect == "github":
                repo.changes = repo.issues
            repo.default_branch = self._fill(repo, source)
            repo.roles = {login: Role(role) for login, role in (roles or {}).items()}
            for login in repo.roles:
                self.world.user(login)
            repo.pushed = self.world.now()
            self.world.repos[full_name.lower()] = repo
            return git.branch(repo.default_branch) or ""

    def _fill(self, repo: Repository, source: Source) -> str:
        if not isinstance(source, Mapping):
            path = Path(source)
            if not path.is_dir():
                raise ValueError(f"there is no folder {path}")
            if (path / ".git").exists() or (path / "objects").is_dir():
                return repo.git.fetch_from(path)
            source = read_folder(path)
        files: dict[str, tuple[str, str | None]] = {}
        for path_of, text in source.items():
            data = text.encode() if isinstance(text, str) else text
            files[path_of] = ("100644", repo.git.write_blob(data))
        me = self.world.person(repo.owner)
        sha = repo.git.write_commit(repo.git.write_tree(files), (), "Initial commit\n", (me, me))
        repo.git.force("refs/heads/main", sha)
        return "main"

    def add_label(self, repo: str, name: str, *, color: str = "ededed", description: str = "") -> None:
        """Add a label to a repository, or change its looks."""
        with self.world.lock:
            label = self.world.label(self._repo(repo), name)
            label.color, label.description = color.removeprefix("#"), description

    def add_hook(self, repo: str, url: str, secret: str, *, events: Sequence[str] = ("*",)) -> int:
        """Add a webhook (http on loopback only) and return its id; no ping is sent."""
        if not may_send_to(url):
            raise ValueError(f"webhooks only go to http addresses on loopback, not to {url}")
        with self.world.lock:
            hook = Hook(self.world.next_id(), url, secret, tuple(events), self.world.now())
            if self.world.dialect == "gitlab" and secret.startswith("whsec_"):
                hook.secret, hook.signing = "", secret
            self._repo(repo).hooks[hook.id] = hook
            return hook.id

    def protect(self, repo: str, branch: str, *, required_contexts: Sequence[str] = (), mergers: str = "write") -> None:
        """Protect a branch: nobody pushes to it, and a merge needs these checks or statuses green.

        GitLab cannot name them: there any make it ask for green pipelines. `mergers` is the role that a merge takes
        there.
        """
        with self.world.lock:
            place, apart = self._repo(repo), self.world.dialect == "gitlab"
            place.protected[branch] = Protection(() if apart else tuple(required_contexts), Role(mergers))
            place.only_green = apart and bool(required_contexts)

    def set_role(self, repo: str, login: str, role: str) -> None:
        """Say what a user may do in a repository: none, read, triage, write, maintain or admin."""
        with self.world.lock:
            self.world.user(login)
            self._repo(repo).roles[login] = Role(role)

    def add_slack(self, *, token: str, channel: str, user: str = "journeyman") -> str:
        """Add a chat channel and a token that may post to it; returns the channel's id."""
        with self.world.lock:
            chat = self.world.chat
            chat.tokens[token] = user
            for known, name in chat.channels.items():
                if name == channel:
                    return known
            made = f"C{self.world.next_id():08d}"
            chat.channels[made] = channel.removeprefix("#")
            return made

    # --- acting and looking -----------------------------------------------------------------------------------------
    def open_issue(self, repo: str, title: str, body: str, *, by: str) -> int:
        """Open an issue as a user and return its number."""
        with self.world.lock:
            return issues.open_issue(self._deed(repo, by), title, body).number

    def comment(self, repo: str, number: int, body: str, *, by: str, kind: Kind = "issue") -> int:
        """Comment on an issue or change as a user and return the comment's id; `kind` counts on GitLab only."""
        with self.world.lock:
            deed = self._deed(repo, by)
            return issues.say(deed, _row(deed.repo, kind)[number], body).id

    def set_label(self, repo: str, number: int, name: str, *, by: str, on: bool = True, kind: Kind = "issue") -> None:
        """Put a label on an issue or change as a user, or take it off; `kind` counts on GitLab only."""
        with self.world.lock:
            deed = self._deed(repo, by)
            act = issues.add_label if on else issues.take_label
            act(deed, _row(deed.repo, kind)[number], name)

    def run_ci(self, repo: str, branch: str) -> None:
        """Start CI for a branch that was seeded rather than pushed."""
        with self.world.lock:
            place = self._repo(repo)
            sha = place.git.branch(branch)
            if sha is None:
                raise KeyError(f"{repo} has no branch {branch}")
            self.world.build(place, branch, sha)

    def checks(self, repo: str, sha: str) -> list[CheckRun]:
        """Return the newest check runs of a commit."""
        with self.world.lock:
            return changes.latest_checks(self._repo(repo), sha)

    def slack_messages(self) -> list[Message]:
        """Return what was said in the chat, oldest first."""
        with self.world.lock:
            return list(self.world.chat.messages)

    def fail_next(
        self,
        method: str,
        path: str,
        *,
        status: int = 0,
        times: int = 1,
        retry_after: int | None = None,
        after_effect: bool = False,
        hang: float = 0.0,
        truncate: bool = False,
    ) -> None:
        """Let the next `times` requests whose path matches the regular expression fail; see `faults.Fault`."""
        fault = Fault(method.upper(), re.compile(path), status, times, retry_after, after_effect, hang, truncate)
        self.world.faults.add(fault)

    def lose_webhooks(self, event: str = "*", *, times: int = 1) -> None:
        """Let the next deliveries of an event (`*`: of any) get lost; they stay in the hook's list as failed."""
        with self.world.lock:
            self._sender.lose(event, times)

    def repeat_webhooks(self, repo: str, *, event: str = "*", newest_first: bool = False) -> int:
        """Send every delivery of a repository's hooks so far once more, and return how many those are."""
        with self.world.lock:
            rows = [
                (hook, one)
                for hook in self._repo(repo).hooks.values()
                for one in list(hook.deliveries)
                if event in ("*", one.event) and not one.redelivery
            ]
            for hook, one in sorted(rows, key=lambda row: -row[1].id if newest_first else row[1].id):
                self._sender.again(hook, one)
            return len(rows)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        self.world.faults.clear()

    def _deed(self, repo: str, login: str) -> Deed:
        return Deed(self.world, self._repo(repo), self.world.user(login))

    def _repo(self, full_name: str) -> Repository:
        repo = self.world.repo(full_name)
        if repo is None:
            raise KeyError(f"there is no repository {full_name}")
        return repo


def _row(repo: Repository, kind: Kind) -> dict[int, Issue]:
    return repo.changes if kind == "change" else repo.issues


_SKIPPED = {".git", "__pycache__", ".venv", "venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", "node_modules"}


def read_folder(folder: Path, *, most: int = 5000) -> dict[str, bytes]:
    """Read the files of a plain folder, without caches and environments; raises ValueError when there are too many."""
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if _SKIPPED & set(parts) or path.is_symlink() or not path.is_file():
            continue
        files["/".join(parts)] = path.read_bytes()
        if len(files) > most:
            raise ValueError(f"{folder} holds more than {most} files: make it a git repository first")
    return files
