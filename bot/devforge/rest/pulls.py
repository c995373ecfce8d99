"""Changes, which GitHub calls pull requests."""

from flask import Blueprint, Response, request

from bot.devforge.acts import changes, merging
from bot.devforge.acts import issues as acts
from bot.devforge.call import Body, Problem, RepoCall, answer, invalid, not_found, on_repo, page
from bot.devforge.model import ChangePart, Issue, Review
from bot.devforge.rest.issues import own_or, speaker
from bot.devforge.shapes import changes as shapes
from bot.devforge.shapes import repos
from bot.domain.change import Role

room = Blueprint("pulls", __name__)


def change_of(call: RepoCall, number: int) -> tuple[Issue, ChangePart]:
    """Return a change; 404 when there is none."""
    issue = call.repo.changes.get(number)
    if issue is None or issue.change is None:
        raise not_found()
    return issue, issue.change


@on_repo(room, "GET", "/pulls")
def listing(call: RepoCall) -> Response:
    state, head, base = request.args.get("state", "open"), request.args.get("head"), request.args.get("base")
    owner, _, branch = head.partition(":") if head else ("", "", "")
    found = [
        (issue, issue.change)
        for issue in call.repo.changes.values()
        if issue.change
        and state in ("all", issue.state)
        and base in (None, issue.change.base)
        # GitHub ignores a head without an owner
        and (not branch or (owner.lower() == call.repo.owner.login.lower() and branch == issue.change.head))
    ]
    rows = sorted(found, key=lambda row: row[0].number, reverse=request.args.get("direction") != "asc")
    return page(rows, lambda row: shapes.change(call.world, call.repo, *row))


def _full(call: RepoCall, issue: Issue, status: int = 200) -> Response:
    return answer(shapes.full_change(call.world, call.repo, issue, changes.facts(call.repo, issue)), status)


@on_repo(room, "POST", "/pulls", Role.WRITE)
def create(call: RepoCall) -> Response:
    body = Body("PullRequest")
    title, base, head = body.need("title"), body.need("base"), body.need("head").rpartition(":")[2]
    git = call.repo.git
    head_sha, base_sha = git.branch(head), git.branch(base)
    if head_sha is None:
        raise invalid("PullRequest", "head", "invalid")
    if base_sha is None:
        raise invalid("PullRequest", "base", "invalid")
    _refuse_double(call, head, base)
    if git.is_ancestor(head_sha, base_sha):
        raise _custom(f"No commits between {base} and {head}")
    now = call.world.now()
    number, by = acts.next_number(call.repo.changes), call.actor
    issue = Issue(call.world.next_id(), number, title, body.text("body"), by, now, now)
    issue.change = ChangePart(call.world.next_id(), head, base, head_sha, base_sha, body.get("draft", bool, False))
    changes.open_change(call.deed, issue)
    return _full(call, issue, 201)


def _custom(message: str) -> Problem:
    return Problem(422, "Validation Failed", [{"resource": "PullRequest", "code": "custom", "message": message}])


def _refuse_double(call: RepoCall, head: str, base: str) -> None:
    for issue in call.repo.changes.values():
        change = issue.change
        if change and issue.state == "open" and (change.head, change.base) == (head, base):
            raise _custom(f"A pull request already exists for {call.repo.owner.login}:{head}.")


@on_repo(room, "GET", "/pulls/<int:number>")
def get(call: RepoCall, number: int) -> Response:
    issue, _ = change_of(call, number)
    return _full(call, issue)


@on_repo(room, "PATCH", "/pulls/<int:number>")
def edit(call: RepoCall, number: int) -> Response:
    issue, change = change_of(call, number)
    deed = own_or(call, issue.author, Role.WRITE)
    body = Body("PullRequest")
    state = body.one_of("state", ("open", "closed"), issue.state)
    if state == "open" and change.merged_at:
        raise invalid("PullRequest", "state", "invalid")
    words = body.text("title", issue.title), body.text("body", issue.body)
    acts.reword(deed, issue, words)
    acts.set_state(deed, issue, state)
    return _full(call, issue)


@on_repo(room, "GET", "/pulls/<int:number>/files")
def files(call: RepoCall, number: int) -> Response:
    issue, change = change_of(call, number)
    rows = changes.files(call.repo, issue)
    return page(rows, lambda file: repos.diff_entry(call.world, call.repo, change.head_sha, file))


@on_repo(room, "GET", "/pulls/<int:number>/commits")
def commits(call: RepoCall, number: int) -> Response:
    issue, _ = change_of(call, number)
    return page(changes.commits(call.repo, issue), lambda one: repos.commit(call.world, call.repo, one))


@on_repo(room, "GET", "/pulls/<int:number>/reviews")
def reviews(call: RepoCall, number: int) -> Response:
    issue, change = change_of(call, number)
    return page(change.reviews, lambda one: shapes.review(call.world, call.repo, issue, one))


_REVIEWS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@on_repo(room, "POST", "/pulls/<int:number>/reviews")
def create_review(call: RepoCall, number: int) -> Response:
    issue, change = change_of(call, number)
    body, by = Body("PullRequestReview"), speaker(call).by
    event = body.one_of("event", tuple(_REVIEWS), "COMMENT")
    if event != "COMMENT" and by is issue.author:
        raise Problem(422, "Unprocessable Entity: Can not approve or request changes on your own pull request")
    sha, now = body.text("commit_id", change.head_sha), call.world.now()
    review = Review(call.world.next_id(), by, body.text("body"), _REVIEWS[event], sha, now)
    change.reviews.append(review)
    return answer(shapes.review(call.world, call.repo, issue, review))


@on_repo(room, "GET", "/pulls/<int:number>/merge")
def is_merged(call: RepoCall, number: int) -> Response:
    _, change = change_of(call, number)
    if change.merged_at is None:
        raise not_found()
    return answer(None, 204)


@on_repo(room, "PUT", "/pulls/<int:number>/merge", Role.WRITE)
def merge(call: RepoCall, number: int) -> Response:
    issue, _ = change_of(call, number)
    body = Body("PullRequest")
    wish = merging.MergeWish(
        body.one_of("merge_method", ("merge", "squash", "rebase"), "merge"),
        body.text("sha") or None,
        body.text("commit_title"),
        body.text("commit_message"),
    )
    try:
        sha = merging.merge(call.deed, issue, wish)
    except merging.NotMergeable as error:
        raise Problem(405, str(error)) from error
    except merging.Moved as error:
        raise Problem(409, str(error)) from error
    return answer({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})
