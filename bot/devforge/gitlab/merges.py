"""Merge requests."""

from flask import Blueprint, Response, request

from bot.devforge.acts import changes, merging, pushes
from bot.devforge.acts import issues as acts
from bot.devforge.acts.pipelines import newest_of
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import merge_shapes, shapes
from bot.devforge.gitlab import pipeline_shapes as pipes
from bot.devforge.gitlab.call import Fields, on_project, page
from bot.devforge.gitlab.issues import DRAFT, own_or, relabel, rename, reopen_or_close, thing
from bot.devforge.gitlab.quick import act_on
from bot.devforge.gitlab.quick_lines import extract
from bot.devforge.gitlab.refusals import Refusal, missing, unauthorized
from bot.devforge.gitvalues import stamp
from bot.devforge.model import ChangePart, Issue
from bot.domain.change import Role

room = Blueprint("gitlab-merges", __name__)
PLACE = "/merge_requests/<int:iid>"


def change_of(call: RepoCall, iid: int) -> tuple[Issue, ChangePart]:
    """Return a merge request; 404 when there is none."""
    one = thing(call, "merge_requests", iid)
    return one, changes.part(one)


def _full(call: RepoCall, one: Issue, status: int = 200) -> Response:
    return answer(merge_shapes.full_merge_request(call.world, call.repo, one, call.user), status)


@on_project(room, "GET", "/merge_requests")
def listing(call: RepoCall) -> Response:
    found = [one for one in call.repo.changes.values() if _asked_for(one)]
    newest = sorted(found, key=lambda one: one.number, reverse=request.args.get("sort", "desc") != "asc")
    return page(newest, lambda one: merge_shapes.merge_request(call.world, call.repo, one))


def _asked_for(one: Issue) -> bool:
    asked, change = request.args, changes.part(one)
    state = "merged" if change.merged_at else shapes.STATES[one.state]
    iids = asked.getlist("iids[]")
    return (
        asked.get("state", "all") in ("all", state)
        and asked.get("source_branch") in (None, change.head)
        and asked.get("target_branch") in (None, change.base)
        and asked.get("author_username") in (None, one.author.login)
        and asked.get("author_id") in (None, str(one.author.id))
        and (not iids or str(one.number) in iids)
        and {name for name in asked.get("labels", "").split(",") if name} <= set(one.labels)
    )


@on_project(room, "POST", "/merge_requests", Role.WRITE)
def create(call: RepoCall) -> Response:
    fields, git = Fields(), call.repo.git
    title, head, base = fields.need("title"), fields.need("source_branch"), fields.need("target_branch")
    head_sha, base_sha = git.branch(head), git.branch(base)
    if head == base:
        raise Refusal(422, "", ["You can't use same project/branch for source and target"])
    if head_sha is None or base_sha is None:
        raise Refusal(400, "", {"source_branch" if head_sha is None else "target_branch": ["does not exist"]})
    for one in call.repo.changes.values():
        if one.state == "open" and (changes.part(one).head, changes.part(one).base) == (head, base):
            words = f"Another open merge request already exists for this source branch: !{one.number}"
            raise Refusal(409, "", [words])
    now, number = call.world.now(), acts.next_number(call.repo.changes)
    part = ChangePart(call.world.next_id(), head, base, head_sha, base_sha, draft=title.startswith(DRAFT))
    part.squash, part.remove_head = fields.flag("squash"), fields.flag("remove_source_branch")
    body, plain = fields.text("description"), title.removeprefix(DRAFT)[:255]
    made = Issue(call.world.next_id(), number, plain, extract(body)[0], call.deed.by, now, now, change=part)
    changes.open_change(call.deed, made)
    act_on(call, made, body)
    relabel(call, made, fields)
    return _full(call, made, 201)


@on_project(room, "GET", PLACE)
def get(call: RepoCall, iid: int) -> Response:
    return _full(call, change_of(call, iid)[0])


@on_project(room, "PUT", PLACE)
def edit(call: RepoCall, iid: int) -> Response:
    one, part = change_of(call, iid)
    own_or(call, one, Role.WRITE)
    fields = Fields()
    if fields.has("title"):
        changes.set_draft(call.deed, one, fields.text("title").startswith(DRAFT))
    base = fields.text("target_branch", part.base)
    if call.repo.git.branch(base) is None:
        raise Refusal(400, "", {"target_branch": ["does not exist"]})
    part.base = base
    part.squash = fields.flag("squash", part.squash)
    part.remove_head = fields.flag("remove_source_branch", part.remove_head)
    rename(call, one, fields)
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


