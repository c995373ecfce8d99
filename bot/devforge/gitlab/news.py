"""Webhook bodies as GitLab sends them, handed to the sender."""

from typing import Any

from bot.devforge.acts.deed import Deed
from bot.devforge.acts.pipelines import job_state, rows
from bot.devforge.gitlab import bodies, shapes
from bot.devforge.gitlab import pipeline_shapes as pipes
from bot.devforge.gitvalues import FileDiff, stamp
from bot.devforge.model import CheckRun, Comment, Issue, Label, Pipeline, Reaction, Repository, Status
from bot.devforge.shapes.changes import Facts
from bot.devforge.world import World

Json = dict[str, Any]
ISSUE_ACTIONS = {"opened": "open", "closed": "close", "reopened": "reopen"}
CHANGE_ACTIONS = {
    **ISSUE_ACTIONS,
    **dict.fromkeys(("labeled", "unlabeled", "synchronize", "edited"), "update"),
    "approved": "approved",
    "unapproved": "unapproved",
}
DRAFTS = {"converted_to_draft": True, "ready_for_review": False}
_NONE = "0" * 40


def issue(deed: Deed, one: Issue, action: str, label: Label | None = None) -> None:
    """Tell that an issue was opened, closed, reopened, labeled or unlabeled."""
    changed = {} if label is None else {"labels": bodies.relabelled(deed.repo, one, label, action)}
    _tell(deed, "issue", one, ISSUE_ACTIONS.get(action, "update"), changed)


def edited(deed: Deed, one: Issue, before: tuple[str, str]) -> None:
    """Tell that the title or the text of an issue was changed from what they were `before`."""
    now = {"title": (before[0], one.title), "description": (before[1], one.body)}
    changed = {name: {"previous": old, "current": new} for name, (old, new) in now.items() if old != new}
    _tell(deed, "issue", one, "update", changed)


def change(deed: Deed, one: Issue, facts: Facts, body: Json) -> None:
    """Tell what happened to a change; `body` has GitHub's action and what goes with it."""
    del facts
    action, changed, more = body["action"], {}, {}
    said = CHANGE_ACTIONS.get(action, "update")
    if action in ("labeled", "unlabeled"):
        label = deed.repo.labels[body["label"]["name"].lower()]
        changed["labels"] = bodies.relabelled(deed.repo, one, label, action)
    elif action in DRAFTS:
        changed["draft"] = {"previous": not DRAFTS[action], "current": DRAFTS[action]}
    elif action == "closed" and one.change is not None and one.change.merged_at:
        said = "merge"
    elif action == "synchronize":
        more["oldrev"] = body["before"]
    _tell(deed, "merge_request", one, said, changed, more)


def _tell(deed: Deed, kind: str, one: Issue, action: str, changed: Json, more: Json | None = None) -> None:
    attributes = {**bodies.attributes(deed, one), **(more or {}), "action": action}
    body = {
        **bodies.about(deed.world, deed.repo, deed.by, kind),
        "object_attributes": attributes,
        "labels": attributes["labels"],
        "changes": changed,
        "repository": bodies.repository(deed.world, deed.repo),
    }
    deed.world.emit(deed.repo, kind, body)


def comment(deed: Deed, one: Issue, said: Comment, before: str | None) -> None:
    """Tell that a comment was created or, when it said something else `before`, edited."""
    event = "confidential_note" if said.internal else "note"
    body = {
        **bodies.about(deed.world, deed.repo, deed.by, "note"),
        "event_type": event,
        "project_id": deed.repo.id,
        "repository": bodies.repository(deed.world, deed.repo),
        "object_attributes": {**bodies.note(deed, one, said), "action": "create" if before is None else "update"},
        "merge_request" if one.change else "issue": bodies.attributes(deed, one),
    }
    deed.world.emit(deed.repo, event, body)


def awarded(deed: Deed, one: Issue, said: Comment, award: Reaction, action: str) -> None:
    """Tell that an emoji was given to a comment (`award`) or taken back (`revoke`)."""
    body = {
        **bodies.about(deed.world, deed.repo, deed.by, "emoji"),
        "event_type": action,
        "project_id": deed.repo.id,
        "object_attributes": {
            "id": award.id,
            "name": shapes.AWARDS.get(award.content, award.content),
            "user_id": award.user.id,
            "awardable_type": "Note",
            "awardable_id": said.id,
            "awarded_on_url": f"{shapes.page_of(deed.world, deed.repo, one)}#note_{said.id}",
            "action": action,
            "created_at": stamp(award.created),
            "updated_at": stamp(award.created),
        },
        "note": bodies.note(deed, one, said),
        "merge_request" if one.change else "issue": bodies.attributes(deed, one),
    }
    deed.world.emit(deed.repo, "emoji", body)


