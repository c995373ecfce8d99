"""GitLab's answers turned into plain snapshots; an answer with holes is a failed read and never a snapshot."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Literal

from bot.domain.change import Change, Check, Issue, LabelSet, Repo, Role
from bot.domain.errors import Invalid
from bot.forges.gitlab import wire as w
from bot.forges.gitlab.webhook import is_bot_name

State = Literal["pending", "success", "failure", "neutral"]

# Whatever GitLab adds later counts as failed until somebody decides otherwise.
_STATES: dict[str, State] = {
    **dict.fromkeys(("success",), "success"),
    **dict.fromkeys(("created", "waiting_for_resource", "preparing", "pending", "running", "scheduled"), "pending"),
    **dict.fromkeys(("skipped",), "neutral"),
}
_UNCHECKED = frozenset({"unchecked", "checking", "preparing", "approvals_syncing"})
_IN_THE_WAY = frozenset({"conflict", "need_rebase", "broken_status", "cannot_be_merged"})
_ROLES = {0: Role.NONE, 5: Role.NONE, 10: Role.READ, 15: Role.READ, 20: Role.TRIAGE, 30: Role.WRITE, 40: Role.MAINTAIN}
_ADMIN = 50
NameOf = Callable[[str], str]


def issue_of(repo: Repo, found: w.Issue) -> Issue:
    """Return the snapshot of an issue."""
    state: Literal["open", "closed"] = "closed" if found.state == "closed" else "open"
    return Issue(repo, found.iid, found.title, found.description or "", login(found.author), state)


def change_of(
    repo: Repo,
    found: w.MergeRequest,
    *,
    files: Iterable[w.Diff],
    committers: tuple[str, ...],
    labels: tuple[LabelSet, ...],
) -> Change:
    """Return the snapshot of a merge request; ValueError while GitLab has not yet made its diff."""
    if found.diff_refs is None or not found.sha:
        raise ValueError("GitLab has not made the diff yet")
    merged = found.merge_commit_sha or found.squash_commit_sha or found.sha
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
        committers=committers,
        merged_sha=merged if found.state == "merged" else None,
        url=found.web_url,
    )


def _mergeable(found: w.MergeRequest) -> bool | None:
    if found.has_conflicts or found.detailed_merge_status in _IN_THE_WAY:
        return False
    return None if found.detailed_merge_status in _UNCHECKED or found.state == "locked" else True


def committers(commits: Iterable[w.Commit], name_of: NameOf) -> tuple[str, ...]:
    """Return the logins of all who wrote or committed; "" stands for those whom the forge cannot name."""
    mails = {mail for commit in commits for mail in (commit.author_email, commit.committer_email)}
    return tuple(sorted({name_of(mail) for mail in mails}))


def label_sets(
    names: Sequence[str], events: Sequence[w.LabelEvent], is_bot: Callable[[w.User], bool | None]
) -> tuple[LabelSet, ...]:
    """Return who set each of these labels last; a label whose last event is not its setting was set by nobody."""
    last: dict[str, w.LabelEvent] = {}
    for event in sorted(events, key=lambda event: event.id):
        if event.label is not None:
            last[event.label.name] = event
    sets = []
    for name in sorted(names):
        setting = last.get(name)
        if setting is None or setting.action != "add":
            sets.append(LabelSet(name, by="", at=0.0, event="", by_bot=None))
            continue
        by_bot = is_bot(setting.user) if setting.user is not None else None
        at = datetime.fromisoformat(setting.created_at).timestamp()
        sets.append(LabelSet(name, login(setting.user), at, str(setting.id), by_bot))
    return tuple(sets)


def checks(statuses: Iterable[w.Status], jobs: dict[str, list[w.Job]]) -> tuple[Check, ...]:
    """Return the newest check per name and source.

    The source of a job is `ci`, with the kind of its pipeline where that is no push; that of a status which somebody
    reported is their login. `jobs` are those of the newest pipeline of each kind, every try of them: GitLab takes a job
    for tried again when somebody reports a status by its name.
    """
    ids = {job.id for found in jobs.values() for job in found}
    newest: dict[tuple[str, str], Check] = {}
    for kind, found in jobs.items():
        source = "ci" if kind == "push" else f"ci/{kind}"
        for job in sorted(found, key=lambda job: job.id):
            newest[job.name, source] = Check(
                job.name, _state(job.status, job.allow_failure), source, "", job.web_url or ""
            )
    for status in sorted(statuses, key=lambda status: status.id):
        if status.id in ids:  # jobs are listed among the statuses, under the name of whoever set them off
            continue
        state, source = _state(status.status, status.allow_failure), login(status.author)
        summary, url = status.description or "", status.target_url or ""
        newest[status.name, source] = Check(status.name, state, source, summary, url)
    return tuple(newest.values())


def _state(word: str, may_fail: bool) -> State:
    """Return a state; what is started by hand, or may fail, says nothing while it is not green."""
    state = _STATES.get(word, "failure")
    if word == "manual":
        return "neutral" if may_fail else "pending"
    return "neutral" if may_fail and state == "failure" else state


def role_of(member: w.Member) -> Role:
    """Return what a member may do; an unknown level counts as the known one below it."""
    if member.state != "active" or member.membership_state != "active":
        return Role.NONE
    if member.access_level >= _ADMIN:
        return Role.ADMIN
    return _ROLES[max((level for level in _ROLES if level <= member.access_level), default=0)]


def login(user: w.User | None) -> str:
    """Return a login, empty for an account that is gone."""
    return user.username if user is not None else ""


def looks_like_a_bot(user: w.User) -> bool:
    """Tell whether an account's name is one that GitLab gives to programs."""
    return user.bot is True or is_bot_name(user.username)


def private_address(mail: str, host: str) -> int | None:
    """Return the id of the account whose private commit address this is, or None."""
    found = re.fullmatch(r"(\d{1,18})-[A-Za-z0-9_.-]+@users\.noreply\.(.+)", mail)
    return int(found[1]) if found and found[2] == host else None


def judged_whole(found: w.MergeRequest, repo: Repo) -> None:
    """Raise Invalid when GitLab cannot list all that is changed: what cannot be seen cannot be judged."""
    if (found.changes_count or "").endswith("+"):
        raise Invalid(f"{repo} !{found.iid} is too big to judge: split it ({found.changes_count} files)")