@on_project(room, "GET", f"{PLACE}/changes")
def changed(call: RepoCall, iid: int) -> Response:
    one, _ = change_of(call, iid)
    full = merge_shapes.full_merge_request(call.world, call.repo, one, call.user)
    return answer({**full, "changes": [shapes.diff(file) for file in changes.files(call.repo, one)]})


@on_project(room, "GET", f"{PLACE}/closes_issues")
def closes(call: RepoCall, iid: int) -> Response:
    numbers = acts.named(change_of(call, iid)[0].body)
    found = [call.repo.issues[number] for number in numbers if number in call.repo.issues]
    return page(found, lambda one: shapes.issue(call.world, call.repo, one))


@on_project(room, "PUT", f"{PLACE}/merge")
def merge(call: RepoCall, iid: int) -> Response:
    one, part = change_of(call, iid)
    rule = call.repo.protected.get(part.base)
    if call.user is None or not call.role.at_least(rule.mergers if rule else Role.WRITE):
        raise unauthorized()
    fields = Fields()
    sha, head = fields.text("sha") or None, part.head_sha
    if sha is not None and sha != head:
        raise Refusal(409, f"SHA does not match HEAD of source branch: {head}")
    squash = fields.flag("squash", part.squash or call.repo.squash_option == "default_on")
    squash = {"always": True, "never": False}.get(call.repo.squash_option, squash)
    try:
        merging.merge_as_gitlab(call.deed, one, _wish(call, fields, squash=squash), squash=squash)
    except merging.NotMergeable as error:
        conflicts = merge_shapes.mergeability(call.repo, one)[1]
        raise Refusal(*((422, "Branch cannot be merged") if conflicts else (405, "405 Method Not Allowed"))) from error
    except merging.Moved as error:
        raise Refusal(409, str(error)) from error
    if fields.flag("should_remove_source_branch", part.remove_head):
        _remove_branch(call, part)
    return _full(call, one)


def _wish(call: RepoCall, fields: Fields, *, squash: bool) -> merging.MergeWish:
    """Return what the caller wants of the merge; its text is that of the commit that lands on the target branch."""
    text = fields.text("squash_commit_message" if squash else "merge_commit_message")
    if squash and call.repo.merge_method != "ff":
        text = fields.text("merge_commit_message") or text
    title, _, body = text.partition("\n\n")
    return merging.MergeWish("", fields.text("sha") or None, title, body.rstrip("\n"))


def _remove_branch(call: RepoCall, part: ChangePart) -> None:
    head = call.repo.git.branch(part.head)
    if head is not None and part.head not in (call.repo.default_branch, *call.repo.protected):
        call.repo.git.move(f"refs/heads/{part.head}", None, head)
        pushes.landed(call.deed, f"refs/heads/{part.head}", head, None)


@on_project(room, "GET", f"{PLACE}/pipelines")
def pipelines(call: RepoCall, iid: int) -> Response:
    shas = {commit.sha for commit in changes.commits(call.repo, change_of(call, iid)[0])}
    found = [one for one in call.repo.pipelines[::-1] if one.sha in shas]
    return page(found, lambda one: pipes.pipeline(call.world, call.repo, one))


@on_project(room, "POST", f"{PLACE}/pipelines", Role.WRITE)
def run_pipeline(call: RepoCall, iid: int) -> Response:
    _, part = change_of(call, iid)
    old = newest_of(call.repo, part.head_sha)
    run = call.world.run_in(call.repo, old) if old else None
    if old is None or run is None:
        raise Refusal(400, "", {"base": ["Missing CI config file"]})
    return answer(pipes.full_pipeline(call.world, call.repo, old), 201)


@on_project(room, "GET", f"{PLACE}/versions")
def versions(call: RepoCall, iid: int) -> Response:
    one, part = change_of(call, iid)
    if not part.head_sha:
        raise missing()
    base = changes.base_of(call.repo, part)
    row = {
        "id": part.id,
        "head_commit_sha": part.head_sha,
        "base_commit_sha": base,
        "start_commit_sha": base,
        "created_at": stamp(one.updated),
        "merge_request_id": part.id,
        "state": "collected",
        "real_size": str(len(changes.files(call.repo, one))),
    }
    return page([row], lambda version: version)