# --- pipelines and jobs ---------------------------------------------------------------------------------------------
def check(world: World, repo: Repository, one: CheckRun, action: str) -> None:
    """Tell that a job was created or has ended, and how its pipeline stands."""
    del action
    home = pipes.home_of(repo, one)
    commit = repo.git.commit(one.sha)
    body = {
        **{key: value for key, value in bodies.about(world, repo, home.by, "build").items() if key != "event_type"},
        "ref": home.ref,
        "tag": False,
        "before_sha": _NONE,
        "sha": one.sha,
        "build_id": one.id,
        "build_name": one.name,
        "build_stage": "test",
        "build_status": job_state(one.status, one.conclusion),
        "build_created_at": stamp(one.started),
        "build_started_at": stamp(one.started),
        "build_finished_at": stamp(one.completed) if one.completed else None,
        "build_duration": one.completed - one.started if one.completed else None,
        "build_allow_failure": False,
        "build_failure_reason": "script_failure" if one.conclusion == "failure" else "unknown_failure",
        "retries_count": sum(run.name == one.name and run.id < one.id for run in _jobs(repo, home)),
        "pipeline_id": home.id,
        "project_id": repo.id,
        "project_name": repo.full_name,
        "commit": {"id": home.id, "sha": one.sha, "message": commit.message, "author_name": commit.author.name},
        "repository": bodies.repository(world, repo),
        "environment": None,
    }
    world.emit(repo, "job", body)
    _pipeline(Deed(world, repo, home.by), home)


def _jobs(repo: Repository, home: Pipeline) -> list[CheckRun]:
    return [row for row in rows(repo, home, retried=True) if isinstance(row, CheckRun)]


def status(world: World, repo: Repository, one: Status) -> None:
    """Tell that a commit status was set: the pipeline that it is in has moved."""
    _pipeline(Deed(world, repo, one.creator), pipes.home_of(repo, one))


def _pipeline(deed: Deed, home: Pipeline) -> None:
    world, repo = deed.world, deed.repo
    told = pipes.full_pipeline(world, repo, home)
    names = ("id", "iid", "name", "ref", "tag", "sha", "before_sha", "source", "status", "created_at", "finished_at")
    builds = [
        {"id": run.id, "stage": "test", "name": run.name, "status": job_state(run.status, run.conclusion)}
        for run in _jobs(repo, home)
    ]
    body = {
        **{key: value for key, value in bodies.about(world, repo, deed.by, "pipeline").items() if key != "event_type"},
        "object_attributes": {
            **{name: told[name] for name in names},
            "duration": told["duration"],
            "stages": ["test"],
            "variables": [],
            "url": told["web_url"],
        },
        "commit": bodies.commit(world, repo, repo.git.commit(home.sha)),
        "builds": builds,
    }
    world.emit(repo, "pipeline", body)


# --- pushes ---------------------------------------------------------------------------------------------------------
def push(deed: Deed, ref: str, old: str | None, new: str | None) -> None:
    """Tell that a branch or tag moved; of a branch's commits the newest twenty."""
    branch = ref.startswith("refs/heads/")
    kind = "push" if branch else "tag_push"
    world, repo = deed.world, deed.repo
    since = old or (repo.git.branch(repo.default_branch) if new else None)
    commits = repo.git.log(new, since, limit=1000) if new and branch else []
    body = {
        "object_kind": kind,
        "event_name": kind,
        "before": old or _NONE,
        "after": new or _NONE,
        "ref": ref,
        "ref_protected": ref.removeprefix("refs/heads/") in repo.protected,
        "checkout_sha": new,
        "message": None,
        "user_id": deed.by.id,
        "user_name": deed.by.login,
        "user_username": deed.by.login,
        "user_email": "",
        "user_avatar": f"{world.address}/static/avatar.svg",
        "project_id": repo.id,
        "project": bodies.project(world, repo),
        "commits": [_pushed(deed, one.sha) for one in commits[:20][::-1]],
        "total_commits_count": len(commits),
        "push_options": {},
        "repository": bodies.repository(world, repo),
    }
    world.emit(repo, kind, body)


def _pushed(deed: Deed, sha: str) -> Json:
    git = deed.repo.git
    one = git.commit(sha)
    files = git.diff(one.parents[0] if one.parents else git.empty_tree(), sha)
    return {**bodies.commit(deed.world, deed.repo, one), **_touched(files)}


def _touched(files: tuple[FileDiff, ...]) -> Json:
    added = [file.path for file in files if file.status == "added"]
    removed = [file.path for file in files if file.status == "removed"]
    rest = [file.path for file in files if file.status not in ("added", "removed")]
    return {"added": added, "modified": rest, "removed": removed}
