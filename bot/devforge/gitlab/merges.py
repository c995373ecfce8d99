"""Merge requests."""

from flask import Blueprint, Response, request

from bot.devforge.acts import changes, merging
from bot.devforge.acts import issues as acts
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, on_project, page
from bot.devforge.gitlab.issues import own_or, relabel, reopen_or_close, thing
from bot.devforge.gitlab.quick import act_on
from bot.devforge.gitlab.refusals import Refusal, missing
from bot.devforge.model import ChangePart, Issue
from bot.domain.change import Role

room = Blueprint("gitlab-merges", __name__)
PLACE = "/merge_requests/<int:iid>"
DRAFT = "Draft: "


def change_of(call: RepoCall, iid: int) -> tuple[Issue, ChangePart]:
    """Return a merge request; 404 when there is none."""
    one = thing(call, "merge_requests", iid)
    return one, changes.part(one)


def _full(call: RepoCall, one: Issue, status: int = 200) -> Response:
    return answer(shapes.full_merge_request(call.world, call.repo, one, call.user), status)


@on_project(room, "GET", "/merge_requests")
def listing(call: RepoCall) -> Response:
    asked = request.args
    state = asked.get("state", "all")
    found = [
        one
        for one in call.repo.changes.values()
        if state in ("all", "merged" if changes.part(one).merged_at else shapes.STATES[one.state])
        and asked.get("source_branch") in (None, changes.part(one).head)
        and asked.get("target_branch") in (None, changes.part(one).base)
    ]
    newest = sorted(found, key=lambda one: one.number, reverse=asked.get("sort", "desc") != "asc")
    return page(newest, lambda one: shapes.merge_request(call.world, call.repo, one))


@on_project(room, "POST", "/merge_requests", Role.WRITE)
def create(call: RepoCall) -> Response:
    fields, git = Fields(), call.repo.git
    title, head, base = fields.need("title"), fields.need("source_branch"), fields.need("target_branch")
    head_sha, base_sha = git.branch(head), git.branch(base)
    if head_sha is None or base_sha is None or head == base:
        which = "source" if head_sha is None else "target"
        raise Refusal(
            400, f"The {which} branch {head if which == 'source' else base!r} does not exist, or is the other one"
        )
    for one in call.repo.changes.values():
        part = changes.part(one)
        if one.state == "open" and (part.head, part.base) == (head, base):
            words = f"Another open merge request already exists for this source branch: !{one.number}"
            raise Refusal(409, words)
    now, number = call.world.now(), acts.next_number(call.repo.changes)
    part = ChangePart(call.world.next_id(), head, base, head_sha, base_sha, draft=title.startswith(DRAFT))
    made = Issue(call.world.next_id(), number, title.removeprefix(DRAFT)[:255], "", call.deed.by, now, now, change=part)
    changes.open_change(call.deed, made)
    made.body = act_on(call, made, fields.text("description"))
    relabel(call, made, fields)
    return _full(call, made, 201)


@on_project(room, "GET", PLACE)
def get(call: RepoCall, iid: int) -> Response:
    return _full(call, change_of(call, iid)[0])


@on_project(room, "PUT", PLACE)
def edit(call: RepoCall, iid: int) -> Response:
    one, part = change_of(call, iid)
    own_or(call, one, Role.TRIAGE)
    fields = Fields()
    if fields.has("title"):
        draft = fields.text("title").startswith(DRAFT)
        if draft != part.draft:
            part.draft = draft
            changes.tell(call.deed, one, {"action": "converted_to_draft" if draft else "ready_for_review"})
    title = fields.text("title", one.title).removeprefix(DRAFT)
    acts.reword(call.deed, one, (title, fields.text("description", one.body)))
    relabel(call, one, fields)
    reopen_or_close(call, one, fields)
    return _full(call, one)


@on_project(room, "GET", f"{PLACE}/commits")
def commits(call: RepoCall, iid: int) -> Response:
    one, _ = change_of(call, iid)
    newest = changes.commits(call.repo, one)[::-1]
    return page(newest, lambda commit: shapes.commit(call.world, call.repo, commit))


@on_project(room, "GET", f"{PLACE}/diffs")
def diffs(call: RepoCall, iid: int) -> Response:
    one, _ = change_of(call, iid)
    return page(changes.files(call.repo, one), shapes.diff)


@on_project(room, "PUT", f"{PLACE}/merge")
def merge(call: RepoCall, iid: int) -> Response:
    one, part = change_of(call, iid)
    rule = call.repo.protected.get(part.base)
    if call.user is None or not call.role.at_least(rule.mergers if rule else Role.WRITE):
        raise Refusal(401, "401 Unauthorized")
    fields = Fields()
    sha, squash = fields.text("sha") or None, fields.flag("squash", call.repo.squash_option == "default_on")
    squash = {"always": True, "never": False}.get(call.repo.squash_option, squash)
    text = fields.text("squash_commit_message" if squash else "merge_commit_message")
    if squash and call.repo.merge_method != "ff":
        text = fields.text("merge_commit_message") or text
    title, _, body = text.partition("\n\n")
    try:
        merging.merge_as_gitlab(call.deed, one, merging.MergeWish("", sha, title, body.rstrip("\n")), squash=squash)
    except merging.NotMergeable as error:
        raise Refusal(*_refusal(call, one, error)) from error
    except merging.Moved as error:
        raise Refusal(
            409, "SHA does not match HEAD of source branch" if part.head_sha != sha else str(error)
        ) from error
    return _full(call, one)


def _refusal(call: RepoCall, one: Issue, error: Exception) -> tuple[int, str]:
    status, _ = shapes.mergeability(call.repo, one)
    if status == "conflict":
        return 422, "Branch cannot be merged"
    del error
    return 405, "405 Method Not Allowed"


@on_project(room, "GET", f"{PLACE}/pipelines")
def pipelines(call: RepoCall, iid: int) -> Response:
    from bot.devforge.gitlab.pipelines import found_for, shape

    _, part = change_of(call, iid)
    return page(found_for(call.repo, part.head_sha), lambda sha: shape(call, sha))


@on_project(room, "GET", f"{PLACE}/approvals")
def approvals(call: RepoCall, iid: int) -> Response:
    one, _ = change_of(call, iid)
    return answer({"id": one.id, "iid": iid, "approved": False, "approvals_required": 0, "approved_by": []})


@on_project(room, "GET", f"{PLACE}/versions")
def versions(call: RepoCall, iid: int) -> Response:
    _, part = change_of(call, iid)
    if not part.head_sha:
        raise missing()
    return page([part], lambda one: {"id": one.id, "head_commit_sha": one.head_sha, "base_commit_sha": one.base_sha})
