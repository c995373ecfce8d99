"""The Forge port over PyGithub, for github.com and any GitHub Enterprise Server."""

import base64
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from github.ContentFile import ContentFile
from github.IssueComment import IssueComment
from github.PullRequest import PullRequest
from github.Repository import Repository

from bot.domain.change import Change, Check, GateReport, Issue, Ref, Remote, Repo, Role, Subject
from bot.domain.errors import ForgeError, Invalid, NotFound, Stale, Unavailable
from bot.domain.redaction import Redaction
from bot.forges.addresses import clone_url, same_login
from bot.forges.credentials import AppKey
from bot.forges.findings import Finding
from bot.forges.github import gate, hooks, snapshots
from bot.forges.github.app import App
from bot.forges.github.credentials import Phase, PlainToken
from bot.forges.github.errors import translated
from bot.forges.github.examination import examination
from bot.forges.github.limits import BODY, TITLE
from bot.forges.github.snapshots import known
from bot.forges.github.wire import Pace, Wire
from bot.forges.talking import Line, ensure, told_to_wait
from bot.forges.texts import cut_end, cut_middle, is_marked, marked, same
from bot.policy.gate import Permit

MergeMethod = Literal["merge", "squash", "rebase"]
_Thing = TypeVar("_Thing")

_MOST_COMMITS = 250  # GitHub lists no more commits of a pull request
_MOST_FILES = 3000  # nor more files
_MOST_ITEMS = 10_000  # comments, events, checks: a hundred pages
_LOOKS = 3
_LOGIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(\[bot\])?")  # of dots alone it would lead elsewhere


