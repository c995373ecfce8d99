"""What GitLab's API writes of merge requests."""

from bot.devforge.acts import changes
from bot.devforge.acts.pipelines import newest_of, pipeline_of
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.pipeline_shapes import pipeline as pipeline_shape
from bot.devforge.gitvalues import stamp
from bot.devforge.model import Issue, Repository, User
from bot.devforge.world import World
from bot.domain.change import Role


def all_resolved(one: Issue) -> bool:
    """Tell whether no thread on a merge request waits to be resolved."""
    return all(said.thread is None or said.thread.resolved is not None for said in one.comments)


def merge_request(world: World, repo: Repository, one: Issue) -> shapes.Json:
    """Write a merge request as lists do."""
    change = changes.part(one)
    state = "merged" if change.merged_at else shapes.STATES[one.state]
    status, conflicts = mergeability(repo, one)
    return {
        "id": change.id,
        "iid": one.number,
        "project_id": repo.id,
        "title": f"Draft: {one.title}" if change.draft else one.title,
        "description": one.body,
        "state": state,
        "created_at": stamp(one.created),
        "updated_at": stamp(one.updated),
        "merged_at": stamp(change.merged_at) if change.merged_at else None,
        "merge_user": shapes.user(world, change.merged_by) if change.merged_by else None,
        "merged_by": shapes.user(world, change.merged_by) if change.merged_by else None,
        "closed_at": stamp(one.closed) if one.closed and not change.merged_at else None,
        "closed_by": shapes.user(world, one.closed_by) if one.closed_by and not change.merged_at else None,
        "target_branch": change.base,
        "source_branch": change.head,
        "source_project_id": repo.id,
        "target_project_id": repo.id,
        "author": shapes.user(world, one.author),
        "assignees": [],
        "reviewers": [],
        "labels": list(one.labels),
        "draft": change.draft,
        "work_in_progress": change.draft,
        "merge_when_pipeline_succeeds": False,
        "detailed_merge_status": status,
        "merge_status": "cannot_be_merged" if conflicts else "can_be_merged",
        "has_conflicts": conflicts,
        "sha": change.head_sha,
        "merge_commit_sha": change.merged_sha if change.merged_sha != change.squash_sha else None,
        "squash_commit_sha": change.squash_sha,
        "user_notes_count": len(one.comments),
        "blocking_discussions_resolved": all_resolved(one),
        "should_remove_source_branch": None,
        "force_remove_source_branch": change.remove_head,
        "squash": change.squash,
        "squash_on_merge": change.squash or repo.squash_option == "always",
        "web_url": shapes.page_of(world, repo, one),
        "references": {"short": f"!{one.number}", "full": f"{repo.full_name}!{one.number}"},
    }


def mergeability(repo: Repository, one: Issue) -> tuple[str, bool]:
    """Return `detailed_merge_status`, and whether there are conflicts."""
    change = changes.part(one)
    if one.state != "open":
        return "not_open", False
    if change.draft:
        return "draft_status", False
    if changes.mergeable(repo, change) is False:
        return "conflict", True
    if repo.only_resolved and not all_resolved(one):
        return "discussions_not_resolved", False
    if repo.only_green and pipeline_of(repo, change.head_sha) != "success":
        return "ci_must_pass", False
    if repo.merge_method != "merge" and changes.base_of(repo, change) != repo.git.branch(change.base):
        return "need_rebase", False
    return "mergeable", False


def full_merge_request(world: World, repo: Repository, one: Issue, asked_by: User | None) -> shapes.Json:
    """Write a merge request as its own address does."""
    change = changes.part(one)
    base = changes.base_of(repo, change)
    files = changes.files(repo, one)
    pipeline = newest_of(repo, change.head_sha)
    written = merge_request(world, repo, one)
    if change.unchecked:
        change.unchecked -= 1
        written |= {"detailed_merge_status": "checking", "merge_status": "checking", "has_conflicts": False}
    return {
        **written,
        "changes_count": str(len(files)) if files else None,
        "diff_refs": {"base_sha": base, "head_sha": change.head_sha, "start_sha": base},
        "user": {"can_merge": repo.role(asked_by).at_least(Role.WRITE)},
        "head_pipeline": pipeline_shape(world, repo, pipeline) if pipeline else None,
        "merge_error": None,
        "overflow": False,
    }
