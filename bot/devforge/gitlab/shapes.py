"""What GitLab's API writes: users, projects, commits, issues, notes, labels."""

from typing import Any

from bot.devforge.gitlab.call import LEVELS
from bot.devforge.gitvalues import Commit, Entry, FileDiff, stamp
from bot.devforge.model import Comment, Happened, Issue, Label, Reaction, Repository, Thread, User
from bot.devforge.world import World
from bot.domain.change import Role

Json = dict[str, Any]
STATES = {"open": "opened", "closed": "closed"}
AWARDS = {"+1": "thumbsup", "-1": "thumbsdown"}


def user(world: World, one: User) -> Json:
    """Write a basic user."""
    return {
        "id": one.id,
        "username": one.login,
        "public_email": None,
        "name": one.login,
        "state": one.state,
        "locked": False,
        "avatar_url": f"{world.address}/static/avatar.svg",
        "web_url": f"{world.address}/{one.login}",
    }


def full_user(world: World, one: User) -> Json:
    """Write a user as `GET /users/:id` does."""
    return {**user(world, one), "created_at": stamp(one.created), "bio": "", "bot": one.is_bot, "external": False}


def own_user(world: World, one: User) -> Json:
    """Write what a user sees of themselves."""
    mail = world.person(one).email
    return {
        **full_user(world, one),
        "email": mail,
        "commit_email": mail,
        "two_factor_enabled": True,
        "can_create_project": False,
    }


def member(world: World, repo: Repository, one: User) -> Json:
    """Write a member of a project."""
    level = LEVELS[repo.role(one)]
    return {**user(world, one), "access_level": level, "expires_at": None, "membership_state": "active"}


def html(world: World, repo: Repository) -> str:
    """Return the address of a project's pages."""
    return f"{world.address}/{repo.full_name}"


def project(world: World, repo: Repository, asked_by: User | None) -> Json:
    """Write a project."""
    level = LEVELS[repo.role(asked_by)] if asked_by and repo.role(asked_by).at_least(Role.TRIAGE) else 0
    access = {"access_level": level, "notification_level": 3} if level else None
    return {
        "id": repo.id,
        "description": repo.description,
        "name": repo.name,
        "name_with_namespace": f"{repo.owner.login} / {repo.name}",
        "path": repo.name,
        "path_with_namespace": repo.full_name,
        "created_at": stamp(repo.created),
        "default_branch": repo.default_branch,
        "visibility": "private" if repo.private else "public",
        "archived": False,
        "ssh_url_to_repo": f"git@localhost:{repo.full_name}.git",
        "http_url_to_repo": f"{html(world, repo)}.git",
        "web_url": html(world, repo),
        "namespace": {"id": repo.owner.id, "path": repo.owner.login, "kind": "group", "full_path": repo.owner.login},
        "permissions": {"project_access": access, "group_access": None},
        "merge_method": repo.merge_method,
        "squash_option": repo.squash_option,
        "only_allow_merge_if_pipeline_succeeds": repo.only_green,
        "only_allow_merge_if_all_discussions_are_resolved": repo.only_resolved,
        "allow_merge_on_skipped_pipeline": False,
        "remove_source_branch_after_merge": True,
        "issues_enabled": True,
        "merge_requests_enabled": True,
        "jobs_enabled": True,
        "last_activity_at": stamp(repo.pushed),
        "open_issues_count": sum(issue.state == "open" for issue in repo.issues.values()),
    }


def commit(world: World, repo: Repository, one: Commit) -> Json:
    """Write a commit."""
    return {
        "id": one.sha,
        "short_id": one.sha[:8],
        "created_at": stamp(one.committer.at),
        "parent_ids": list(one.parents),
        "title": one.message.partition("\n")[0],
        "message": one.message,
        "author_name": one.author.name,
        "author_email": one.author.email,
        "authored_date": stamp(one.author.at),
        "committer_name": one.committer.name,
        "committer_email": one.committer.email,
        "committed_date": stamp(one.committer.at),
        "trailers": {},
        "web_url": f"{html(world, repo)}/-/commit/{one.sha}",
    }


def entry(one: Entry) -> Json:
    """Write a row of a tree."""
    return {
        "id": one.sha,
        "name": one.path.rpartition("/")[2],
        "type": one.kind,
        "path": one.path,
        "mode": one.mode,
    }


