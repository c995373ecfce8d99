"""The Forge port over python-gitlab, for gitlab.com and any GitLab of one's own."""

import base64
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Literal

from bot.domain.change import Change, Check, GateReport, Issue, LabelSet, Ref, Remote, Repo, Role, Subject
from bot.domain.errors import Invalid, NotFound, Stale, Unavailable
from bot.forges.addresses import clone_url, same_login
from bot.forges.findings import Finding, looked
from bot.forges.gitlab import checks, examine, gate, hooks, merging, shapes, snapshots
from bot.forges.gitlab.errors import translator
from bot.forges.gitlab.people import People
from bot.forges.gitlab.texts import BODY, TITLE, harmless
from bot.forges.gitlab.wire import Wire, part
from bot.forges.talking import Line, ensure, told_to_wait
from bot.forges.texts import cut_end, is_marked, marked, same
from bot.policy.gate import Permit

MergeMethod = Literal["merge", "squash"]
_LOOKS = 3
_LINK = "120000"
_AWARDS = {
    "+1": "thumbsup",
    "-1": "thumbsdown",
    "laugh": "laughing",
    "hooray": "tada",
}


class GitLabForge:
    """One credential's view of one GitLab.

    `url` is the server's root (it may have a path), `timeout` the seconds for each answer, `ca_file` the certificates
    that the server's own is checked against. With `pacing`, writes are a second apart. Calls from several threads wait
    for each other. `close` ends the connections.
    """

    def __init__(
        self,
        token: str,
        *,
        url: str = "https://gitlab.com",
        bot_login: str | None = None,
        timeout: int = 15,
        pacing: bool = True,
        merge_method: MergeMethod = "squash",
        ca_file: str | None = None,
    ) -> None:
        self._token = token
        self._url = url.rstrip("/")
        self._ca_file = ca_file or ""
        self._merge_method = merge_method
        self._wire = Wire(token, self._url, timeout=timeout, pacing=pacing, ca_file=ca_file)
        self._translated = translator(lambda: self._wire.headers)
        self._line = Line("GitLab", self._translated)
        self._people = People(self._wire, self._url, bot_login)

    def close(self) -> None:
        """End the connections; the next call opens new ones."""
        with self._line.lock:
            self._wire.close()

    def whoami(self) -> str:
        """Return the bot's own login."""
        with self._talking():
            return self._people.whoami()

    def address(self, login: str) -> str:
        """Return the address that GitLab gives to accounts that hide theirs; of an unknown one, its name alone."""
        with self._talking():
            return self._people.address(login)

    # --- reads ------------------------------------------------------------------------------------------------------
    def issue(self, repo: Repo, number: int) -> Issue:
        """Return an issue."""
        with self._talking():
            return snapshots.issue_of(repo, self._wire.get(f"{_place(repo)}/issues/{number}", shapes.Issue))

    def change(self, repo: Repo, number: int) -> Change:
        """Return a change, all of it read while head and base stood still.

        Invalid when it is too big for GitLab to list in full: what cannot be seen cannot be judged.
        """
        path = f"{_place(repo)}/merge_requests/{number}"
        with self._talking():
            self._people.whoami()
            self._people.forget()
            for _ in range(_LOOKS):
                found = self._merge_request(path)
                change = snapshots.change_of(
                    repo,
                    found,
                    files=self._wire.list(f"{path}/diffs", shapes.Diff),
                    commits=self._wire.list(f"{path}/commits", shapes.Commit),
                    labels=self._labels(path, found.labels),
                    login_of=self._people.login_of,
                )
                if _stand(self._merge_request(path)) == _stand(found):
                    return change
        raise Unavailable(f"{repo}!{number} kept moving while it was read")

    def role(self, repo: Repo, login: str) -> Role:
        """Return what a person may do; NONE for nobody and for people whom GitLab does not know."""
        with self._talking():
            known = self._people.id_of(login)
            if known is None:
                return Role.NONE
            try:
                with self._translated():
                    return snapshots.role_of(self._wire.get(f"{_place(repo)}/members/all/{known}", shapes.Member))
            except NotFound:
                return Role.NONE if self._project(repo).visibility == "private" else Role.READ

    def default_branch(self, repo: Repo) -> str:
        """Return the name of the default branch."""
        with self._talking():
            name = self._project(repo).default_branch
        if not name:
            raise NotFound(f"{repo} is empty: it has no default branch")
        return name

    def head(self, repo: Repo, branch: str) -> str:
        """Return the commit that a branch points at."""
        with self._talking():
            return self._wire.get(f"{_place(repo)}/repository/branches/{part(branch)}", shapes.Branch).commit.id

    def file(self, repo: Repo, path: str, sha: str) -> str | None:
        """Return a text file at a commit, None when there is none (or something else is there).

        Raises NotFound when the commit itself cannot be seen: "no such file" is never a guess.
        """
        place = f"{_place(repo)}/repository"
        with self._talking():
            try:
                with self._translated():
                    found = self._wire.get(f"{place}/files/{part(path)}", shapes.File, ref=sha)
                    data = base64.b64decode(found.content) if found.encoding == "base64" else found.content.encode()
            except NotFound:
                self._wire.get(f"{place}/commits/{part(sha)}", shapes.Commit)
                return None
            if not data.endswith(b"\n") and self._is_link(place, path, sha):
                return None
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Invalid(f"{path} is not UTF-8 text") from error

    def checks(self, repo: Repo, sha: str) -> tuple[Check, ...]:
        """Return the jobs and the reported statuses of a commit, the newest per name and source; our gate is one."""
        place = _place(repo)
        with self._talking():
            reported = checks.statuses(self._wire, place, sha)
            return checks.checks_of(reported, checks.runs(self._wire, repo, place, sha))

    def remote(self, repo: Repo, access: Literal["read", "write"]) -> Remote:  # noqa: ARG002 - one token for both
        """Return where git fetches and pushes. One token cannot be narrowed: it serves both ways."""
        with self._talking():
            url = clone_url(self._project(repo).http_url_to_repo, self._url)
        return Remote(url=url, username="oauth2", secret=self._token, ca_file=self._ca_file)

    def pushed(self, repo: Repo) -> None:
        """Leave the token: it is not ours to revoke."""

    # --- writes -----------------------------------------------------------------------------------------------------
    def ensure_change(
        self, repo: Repo, *, branch: str, base: str, title: str, body: str, plan: str, permit: Permit
    ) -> Change:
        """Open the change from `branch`, or find the one that is open."""
        permit.demand("open_change", repo, plan)
        place = f"{_place(repo)}/merge_requests"

        def find() -> int | None:
            found = self._wire.list(place, shapes.MergeRequestRow, source_branch=branch, state="opened")
            return next((one.iid for one in found if _is_ours(one) and one.source_branch == branch), None)

        def create() -> int:
            words = {"title": cut_end(title, TITLE), "description": harmless(body)}
            refs = {"source_branch": branch, "target_branch": base}
            return self._wire.write("post", place, shapes.Made, **refs, **words).iid

        with self._talking():
            return self.change(repo, ensure(self._translated, find, create))

    def ensure_comment(self, subject: Subject, topic: str, body: str) -> int:
        """Write or edit the bot's one comment on this topic; somebody else's copy of the marker never counts."""
        text = harmless(marked(topic, body, BODY))
        notes = f"{_subject(subject)}/notes"
        with self._talking():

            def find() -> shapes.Note | None:
                found = self._wire.list(notes, shapes.Note, sort="asc", order_by="created_at")
                mine = (one for one in found if self._is_me(one.author) and not one.system)
                return next((one for one in mine if is_marked(topic, one.body)), None)

            note = ensure(self._translated, find, lambda: self._wire.write("post", notes, shapes.Note, body=text))
            if not same(note.body, text):
                self._wire.write("put", f"{notes}/{note.id}", shapes.Note, body=text)
            return note.id

    def react(self, subject: Subject, comment: int, reaction: str) -> None:
        """Put a reaction on a comment, once: GitLab says 404 to a second one of a kind."""
        name, place = _AWARDS.get(reaction, reaction), f"{_subject(subject)}/notes/{comment}/award_emoji"

        def is_there() -> bool:
            found = self._wire.list(place, shapes.Award)
            return any(one.name == name and self._is_me(one.user) for one in found)

        with self._talking():
            if is_there():
                return
            try:
                with self._translated():
                    self._wire.write("post", place, shapes.Award, name=name)
            except (Invalid, NotFound, Stale, Unavailable) as error:
                if told_to_wait(error) or not is_there():
                    raise

    def set_gate(self, repo: Repo, sha: str, report: GateReport) -> None:
        """Show the gate's report: its line as a commit status, its table as a comment on each change at this head."""
        place = _place(repo)
        with self._talking():
            rows = self._wire.list(f"{place}/repository/commits/{part(sha)}/merge_requests", shapes.MergeRequestRow)
            heads = [one for one in rows if one.state == "opened" and one.sha == sha]
            own = next((one for one in heads if _is_ours(one)), None)
            change = self._merge_request(f"{place}/merge_requests/{own.iid}") if own is not None else None
            try:
                gate.show_status(self._wire, place, sha, report, me=self.whoami(), change=change)
            except NotFound:  # a fork's head is on no branch of the project, and GitLab sets no status on such
                if own is not None or not heads:
                    raise
            for one in heads:
                self.ensure_comment(Subject(repo, "change", one.iid), "gate", gate.comment(report))

    def merge(self, ref: Ref, permit: Permit, *, title: str, message: str) -> str:
        """Merge exactly this head and return the commit that landed; Stale when the head moved.

        After an unclear answer the change is read again: a merge that did happen is found, not repeated.
        """
        permit.demand("merge", ref.repo, ref.head_sha)
        path = f"{_place(ref.repo)}/merge_requests/{ref.number}"
        text = harmless(f"{cut_end(title, TITLE)}\n\n{message.strip()}\n")
        with self._talking():
            return merging.merge(self._wire, path, ref.head_sha, text, squash=self._squash(ref.repo))

    def close_issue(self, repo: Repo, number: int) -> None:
        """Close an issue; one that is closed stays as it is."""
        path = f"{_place(repo)}/issues/{number}"
        with self._talking():
            if self._wire.get(path, shapes.Issue).state != "closed":
                self._wire.write("put", path, shapes.Issue, state_event="close")

    def resend(self, repo: Repo, since: float) -> int:  # noqa: ARG002 - GitLab tells no times; it keeps a week of them
        """Have GitLab send again what our hooks could not deliver; returns how many."""
        with self._talking():
            return hooks.resend(self._wire, _place(repo))

    def examine(self, repo: Repo | None) -> Iterator[Finding]:
        """Look at the token and, where one is named, at a project; changes nothing and raises nothing."""

        def at(look: Callable[[], Iterator[Finding]]) -> Callable[[], Iterator[Finding]]:
            def run() -> Iterator[Finding]:
                with self._talking():
                    found = list(look())
                return iter(found)

            return run

        yield from looked("gitlab token", at(lambda: examine.token(self._wire, self._url, self._translated)))
        if repo is not None:
            yield from looked("project", at(lambda: examine.project(self._wire, repo, self._translated)))
            yield from looked("hook", at(lambda: examine.hook(self._wire, repo, self._translated)))

    # --- inside -----------------------------------------------------------------------------------------------------
    def _talking(self) -> AbstractContextManager[None]:
        return self._line.talking()

    def _project(self, repo: Repo) -> shapes.Project:
        return self._wire.get(_place(repo), shapes.Project)

    def _merge_request(self, path: str) -> shapes.MergeRequest:
        return self._wire.get(path, shapes.MergeRequest)

    def _is_me(self, user: shapes.User | None) -> bool:
        return user is not None and same_login(user.username, self._people.whoami())

    def _is_link(self, place: str, path: str, sha: str) -> bool:
        """Tell whether a path is a symbolic link, which GitLab reads as a file that holds where it leads."""
        folder = path.rpartition("/")[0]
        rows = self._wire.list(f"{place}/tree", shapes.Entry, ref=sha, path=folder)
        return any(one.path == path and one.mode == _LINK for one in rows)

    def _labels(self, path: str, names: list[str]) -> tuple[LabelSet, ...]:
        events = self._wire.list(f"{path}/resource_label_events", shapes.LabelEvent) if names else []
        return snapshots.label_sets(names, events, self._people.is_bot)

    def _squash(self, repo: Repo) -> bool:
        """Tell whether to squash: as set here, unless the project leaves no choice."""
        forced = {"always": True, "never": False}
        return forced.get(self._project(repo).squash_option, self._merge_method == "squash")


def _place(repo: Repo) -> str:
    if repo.forge != "gitlab":
        raise Invalid(f"{repo} is not on GitLab")
    return f"/projects/{part(repo.name)}"


def _subject(subject: Subject) -> str:
    return f"{_place(subject.repo)}/{'issues' if subject.kind == 'issue' else 'merge_requests'}/{subject.number}"


def _is_ours(one: shapes.MergeRequestRow) -> bool:
    """Tell whether a change comes from the project itself: forks use the same names of branches."""
    return one.source_project_id is not None and one.source_project_id == one.target_project_id


def _stand(found: shapes.MergeRequest) -> tuple[str | None, str, shapes.DiffRefs | None]:
    return found.sha, found.target_branch, found.diff_refs
