"""GitLab's answers turned into plain snapshots; an answer with holes is a failed read and never a snapshot."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal

from bot.domain.change import Change, Issue, LabelSet, Repo, Role
from bot.domain.errors import Invalid, Unavailable
from bot.forges.gitlab.shapes import Commit, Diff, LabelEvent, Member, MergeRequest, User
from bot.forges.gitlab.shapes import Issue as IssueShape

UNCHECKED = frozenset({"unchecked", "checking", "preparing", "approvals_syncing"})
_IN_THE_WAY = frozenset({"conflict", "need_rebase", "broken_status", "commits_status"})
_ROLES = {
    0: Role.NONE,
    5: Role.NONE,  # may see that the project is there
    10: Role.READ,
    15: Role.READ,  # may plan as well
    20: Role.TRIAGE,
    30: Role.WRITE,
    40: Role.MAINTAIN,
    50: Role.ADMIN,
}
_MOST_MAILS = 20  # people of one change whom we ask for; nobody's name is known beyond


def issue_of(repo: Repo, found: IssueShape) -> Issue:
    """Return the snapshot of an issue."""
    state: Literal["open", "closed"] = "closed" if found.state == "closed" else "open"
    return Issue(repo, found.iid, found.title, found.description or "", login(found.author), state)


def change_of(
    repo: Repo,
    found: MergeRequest,
    *,
    files: Sequence[Diff],
    commits: Sequence[Commit],
    labels: tuple[LabelSet, ...],
    login_of: Callable[[str], str],
) -> Change:
    """Return the snapshot of a merge request with its files, committers and label history."""
    _require_whole(repo, found, files, commits)
    if found.diff_refs is None or found.sha is None:
        raise Unavailable(f"GitLab has not made the diff of {repo}!{found.iid} yet")
    return Change(
        repo=repo,
        number=found.iid,
        title=found.title,
        body=found.description or "",
        author=login(found.author),
        state="merged" if found.state == "merged" else "closed" if found.state == "closed" else "open",
        branch=found.source_branch,
        base=found.target_branch,
        head_sha=found.sha,
        base_sha=found.diff_refs.start_sha,
        draft=found.draft,
        mergeable=_mergeable(found),
        files=tuple(sorted({path for file in files for path in (file.old_path, file.new_path)})),
        labels=labels,
        committers=_committers(commits, login_of),
        merged_sha=found.landed,
        url=found.web_url,
    )


def _require_whole(repo: Repo, found: MergeRequest, files: Sequence[Diff], commits: Sequence[Commit]) -> None:
    """Raise unless every changed file is listed: what cannot be seen cannot be judged."""
    count = found.changes_count
    if count is None and not files and not commits:
        return
    if count is None:
        raise Unavailable(f"GitLab has not counted the files of {repo}!{found.iid} yet")
    if count != str(len(files)):
        raise Invalid(f"{repo}!{found.iid} is too big to judge: split it (GitLab lists {len(files)} of {count} files)")


def _mergeable(found: MergeRequest) -> bool | None:
    if found.has_conflicts or found.detailed_merge_status in _IN_THE_WAY:
        return False
    return None if found.detailed_merge_status in UNCHECKED or found.state == "locked" else True


def _committers(commits: Iterable[Commit], login_of: Callable[[str], str]) -> tuple[str, ...]:
    """Return the logins of all who wrote or committed; "" stands for those whom the forge cannot name."""
    mails = sorted({mail.lower() for commit in commits for mail in (commit.author_email, commit.committer_email)})
    names = {login_of(mail) for mail in mails[:_MOST_MAILS]}
    return tuple(sorted(names | {""} if len(mails) > _MOST_MAILS else names))


def label_sets(
    names: Sequence[str], events: Iterable[LabelEvent], is_bot: Callable[[User], bool | None]
) -> tuple[LabelSet, ...]:
    """Return who set each of these labels last; a label whose last event is not its setting was set by nobody."""
    last: dict[str, LabelEvent] = {}
    for event in sorted(events, key=lambda event: (_epoch(event.created_at), event.id)):
        if event.label is not None:
            last[event.label.name] = event
    return tuple(_label_set(name, last.get(name), is_bot) for name in sorted(names))


def _label_set(name: str, event: LabelEvent | None, is_bot: Callable[[User], bool | None]) -> LabelSet:
    if event is None or event.action != "add":
        return LabelSet(name, by="", at=0.0, event="", by_bot=None)
    by_bot = is_bot(event.user) if event.user is not None else None
    return LabelSet(name, login(event.user), _epoch(event.created_at), str(event.id), by_bot)


def role_of(member: Member) -> Role:
    """Return what a member may do; an unknown level counts as the known one below it."""
    if member.state != "active" or member.membership_state != "active":
        return Role.NONE
    return _ROLES[max((level for level in _ROLES if level <= member.access_level), default=0)]


def login(user: User | None) -> str:
    """Return a login, empty for an account that is gone."""
    return user.username if user is not None else ""


def _epoch(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