class GitHubForge:
    """One credential's view of one GitHub.

    `credential` is a token or an App's key; of an App, each call uses a token for its repository and phase only. `url`
    is the address of the REST API, `timeout` the seconds for each answer, `ca_file` the certificates that the server's
    own is checked against. `bot_login` is needed where the credential may not ask who it is (an installation token of
    somebody else's making). With `pacing`, writes are a second apart, as GitHub asks. Calls from several threads wait
    for each other, which GitHub asks for as well. `hidden` learns what is issued, and cleans what an error says.
    `close` revokes what was issued and ends the connections.
    """

    def __init__(
        self,
        credential: str | AppKey,
        *,
        url: str = "https://api.github.com",
        bot_login: str | None = None,
        timeout: int = 15,
        pacing: bool = True,
        merge_method: MergeMethod = "squash",
        ca_file: str | None = None,
        hidden: Redaction | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._ca_file = ca_file or ""
        self._login = bot_login
        self._merge_method = merge_method
        self._line = Line("GitHub", translated)
        self._hidden = hidden or Redaction()
        wire = Wire(self._url, timeout, ca_file or True, Pace(1.0 if pacing else 0.0))
        self._credential: App | PlainToken = (
            App(credential, wire, self._hidden)
            if isinstance(credential, AppKey)
            else PlainToken(credential, wire, self._hidden)
        )

    def close(self) -> None:
        """Revoke what was issued and end the connections; the next call opens new ones."""
        with self._line.lock:
            self._credential.close()

    def whoami(self) -> str:
        """Return the bot's own login."""
        with self._talking():
            if self._login is None:
                self._login = self._credential.login()
            return self._login

    def address(self, login: str) -> str:
        """Return the address that GitHub gives to accounts that hide theirs; a server's own is under its own name."""
        host = urlsplit(self._url).hostname or ""
        return f"{login}@users.noreply.{'github.com' if host == 'api.github.com' else host}"

    # --- reads ------------------------------------------------------------------------------------------------------
    def issue(self, repo: Repo, number: int) -> Issue:
        """Return an issue; a change is one as well, to GitHub."""
        with self._talking():
            return snapshots.issue_of(repo, self._repository(repo).get_issue(number))

    def change(self, repo: Repo, number: int) -> Change:
        """Return a change, all of it read while head and base stood still.

        Invalid when it is too big for GitHub to list in full: what cannot be seen cannot be judged.
        """
        with self._talking():
            repository = self._repository(repo)
            for _ in range(_LOOKS):
                pull = repository.get_pull(number)
                seen = _place(pull)
                if pull.commits > _MOST_COMMITS or pull.changed_files > _MOST_FILES:
                    raise Invalid(f"{repo} {number} is too big to judge: split it ({_MOST_COMMITS} commits at most)")
                found = snapshots.change_of(
                    repo,
                    pull,
                    files=_all(pull.get_files()),
                    commits=_all(pull.get_commits()),
                    events=_all(repository.get_issue(number).get_events()),
                )
                if _place(repository.get_pull(number)) == seen:
                    return found
        raise Unavailable(f"{repo} {number} kept moving while it was read")

    def role(self, repo: Repo, login: str) -> Role:
        """Return what a person may do; NONE for nobody and for people whom GitHub does not know."""
        if not _LOGIN.fullmatch(login):
            return Role.NONE
        try:
            with self._talking():
                repository = self._repository(repo)
                name = repository.get_collaborator_role_name(login)
                role = snapshots.role_of(name)
                return role or snapshots.role_of(repository.get_collaborator_permission(login)) or Role.NONE
        except NotFound:
            return Role.NONE

    def default_branch(self, repo: Repo) -> str:
        """Return the name of the default branch."""
        with self._talking():
            return known(self._repository(repo).default_branch)

    def head(self, repo: Repo, branch: str) -> str:
        """Return the commit that a branch points at."""
        with self._talking():
            return known(self._repository(repo).get_branch(branch).commit.sha)

    def file(self, repo: Repo, path: str, sha: str) -> str | None:
        """Return a text file at a commit, None when there is none (or something else is there).

        Raises NotFound when the commit itself cannot be seen: "no such file" is never a guess.
        """
        with self._talking():
            repository = self._repository(repo)
            try:
                with translated():
                    found = repository.get_contents(path, ref=sha)
            except NotFound:
                known(repository.get_git_commit(sha).tree.sha)
                return None
            if isinstance(found, list) or known(found.type) != "file":
                return None
            return _text(repository, found)

    def checks(self, repo: Repo, sha: str) -> tuple[Check, ...]:
        """Return the check runs and statuses of a commit, the newest per name and source; our own gate is one."""
        with self._talking():
            repository = self._repository(repo)
            runs = snapshots.newest_runs(_all(repository.get_commit(sha).get_check_runs()))
            statuses = _all(gate.statuses(repository, sha))
            return runs + snapshots.newest_statuses(statuses)

    def remote(self, repo: Repo, access: Literal["read", "write"]) -> Remote:
        """Return where git fetches and pushes, with an App's token for just that.

        A personal token cannot be narrowed: it serves both ways. GitHub took just now what git is given: git itself
        cannot have it renewed.
        """
        phase = Phase.PUSH if access == "write" else Phase.FETCH
        with self._talking():
            url = clone_url(known(self._repository(repo, phase).clone_url), self._url)
            secret = self._credential.secret(repo, phase)
        return Remote(url=url, username="x-access-token", secret=secret, ca_file=self._ca_file)

    def pushed(self, repo: Repo) -> None:
        """Revoke what the last push was done with, if that was issued for it."""
        with self._line.lock:
            self._credential.over(repo, Phase.PUSH)

    # --- writes -----------------------------------------------------------------------------------------------------
    def ensure_change(
        self, repo: Repo, *, branch: str, base: str, title: str, body: str, plan: str, permit: Permit
    ) -> Change:
        """Open the change from `branch`, or find the one that is open."""
        permit.demand("open_change", repo, plan)

        def find() -> int | None:
            found = self._open_pull(repo, branch)
            return None if found is None else known(found.number)

        def create() -> int:
            repository = self._repository(repo, Phase.PROPOSE)
            opened = repository.create_pull(base, branch, title=cut_end(title, TITLE), body=cut_middle(body, BODY))
            return known(opened.number)

        with self._talking():
            return self.change(repo, ensure(translated, find, create))

    def ensure_comment(self, subject: Subject, topic: str, body: str) -> int:
        """Write or edit the bot's one comment on this topic; somebody else's copy of the marker never counts."""
        text = marked(topic, body, BODY)
        with self._talking():
            issue = self._repository(subject.repo, Phase.TALK).get_issue(subject.number)

            def find() -> IssueComment | None:
                return next((one for one in _all(issue.get_comments()) if self._is_mine(one, topic)), None)

            comment = ensure(translated, find, lambda: issue.create_comment(text))
            if not same(comment.body, text):
                comment.edit(text)
            return known(comment.id)

    def react(self, subject: Subject, comment: int, reaction: str) -> None:
        """Put a reaction on a comment; GitHub keeps one of each kind per person."""
        with self._talking():
            repository = self._repository(subject.repo, Phase.TALK)
            address = f"{repository.url}/issues/comments/{comment}/reactions"
            repository.requester.requestJsonAndCheck("POST", address, input={"content": reaction})

    def set_gate(self, repo: Repo, sha: str, report: GateReport) -> None:
        """Show the gate's report as a check run, or as a commit status where this credential may not write those."""
        with self._talking():
            repository = self._repository(repo, Phase.TALK)
            if not gate.show_check_run(repository, sha, report):
                gate.show_status(repository, sha, report, self.whoami())

    def merge(self, ref: Ref, permit: Permit, *, title: str, message: str) -> str:
        """Merge exactly this head and return the commit that landed; Stale when the head moved.

        After an unclear answer the change is read again: a merge that did happen is found, not repeated.
        """
        permit.demand("merge", ref.repo, ref.head_sha)
        with self._talking():
            try:
                pull = self._repository(ref.repo, Phase.MERGE).get_pull(ref.number)
                return self._merge(pull, ref, title, message)
            finally:
                self._credential.over(ref.repo, Phase.MERGE)

    def close_issue(self, repo: Repo, number: int) -> None:
        """Close an issue as completed; one that is closed stays as it is."""
        with self._talking():
            issue = self._repository(repo, Phase.TALK).get_issue(number)
            if known(issue.state) != "closed":
                issue.edit(state="closed", state_reason="completed")

    def resend(self, repo: Repo, since: float) -> int:
        """Have GitHub send again what our hooks could not deliver since then; returns how many."""
        with self._talking():
            if isinstance(self._credential, App):
                return hooks.resend_of_app(self._credential.requests, known(self._repository(repo).id), since)
            repository = self._repository(repo, Phase.HOOKS)
            return hooks.resend(repository.requester, repository.url, since)

    def examine(self, repo: Repo | None) -> Iterator[Finding]:
        """Look at the credential and, where one is named, at a repository; see `examination`."""
        with self._line.lock:
            for one in examination(self._credential, repo):
                yield replace(one, found=self._hidden.clean(one.found), next=self._hidden.clean(one.next))

    # --- inside -----------------------------------------------------------------------------------------------------
    @contextmanager
    def _talking(self) -> Iterator[None]:
        try:
            with self._line.talking():
                yield
        except ForgeError as error:
            error.args = tuple(self._hidden.clean(str(part)) for part in error.args)
            raise

    def _repository(self, repo: Repo, phase: Phase = Phase.READ) -> Repository:
        if repo.forge != "github":
            raise Invalid(f"{repo} is not on GitHub")
        return Repository(self._credential.requester(repo, phase), url=f"/repos/{repo.name}")

    def _open_pull(self, repo: Repo, branch: str) -> PullRequest | None:
        owner = repo.name.partition("/")[0]
        pulls = self._repository(repo).get_pulls(
            state="open", head=f"{owner}:{branch}", sort="created", direction="desc"
        )
        # GitHub answers with every pull request when it does not like the filter, and forks use the same names.
        ours = (one for one in islice(pulls, _MOST_ITEMS) if one.head.ref == branch and _is_in(repo, one))
        return next(ours, None)

    def _is_mine(self, comment: IssueComment, topic: str) -> bool:
        author = comment.user.login if comment.user is not None else ""
        return same_login(author, self.whoami()) and is_marked(topic, comment.body or "")

    def _merge(self, pull: PullRequest, ref: Ref, title: str, message: str) -> str:
        try:
            with translated():
                merged = pull.merge(
                    commit_title=cut_end(title, TITLE),
                    commit_message=cut_middle(message, BODY),
                    merge_method=self._merge_method,
                    sha=ref.head_sha,
                )
                return known(merged.sha)
        except (Stale, Unavailable) as error:
            landed = None if told_to_wait(error) else self._landed(ref)
            if landed is None:
                raise
            return landed

    def _landed(self, ref: Ref) -> str | None:
        pull = self._repository(ref.repo).get_pull(ref.number)
        return known(pull.merge_commit_sha) if pull.merged and pull.head.sha == ref.head_sha else None


def _all(items: Iterable[_Thing]) -> list[_Thing]:
    """Read every page; raises Invalid rather than judging by a part."""
    found = list(islice(items, _MOST_ITEMS + 1))
    if len(found) > _MOST_ITEMS:
        raise Invalid(f"GitHub lists more than {_MOST_ITEMS} entries here; that is too much to judge")
    return found


def _place(pull: PullRequest) -> tuple[str, str, str]:
    return pull.head.sha, pull.base.ref, pull.base.sha


def _is_in(repo: Repo, pull: PullRequest) -> bool:
    return pull.head.repo is not None and pull.head.repo.full_name.lower() == repo.name.lower()


def _text(repository: Repository, found: ContentFile) -> str:
    encoding, content = found.encoding, found.content
    if encoding == "none":  # over 1 MB: the content is elsewhere
        blob = repository.get_git_blob(found.sha)
        encoding, content = blob.encoding, blob.content
    data = base64.b64decode(content) if encoding == "base64" else content.encode()
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{found.path} is not UTF-8 text") from error
