"""Webhook bodies as GitLab sends them, handed to the sender."""

from typing import Any

from bot.devforge.acts.deed import Deed
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.pipelines import pipeline_id
from bot.devforge.gitvalues import stamp
from bot.devforge.model import CheckRun, Comment, Issue, Label, Repository, Status, User
from bot.devforge.shapes.changes import Facts
from bot.devforge.world import World

Json = dict[str, Any]
ISSUE_ACTIONS = {"opened": "open", "closed": "close", "reopened": "reopen"}
CHANGE_ACTIONS = {**ISSUE_ACTIONS, "synchronize": "update", "edited": "update"}
DRAFTS = {"converted_to_draft": True, "ready_for_review": False}
_NONE = "0" * 40


def issue(deed: Deed, one: Issue, action: str, label: Label | None = None) -> None:
    """Tell that an issue was opened, closed, reopened, labeled or unlabeled."""
    body = _about(deed.world, deed.repo, deed.by, "issue")
    attributes = _attributes(deed, one)
    if label is not None:
        body["changes"] = {"labels": _relabelled(deed.repo, one, label, action)}
        _emit(deed, "issue", {**body, "object_attributes": {**attributes, "action": "update"}})
        return
    _emit(deed, "issue", {**body, "object_attributes": {**attributes, "action": ISSUE_ACTIONS[action]}, "changes": {}})


def edited(deed: Deed, one: Issue, before: tuple[str, str]) -> None:
    """Tell that the title or the text of an issue was changed from what they were `before`."""
    body = _about(deed.world, deed.repo, deed.by, "issue")
    now = {"title": (before[0], one.title), "description": (before[1], one.body)}
    body["changes"] = {name: {"previous": old, "current": new} for name, (old, new) in now.items() if old != new}
    _emit(deed, "issue", {**body, "object_attributes": {**_attributes(deed, one), "action": "update"}})


def comment(deed: Deed, one: Issue, said: Comment, before: str | None) -> None:
    """Tell that a comment was created or, when it said something else `before`, edited."""
    kind = "merge_request" if one.change else "issue"
    body = {
        **_about(deed.world, deed.repo, deed.by, "note"),
        "event_type": "note",
        "object_attributes": {
            "id": said.id,
            "note": said.body,
            "noteable_type": "MergeRequest" if one.change else "Issue",
            "noteable_id": one.id,
            "author_id": said.author.id,
            "project_id": deed.repo.id,
            "action": "create" if before is None else "update",
            "system": False,
            "internal": False,
            "type": None,
            "created_at": stamp(said.created),
            "updated_at": stamp(said.updated),
            "url": f"{shapes.page_of(deed.world, deed.repo, one)}#note_{said.id}",
        },
        kind: _attributes(deed, one),
    }
    _emit(deed, "note", body)


def change(deed: Deed, one: Issue, facts: Facts, body: Json) -> None:
    """Tell what happened to a change; `body` has GitHub's action and what goes with it."""
    del facts
    assert one.change is not None
    action, changed = body["action"], {}
    attributes = _attributes(deed, one)
    if action in ("labeled", "unlabeled"):
        label = deed.repo.labels[body["label"]["name"].lower()]
        changed["labels"] = _relabelled(deed.repo, one, label, action)
        said = "update"
    elif action in DRAFTS:
        changed["draft"] = {"previous": not DRAFTS[action], "current": DRAFTS[action]}
        said = "update"
    elif action == "closed" and one.change.merged_at:
        said = "merge"
    else:
        said = CHANGE_ACTIONS.get(action, "update")
    if action == "synchronize":
        attributes["oldrev"] = body["before"]
    about = _about(deed.world, deed.repo, deed.by, "merge_request")
    _emit(deed, "merge_request", {**about, "object_attributes": {**attributes, "action": said}, "changes": changed})