def diff(file: FileDiff) -> Json:
    """Write what happened to a file."""
    return {
        "old_path": file.before or file.path,
        "new_path": file.path,
        "a_mode": "0" if file.status == "added" else "100644",
        "b_mode": "0" if file.status == "removed" else "100644",
        "diff": f"{file.patch}\n" if file.patch else "",
        "new_file": file.status == "added",
        "renamed_file": file.before is not None and file.before != file.path,
        "deleted_file": file.status == "removed",
        "generated_file": False,
        "collapsed": False,
        "too_large": False,
    }


def issue(world: World, repo: Repository, one: Issue) -> Json:
    """Write an issue."""
    return {
        "id": one.id,
        "iid": one.number,
        "project_id": repo.id,
        "title": one.title,
        "description": one.body,
        "state": STATES[one.state],
        "created_at": stamp(one.created),
        "updated_at": stamp(one.updated),
        "closed_at": stamp(one.closed) if one.closed else None,
        "closed_by": user(world, one.closed_by) if one.closed_by else None,
        "labels": list(one.labels),
        "author": user(world, one.author),
        "assignees": [],
        "confidential": False,
        "issue_type": "issue",
        "type": "ISSUE",
        "user_notes_count": len(one.comments),
        "web_url": page_of(world, repo, one),
        "references": {"short": f"#{one.number}", "full": f"{repo.full_name}#{one.number}"},
    }


def page_of(world: World, repo: Repository, one: Issue) -> str:
    """Return the address of an issue's or a merge request's page."""
    return f"{html(world, repo)}/-/{'merge_requests' if one.change else 'issues'}/{one.number}"


def note(world: World, repo: Repository, one: Issue, said: Comment) -> Json:
    """Write a note; one of a thread on a merge request tells whether that is resolved."""
    return {
        "id": said.id,
        "type": note_type(said),
        "body": said.body,
        "author": user(world, said.author),
        "created_at": stamp(said.created),
        "updated_at": stamp(said.updated),
        "system": said.system,
        "noteable_id": one.id,
        "noteable_type": "MergeRequest" if one.change else "Issue",
        "noteable_iid": one.number,
        "project_id": repo.id,
        "confidential": said.internal,
        "internal": said.internal,
        "imported": False,
        **_resolution(world, one, said.thread),
    }


def note_type(said: Comment) -> str | None:
    """Return what kind of note it is; None for one that stands alone."""
    if said.thread is None:
        return None
    return "DiffNote" if said.thread.position else "DiscussionNote"


def _resolution(world: World, one: Issue, thread: Thread | None) -> Json:
    if thread is None or one.change is None:
        return {"resolvable": False}
    place = {"position": thread.position} if thread.position else {}
    return {
        **place,
        "resolvable": True,
        "resolved": thread.resolved is not None,
        "resolved_by": user(world, thread.resolved_by) if thread.resolved_by else None,
        "resolved_at": stamp(thread.resolved) if thread.resolved else None,
    }


def award(world: World, one: Reaction, said: Comment) -> Json:
    """Write an award emoji."""
    return {
        "id": one.id,
        "name": AWARDS.get(one.content, one.content),
        "user": user(world, one.user),
        "created_at": stamp(one.created),
        "updated_at": stamp(one.created),
        "awardable_id": said.id,
        "awardable_type": "Note",
    }


def label(one: Label) -> Json:
    """Write a label."""
    return {
        "id": one.id,
        "name": one.name,
        "color": f"#{one.color}",
        "text_color": "#FFFFFF",
        "description": one.description or None,
        "is_project_label": True,
    }


def label_event(world: World, one: Issue, happened: Happened) -> Json:
    """Write a resource label event; a label that is gone since is null."""
    return {
        "id": happened.id,
        "user": user(world, happened.actor),
        "created_at": stamp(happened.at),
        "resource_type": "MergeRequest" if one.change else "Issue",
        "resource_id": one.id,
        "label": label(happened.label) if happened.label else None,
        "action": "add" if happened.kind == "labeled" else "remove",
    }


def state_event(world: World, one: Issue, happened: Happened) -> Json:
    """Write a resource state event."""
    return {
        "id": happened.id,
        "user": user(world, happened.actor),
        "created_at": stamp(happened.at),
        "resource_type": "MergeRequest" if one.change else "Issue",
        "resource_id": one.change.id if one.change else one.id,
        "source_commit": happened.commit,
        "source_merge_request_id": None,
        "state": happened.kind,
    }
