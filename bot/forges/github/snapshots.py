"""PyGithub's objects turned into plain snapshots. Nothing lazy leaves this file, and nothing half-known.

PyGithub gives None for whatever an answer lacks. `checked` and `known` raise ValueError instead, so that a truncated or
foreign answer is a failed read and never a snapshot with holes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal, TypeVar

import msgspec
from github.CheckRun import CheckRun
from github.Commit import Commit
from github.CommitStatus import CommitStatus
from github.File import File
from github.Issue import Issue as GithubIssue
from github.IssueEvent import IssueEvent
from github.NamedUser import NamedUser
from github.Organization import Organization
from github.PullRequest import PullRequest

from bot.domain.change import Change, Check, Issue, LabelSet, Repo, Role

_Snapshot = TypeVar("_Snapshot", Issue, Change, Check)
_Value = TypeVar("_Value", str, int)
State = Literal["pending", "success", "failure", "neutral"]

# Whatever GitHub adds later counts as failed until somebody decides otherwise.
_CONCLUSIONS: dict[str, State] = {"success": "success", "neutral": "neutral", "skipped": "neutral"}
_STATUSES: dict[str, State] = {"success": "success", "pending": "pending"}


def checked(snapshot: _Snapshot) -> _Snapshot:
    """Return the snapshot; raises ValueError when a part of it is not what its type promises."""
    return msgspec.convert(asdict(snapshot), type(snapshot))


def known(value: _Value | None) -> _Value:
    """Return a value that an answer must have; raises ValueError when it is missing or empty."""
    if not value:
        raise ValueError("GitHub's answer lacks something that it always has")
    return value


def issue_of(repo: Repo, found: GithubIssue) -> Issue:
    """Return the snapshot of an issue."""
    return checked(
        Issue(
            repo=repo,
            number=found.number,
            title=found.title,
            body=found.body or "",
            author=_login(found.user),
            state="closed" if known(found.state) == "closed" else "open",
        )
    )


def change_of(
    repo: Repo, pull: PullRequest, files: Iterable[File], commits: Iterable[Commit], events: Sequence[IssueEvent]
) -> Change:
    """Return the snapshot of a pull request with its files, committers and label history."""
    change = Change(
        repo=repo,
        number=pull.number,
        title=pull.title,
        body=pull.body or "",
        author=_login(pull.user),
        state="merged" if pull.merged else "closed" if known(pull.state) == "closed" else "open",
        branch=pull.head.ref,
        base=pull.base.ref,
        head_sha=pull.head.sha,
        base_sha=pull.base.sha,
        draft=bool(pull.draft),
        mergeable=pull.mergeable,
        files=_paths(files),
        labels=label_sets([label.name for label in pull.labels], events),
        committers=_committers(commits),
        merged_sha=pull.merge_commit_sha if pull.merged else None,
        url=pull.html_url or "",
    )
    return checked(change)


def _paths(files: Iterable[File]) -> tuple[str, ...]:
    """Return every touched path; a renamed file touches the place it left as well."""
    touched: set[str] = set()
    for file in files:
        touched.add(known(file.filename))
        if file.previous_filename and file.status != "copied":
            touched.add(file.previous_filename)
    return tuple(sorted(touched))


def _committers(commits: Iterable[Commit]) -> tuple[str, ...]:
    """Return the logins of all who wrote or committed; "" stands for those whom the forge cannot name."""
    people = (person for commit in commits for person in (commit.author, commit.committer))
    return tuple(sorted({_login(person) for person in people}))


def label_sets(names: Sequence[str], events: Sequence[IssueEvent]) -> tuple[LabelSet, ...]:
    """Return who set each of these labels last.

    A label whose last event is not its setting (GitHub's history lags, or somebody renamed it) was set by nobody.
    """
    acts = [event for event in events if event.event in ("labeled", "unlabeled") and event.label is not None]
    last: dict[str, IssueEvent] = {}
    for event in sorted(acts, key=lambda act: (_epoch(act.created_at), act.id)):
        last[event.label.name] = event
    return tuple(_label_set(name, last.get(name)) for name in sorted(names))


def _label_set(name: str, event: IssueEvent | None) -> LabelSet:
    if event is None or event.event != "labeled":
        return LabelSet(name, by="", at=0.0, event="", by_bot=None)
    by_bot = _is_bot(event.actor) if event.actor is not None else None
    return LabelSet(name, _login(event.actor), _epoch(event.created_at), str(event.id), by_bot)


def newest_runs(runs: Iterable[CheckRun]) -> tuple[Check, ...]:
    """Return the newest check run per name and app."""
    newest: dict[tuple[str, str], Check] = {}
    for run in sorted(runs, key=lambda run: run.id):
        check = _check_of_run(run)
        newest[check.name, check.source] = check
    return tuple(newest.values())


def newest_statuses(statuses: Iterable[CommitStatus]) -> tuple[Check, ...]:
    """Return the newest commit status per context and person."""
    newest: dict[tuple[str, str], Check] = {}
    for status in sorted(statuses, key=lambda status: status.id):
        check = _check_of_status(status)
        newest[check.name, check.source] = check
    return tuple(newest.values())


def _check_of_run(run: CheckRun) -> Check:
    done = run.status == "completed"
    check = Check(
        name=run.name,
        state=_CONCLUSIONS.get(run.conclusion or "", "failure") if done else "pending",
        source=(run.app.slug or run.app.name or "") if run.app else "",
        summary=(run.output.title or "") if run.output else "",
        url=run.html_url or run.details_url or "",
    )
    return checked(check)


def _check_of_status(status: CommitStatus) -> Check:
    check = Check(
        name=status.context,
        state=_STATUSES.get(status.state, "failure"),
        source=_login(status.creator),
        summary=status.description or "",
        url=status.target_url or "",
    )
    return checked(check)


def role_of(word: str) -> Role | None:
    """Return the role that a word names, None for a custom role's name."""
    return Role(word) if word in tuple(Role) else None


def _login(user: NamedUser | Organization | None) -> str:
    """Return a login, empty for an account that is gone."""
    return (user.login or "") if user is not None else ""


def _is_bot(user: NamedUser | Organization) -> bool | None:
    """Tell whether an account is a program's; None when GitHub does not say what it is."""
    if (user.login or "").lower().endswith("[bot]"):
        return True
    return user.type == "Bot" if user.type else None


def _epoch(at: datetime | None) -> float:
    return at.timestamp() if at is not None else 0.0
