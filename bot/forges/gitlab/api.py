"""The Forge port over python-gitlab, for gitlab.com and any GitLab of one's own."""

import base64
import re
from contextlib import AbstractContextManager
from typing import Literal
from urllib.parse import quote, urlsplit

from bot.domain.change import Change, Check, GateReport, Issue, LabelSet, Ref, Remote, Repo, Role, Subject
from bot.domain.errors import Denied, Invalid, NotFound, Stale, Unavailable
from bot.forges.gitlab import gate, snapshots
from bot.forges.gitlab import wire as w
from bot.forges.gitlab.errors import translator
from bot.forges.gitlab.texts import BODY, TITLE, harmless
from bot.forges.talking import Line, ensure, told_to_wait
from bot.forges.texts import cut_end, cut_middle, is_marked, marked, same
from bot.policy.gate import Permit

MergeMethod = Literal["merge", "squash"]
_LOOKS = 3
_MOST_KNOWN = 5000
_MOST_PIPELINES = 20
_SOON = 5.0
_LOGIN = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_AWARDS = {"+1": "thumbsup", "-1": "thumbsdown"}


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
        self._login = bot_login
        self._ca_file = ca_file or ""
        self._merge_method = merge_method
        self._wire = w.Wire(token, self._url, timeout=timeout, pacing=pacing, ca_file=ca_file)
        self._translated = translator(lambda: self._wire.headers)
        self._line = Line("GitLab", self._translated)
        self._users: dict[int, w.User] = {}

    def close(self) -> None:
        """End the connections; the next call opens new ones."""
        with self._line.lock:
            self._wire.close()

    def whoami(self) -> str:
        """Return the bot's own login."""
        with self._talking():
            if self._login is None:
                self._login = self._wire.get("/user", w.User).username
            return self._login

    def address(self, login: str) -> str:
        """Return the private commit address of an account; of one that GitLab does not know, its name alone."""
        host = urlsplit(self._url).hostname or ""
        with self._talking():
            known = self._id_of(login)
        return f"{known}-{login}@users.noreply.{host}" if known else f"{login}@users.noreply.{host}"

    # --- reads ------------------------------------------------------------------------------------------------------
    def issue(self, repo: Repo, number: int) -> Issue:
        """Return an issue."""
        with self._talking():
            return snapshots.issue_of(repo, self._wire.get(f"{_place(repo)}/issues/{number}", w.Issue))

    def change(self, repo: Repo, number: int) -> Change:
        """Return a change, all of it read while head and base stood still.

        Invalid when it is too big for GitLab to list in full: what cannot be seen cannot be judged.
        """
        path = f"{_place(repo)}/merge_requests/{number}"
        with self._talking():
            for _ in range(_LOOKS):
                found = self._wire.get(path, w.MergeRequest)
                snapshots.judged_whole(found, repo)
                change = snapshots.change_of(
                    repo,
                    found,
                    files=self._wire.list(f"{path}/diffs", w.Diff),
                    committers=snapshots.committers(self._wire.list(f"{path}/commits", w.Commit), self._name_of),
                    labels=self._labels(path, found),
                )
                if _stand(self._wire.get(path, w.MergeRequest)) == _stand(found):
                    return change
        raise Unavailable(f"{repo} !{number} kept moving while it was read")

    def role(self, repo: Repo, login: str) -> Role:
        """Return what a person may do; NONE for nobody and for people whom GitLab does not know."""
        if not _LOGIN.fullmatch(login):
            return Role.NONE
        with self._talking():
            known = self._id_of(login)
            if not known:
                return Role.NONE
            try:
                with self._translated():
                    return snapshots.role_of(self._wire.get(f"{_place(repo)}/members/all/{known}", w.Member))
            except NotFound:
                return Role.NONE if self._project(repo).visibility == "private" else Role.READ

    def default_branch(self, repo: Repo) -> str:
        """Return the name of the default branch."""
        with self._talking():
            name = self._project(repo).default_branch
        if not name:
            raise Invalid(f"{repo} is empty: it has no default branch")
        return name

    def head(self, repo: Repo, branch: str) -> str:
        """Return the commit that a branch points at."""
        with self._talking():
            return self._wire.get(f"{_place(repo)}/repository/branches/{_part(branch)}", w.Branch).commit.id

    def file(self, repo: Repo, path: str, sha: str) -> str | None:
        """Return a text file at a commit, None when there is none (or something else is there).

        Raises NotFound when the commit itself cannot be seen: "no such file" is never a guess.
        """
        with self._talking():
            try:
                with self._translated():
                    found = self._wire.get(f"{_place(repo)}/repository/files/{_part(path)}", w.File, ref=sha)
            except NotFound:
                self._wire.get(f"{_place(repo)}/repository/commits/{_part(sha)}", w.Commit)
                return None
        data = base64.b64decode(found.content) if found.encoding == "base64" else found.content.encode()
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise Invalid(f"{path} is not UTF-8 text") from error

    def checks(self, repo: Repo, sha: str) -> tuple[Check, ...]:
        """Return the jobs and the reported statuses of a commit, the newest per name and source; our gate is one."""
        with self._talking():
            place = _place(repo)
            jobs: dict[str, list[w.Job]] = {}
            pipelines = self._wire.list(f"{place}/pipelines", w.Pipeline, sha=sha)
            for pipeline in sorted(pipelines, key=lambda one: -one.id)[:_MOST_PIPELINES]:
                if pipeline.source not in jobs and pipeline.source != "external":
                    jobs[pipeline.source] = self._wire.list(
                        f"{place}/pipelines/{pipeline.id}/jobs", w.Job, include_retried="true"
                    )
            return snapshots.checks(gate.statuses(self._wire, place, sha), jobs)

    def remote(self, repo: Repo, access: Literal["read", "write"]) -> Remote:  # noqa: ARG002 - one token for both
        """Return where git fetches and pushes. One token cannot be narrowed: it serves both ways."""
        with self._talking():
            url = self._project(repo).http_url_to_repo
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise Invalid("GitLab gave a clone address that is neither http nor https, or holds a name")
        if parts.scheme == "http" and urlsplit(self._url).scheme == "https":
            raise Invalid("GitLab gave a plain http clone address; the token would travel in clear")
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
            found = self._wire.list(place, w.MergeRequest, source_branch=branch, state="opened")
            ours = (
                one for one in found if one.source_branch == branch and one.source_project_id == one.target_project_id
            )
            return next((one.iid for one in ours), None)

        def create() -> int:
            words = {"title": cut_end(title, TITLE), "description": harmless(cut_middle(body, BODY))}
            made = self._wire.write("post", place, w.MergeRequest, source_branch=branch, target_branch=base, **words)
            return made.iid

        with self._talking():
            return self.change(repo, ensure(self._translated, find, create))

    def ensure_comment(self, subject: Subject, topic: str, body: str) -> int:
        """Write or edit the bot's one comment on this topic; somebody else's copy of the marker never counts."""
        text = harmless(marked(topic, body, BODY))
        notes = f"{_subject(subject)}/notes"
        with self._talking():
            me = self.whoami().lower()

            def find() -> w.Note | None:
                found = self._wire.list(notes, w.Note, sort="asc", order_by="created_at")
                mine = (one for one in found if snapshots.login(one.author).lower() == me and not one.system)
                return next((one for one in mine if is_marked(topic, one.body)), None)

            note = ensure(self._translated, find, lambda: self._wire.write("post", notes, w.Note, body=text))
            if not same(note.body, text):
                self._wire.write("put", f"{notes}/{note.id}", w.Note, body=text)
            return note.id

    def react(self, subject: Subject, comment: int, reaction: str) -> None:
        """Put a reaction on a comment, once."""
        name, place = _AWARDS.get(reaction, reaction), f"{_subject(subject)}/notes/{comment}/award_emoji"
        with self._talking():
            me = self.whoami().lower()

            def find() -> w.Award | None:
                found = self._wire.list(place, w.Award)
                return next(
                    (one for one in found if one.name == name and snapshots.login(one.user).lower() == me), None
                )

            ensure(self._translated, find, lambda: self._wire.write("post", place, w.Award, name=name))

    def set_gate(self, repo: Repo, sha: str, report: GateReport) -> None:
        """Show the gate's report: its line as a commit status, its table as a comment on the change at this head."""
        with self._talking():
            gate.show_status(self._wire, self._translated, _place(repo), sha, report, self.whoami())
            found = self._wire.list(f"{_place(repo)}/repository/commits/{_part(sha)}/merge_requests", w.MergeRequest)
            for one in found:
                if one.state == "opened" and one.sha == sha:
                    self.ensure_comment(Subject(repo, "change", one.iid), "gate", gate.comment(report))

    def merge(self, ref: Ref, permit: Permit, *, title: str, message: str) -> str:
        """Merge exactly this head and return the commit that landed; Stale when the head moved.

        After an unclear answer the change is read again: a merge that did happen is found, not repeated.
        """
        permit.demand("merge", ref.repo, ref.head_sha)
        path = f"{_place(ref.repo)}/merge_requests/{ref.number}"
        with self._talking():
            squash = {"always": True, "never": False}.get(
                self._project(ref.repo).squash_option, self._merge_method == "squash"
            )
            text = f"{cut_end(title, TITLE)}\n\n{cut_middle(message, BODY).strip()}\n"
            words = {"merge_commit_message": text, **({"squash_commit_message": text} if squash else {})}
            try:
                with self._translated():
                    self._wire.write("put", f"{path}/merge", w.MergeRequest, sha=ref.head_sha, squash=squash, **words)
            except (Invalid, Stale, Unavailable) as error:  # GitLab says 405, 406, 409 or 422 for what it cannot merge
                landed = None if told_to_wait(error) else self._landed(ref)
                if landed is None:
                    raise self._why_not(path, error) from error
                return landed
            landed = self._landed(ref)
        if landed is None:
            raise Unavailable(f"{ref.repo} !{ref.number} is still being merged", retry_after=None)
        return landed

    def close_issue(self, repo: Repo, number: int) -> None:
        """Close an issue; one that is closed stays as it is."""
        path = f"{_place(repo)}/issues/{number}"
        with self._talking():
            if self._wire.get(path, w.Issue).state != "closed":
                self._wire.write("put", path, w.Issue, state_event="close")

    # --- inside -----------------------------------------------------------------------------------------------------
    def _talking(self) -> AbstractContextManager[None]:
        return self._line.talking()

    def _project(self, repo: Repo) -> w.Project:
        return self._wire.get(_place(repo), w.Project)

    def _landed(self, ref: Ref) -> str | None:
        """Return the commit on the target branch when this head was merged."""
        found = self._wire.get(f"{_place(ref.repo)}/merge_requests/{ref.number}", w.MergeRequest)
        if found.state != "merged" or found.sha != ref.head_sha:
            return None
        return found.merge_commit_sha or found.squash_commit_sha or found.sha

    def _why_not(self, path: str, error: Invalid | Stale | Unavailable) -> Exception:
        """Say why it was not merged: GitLab's own answer is a code only."""
        if isinstance(error, Unavailable):
            code = getattr(error.__cause__, "response_code", None)
            refused = "GitLab said 401: this account may not merge into that branch; give it the role that may"
            return Denied(refused) if code == 401 else error
        status = self._wire.get(path, w.MergeRequest).detailed_merge_status
        if status in ("checking", "unchecked", "preparing"):
            return Unavailable(f"GitLab has not yet checked whether it can be merged ({status})")
        return Stale(f"{error} ({status.replace('_', ' ')})")

    def _labels(self, path: str, found: w.MergeRequest) -> tuple[LabelSet, ...]:
        if not found.labels:
            return ()
        events = self._wire.list(f"{path}/resource_label_events", w.LabelEvent)
        return snapshots.label_sets(found.labels, events, self._is_bot)

    def _is_bot(self, user: w.User) -> bool | None:
        if snapshots.looks_like_a_bot(user):
            return True
        known = self._user(user.id)
        return known.bot if known is not None else None

    def _user(self, id_: int) -> w.User | None:
        """Return an account, read once; None when it is gone."""
        if id_ not in self._users:
            try:
                with self._translated():
                    found = self._wire.get(f"/users/{id_}", w.User)
            except NotFound:
                return None
            if len(self._users) > _MOST_KNOWN:
                self._users.clear()
            self._users[id_] = found
        return self._users[id_]

    def _id_of(self, login: str) -> int:
        """Return an account's number, 0 when there is none. A name may be given to somebody else: it is not kept."""
        if not _LOGIN.fullmatch(login):
            return 0
        found = self._wire.list("/users", w.User, username=login)
        return next((one.id for one in found if one.username.lower() == login.lower() and one.state == "active"), 0)

    def _name_of(self, mail: str) -> str:
        """Return the login whose private commit address this is, else "": GitLab does not tell whose others are."""
        id_ = snapshots.private_address(mail, urlsplit(self._url).hostname or "")
        user = self._user(id_) if id_ is not None else None
        return user.username if user is not None else ""


def _place(repo: Repo) -> str:
    if repo.forge != "gitlab":
        raise Invalid(f"{repo} is not on GitLab")
    return f"/projects/{_part(repo.name)}"


def _subject(subject: Subject) -> str:
    return f"{_place(subject.repo)}/{'issues' if subject.kind == 'issue' else 'merge_requests'}/{subject.number}"


def _part(text: str) -> str:
    return quote(text, safe="")


def _stand(found: w.MergeRequest) -> tuple[str | None, str, str]:
    return found.sha, found.target_branch, found.state