def check(world: World, repo: Repository, one: CheckRun, action: str) -> None:
    """Tell that a job was created or has ended, and how its pipeline stands."""
    del action
    deed = Deed(world, repo, world.ghost)
    about = _about(world, repo, world.ghost, "build")
    job = {
        "sha": one.sha,
        "ref": "",
        "build_id": one.id,
        "build_name": one.name,
        "build_stage": "test",
        "build_status": shapes.job_state(one.status, one.conclusion),
        "pipeline_id": pipeline_id(repo, one.sha),
        "project_id": repo.id,
    }
    _emit(deed, "job", {**about, **job})
    _pipeline(deed, one.sha)


def status(world: World, repo: Repository, one: Status) -> None:
    """Tell that a commit status was set: the pipeline that it is in has moved."""
    _pipeline(Deed(world, repo, one.creator), one.sha)


def _pipeline(deed: Deed, sha: str) -> None:
    attributes = {
        "id": pipeline_id(deed.repo, sha),
        "sha": sha,
        "status": shapes.pipeline_of(deed.repo, sha) or "created",
        "source": "push",
    }
    _emit(deed, "pipeline", {**_about(deed.world, deed.repo, deed.by, "pipeline"), "object_attributes": attributes})


def push(deed: Deed, ref: str, old: str | None, new: str | None) -> None:
    """Tell that a branch or tag moved."""
    kind = "push" if ref.startswith("refs/heads/") else "tag_push"
    body = {
        **_about(deed.world, deed.repo, deed.by, kind),
        "event_name": kind,
        "before": old or _NONE,
        "after": new or _NONE,
        "ref": ref,
        "checkout_sha": new,
        "user_id": deed.by.id,
        "user_name": deed.by.login,
        "user_username": deed.by.login,
        "project_id": deed.repo.id,
        "commits": [
            {"id": one.sha, "message": one.message, "timestamp": stamp(one.committer.at)}
            for one in (deed.repo.git.log(new, old, limit=20)[::-1] if new else [])
        ],
    }
    _emit(deed, kind, body)


def _emit(deed: Deed, event: str, body: Json) -> None:
    deed.world.emit(deed.repo, event, body)


def _about(world: World, repo: Repository, by: User, kind: str) -> Json:
    return {
        "object_kind": kind,
        "user": {"id": by.id, "name": by.login, "username": by.login, "avatar_url": None, "email": "[REDACTED]"},
        "project": {
            "id": repo.id,
            "name": repo.name,
            "description": repo.description,
            "web_url": shapes.html(world, repo),
            "git_http_url": f"{shapes.html(world, repo)}.git",
            "namespace": repo.owner.login,
            "visibility_level": 0 if repo.private else 20,
            "path_with_namespace": repo.full_name,
            "default_branch": repo.default_branch,
        },
    }


def _attributes(deed: Deed, one: Issue) -> Json:
    """Write an issue or a merge request as hooks do."""
    world, repo = deed.world, deed.repo
    common = {
        "id": one.change.id if one.change else one.id,
        "iid": one.number,
        "title": one.title,
        "description": one.body,
        "author_id": one.author.id,
        "created_at": stamp(one.created),
        "updated_at": stamp(one.updated),
        "labels": [_label(repo, name) for name in one.labels],
        "url": shapes.page_of(world, repo, one),
    }
    if one.change is None:
        return {**common, "state": shapes.STATES[one.state], "confidential": False}
    change = one.change
    return {
        **common,
        "state": "merged" if change.merged_at else shapes.STATES[one.state],
        "source_branch": change.head,
        "target_branch": change.base,
        "source_project_id": repo.id,
        "target_project_id": repo.id,
        "draft": change.draft,
        "last_commit": {"id": change.head_sha},
    }


def _label(repo: Repository, name: str) -> Json:
    one = repo.labels[name.lower()]
    return {"id": one.id, "title": one.name, "color": f"#{one.color}", "type": "ProjectLabel"}


def _relabelled(repo: Repository, one: Issue, label: Label, action: str) -> Json:
    now = [_label(repo, name) for name in one.labels]
    this = _label(repo, label.name)
    before = [row for row in now if row != this] if action == "labeled" else [*now, this]
    return {"previous": before, "current": now}
