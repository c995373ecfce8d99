"""The parts that GitLab's webhook bodies share."""

from typing import Any

from bot.devforge.acts.deed import Deed
from bot.devforge.gitlab import merge_shapes, shapes
from bot.devforge.gitvalues import Commit, stamp
from bot.devforge.model import Comment, Issue, Label, Repository, User
from bot.devforge.world import World

Json = dict[str, Any]
HIDDEN = "[REDACTED]"


def user(world: World, one: User) -> Json:
    """Write who did it; an address that is not public is hidden."""
    face = f"{world.address}/static/avatar.svg"
    return {"id": one.id, "name": one.login, "username": one.login, "avatar_url": face, "email": HIDDEN}


def project(world: World, repo: Repository) -> Json:
    """Write the project."""
    web, ssh = shapes.html(world, repo), f"git@localhost:{repo.full_name}.git"
    return {
        "id": repo.id,
        "name": repo.name,
        "description": repo.description,
        "web_url": web,
        "avatar_url": None,
        "git_ssh_url": ssh,
        "git_http_url": f"{web}.git",
        "namespace": repo.owner.login.rpartition("/")[2],
        "visibility_level": 0 if repo.private else 20,
        "path_with_namespace": repo.full_name,
        "default_branch": repo.default_branch,
        "ci_config_path": None,
        "homepage": web,
        "url": ssh,
        "ssh_url": ssh,
        "http_url": f"{web}.git",
    }


def repository(world: World, repo: Repository) -> Json:
    """Write the project as it was called once."""
    web, ssh = shapes.html(world, repo), f"git@localhost:{repo.full_name}.git"
    return {"name": repo.name, "url": ssh, "description": repo.description, "homepage": web}


def about(world: World, repo: Repository, by: User, kind: str) -> Json:
    """Write what most events begin with."""
    return {"object_kind": kind, "event_type": kind, "user": user(world, by), "project": project(world, repo)}


def label(repo: Repository, name: str) -> Json:
    """Write a label."""
    one, at = repo.labels[name.lower()], stamp(repo.created)
    return {
        "id": one.id,
        "title": one.name,
        "color": f"#{one.color}",
        "project_id": repo.id,
        "created_at": at,
        "updated_at": at,
        "template": False,
        "description": one.description or None,
        "type": "ProjectLabel",
        "group_id": None,
    }


def relabelled(repo: Repository, one: Issue, moved: Label, action: str) -> Json:
    """Write the labels before and after one was set or taken."""
    now, this = [label(repo, name) for name in one.labels], label(repo, moved.name)
    before = [row for row in now if row != this] if action == "labeled" else [*now, this]
    return {"previous": before, "current": now}


def commit(world: World, repo: Repository, one: Commit) -> Json:
    """Write a commit."""
    return {
        "id": one.sha,
        "message": one.message,
        "title": one.message.partition("\n")[0],
        "timestamp": stamp(one.committer.at),
        "url": f"{shapes.html(world, repo)}/-/commit/{one.sha}",
        "author": {"name": one.author.name, "email": one.author.email},
    }


def attributes(deed: Deed, one: Issue) -> Json:
    """Write an issue or a merge request."""
    world, repo = deed.world, deed.repo
    common = {
        "id": one.change.id if one.change else one.id,
        "iid": one.number,
        "title": one.title,
        "description": one.body,
        "author_id": one.author.id,
        "assignee_id": None,
        "assignee_ids": [],
        "milestone_id": None,
        "updated_by_id": deed.by.id,
        "created_at": stamp(one.created),
        "updated_at": stamp(one.updated),
        "labels": [label(repo, name) for name in one.labels],
        "url": shapes.page_of(world, repo, one),
        "state": shapes.STATES[one.state],
        "state_id": 1 if one.state == "open" else 2,
    }
    if one.change is None:
        return {**common, "project_id": repo.id, "type": "Issue", "confidential": False, "discussion_locked": None}
    return {**common, **_merge_request(deed, one)}


def _merge_request(deed: Deed, one: Issue) -> Json:
    world, repo, change = deed.world, deed.repo, one.change
    assert change is not None
    status, conflicts = merge_shapes.mergeability(repo, one)
    merged = {"state": "merged", "state_id": 3} if change.merged_at else {}
    return {
        **merged,
        "title": f"Draft: {one.title}" if change.draft else one.title,
        "source_branch": change.head,
        "target_branch": change.base,
        "source_project_id": repo.id,
        "target_project_id": repo.id,
        "source": project(world, repo),
        "target": project(world, repo),
        "draft": change.draft,
        "work_in_progress": change.draft,
        "detailed_merge_status": status,
        "merge_status": "cannot_be_merged" if conflicts else "can_be_merged",
        "merge_commit_sha": change.merged_sha,
        "blocking_discussions_resolved": merge_shapes.all_resolved(one),
        "reviewer_ids": [],
        "last_commit": commit(world, repo, repo.git.commit(change.head_sha)),
    }


def note(deed: Deed, one: Issue, said: Comment) -> Json:
    """Write a note."""
    return {
        "id": said.id,
        "note": said.body,
        "noteable_type": "MergeRequest" if one.change else "Issue",
        "noteable_id": one.change.id if one.change else one.id,
        "author_id": said.author.id,
        "project_id": deed.repo.id,
        "attachment": None,
        "line_code": None,
        "commit_id": None,
        "st_diff": None,
        "system": said.system,
        "internal": said.internal,
        "type": shapes.note_type(said),
        "position": said.thread.position if said.thread else None,
        "created_at": stamp(said.created),
        "updated_at": stamp(said.updated),
        "url": f"{shapes.page_of(deed.world, deed.repo, one)}#note_{said.id}",
    }
