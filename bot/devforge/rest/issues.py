"""Issues, their comments and reactions, and their history."""

from flask import Blueprint, Response, request

from bot.devforge.acts import issues as acts
from bot.devforge.acts.deed import Deed
from bot.devforge.call import Body, Problem, RepoCall, answer, not_found, on_repo, page
from bot.devforge.model import Comment, Happened, Issue, User
from bot.devforge.shapes import issues as shapes
from bot.domain.change import Role

room = Blueprint("issues", __name__)
_LONGEST = 65536


def issue_of(call: RepoCall, number: int) -> Issue:
    """Return an issue or change; 404 when there is none."""
    issue = call.repo.issues.get(number)
    if issue is None:
        raise not_found()
    return issue


def comment_of(call: RepoCall, comment_id: int) -> tuple[Issue, Comment]:
    """Return a comment and its issue; 404 when there is none."""
    found = call.repo.comment(comment_id)
    if found is None:
        raise not_found()
    return found


def own_or(call: RepoCall, author: User, role: Role) -> Deed:
    """Return the caller's act if they wrote it or have the role."""
    if call.actor is not author or not call.access.at_least(Role.WRITE):
        call.demand(role)
    return call.deed


def speaker(call: RepoCall) -> Deed:
    """Return the caller's act if they may write words here: anybody who may read, with a token that writes."""
    call.demand(Role.READ)
    if not call.access.at_least(Role.TRIAGE):
        raise Problem(403, "Resource not accessible by personal access token")
    return call.deed


@on_repo(room, "GET", "/issues")
def listing(call: RepoCall) -> Response:
    state = request.args.get("state", "open")
    wanted = [name.lower() for name in request.args.get("labels", "").split(",") if name]
    found = [
        issue
        for issue in call.repo.issues.values()
        if state in ("all", issue.state) and set(wanted) <= {name.lower() for name in issue.labels}
    ]
    newest = sorted(found, key=lambda issue: issue.number, reverse=request.args.get("direction") != "asc")
    return page(newest, lambda issue: shapes.issue(call.world, call.repo, issue))


@on_repo(room, "POST", "/issues")
def create(call: RepoCall) -> Response:
    body = Body("Issue")
    deed = speaker(call)
    issue = acts.open_issue(deed, body.need("title"), body.text("body"))
    if call.role.at_least(Role.TRIAGE):
        for name in body.get("labels", list, []):
            acts.add_label(deed, issue, str(name))
    return answer(shapes.issue(call.world, call.repo, issue), 201)


@on_repo(room, "GET", "/issues/<int:number>")
def get(call: RepoCall, number: int) -> Response:
    return answer(shapes.issue(call.world, call.repo, issue_of(call, number)))


@on_repo(room, "PATCH", "/issues/<int:number>")
def edit(call: RepoCall, number: int) -> Response:
    issue = issue_of(call, number)
    deed = own_or(call, issue.author, Role.TRIAGE)
    body = Body("Issue")
    state = body.one_of("state", ("open", "closed"), issue.state)
    words = body.text("title", issue.title), body.text("body", issue.body)
    acts.reword(deed, issue, words)
    acts.set_state(deed, issue, state)
    return answer(shapes.issue(call.world, call.repo, issue))


@on_repo(room, "GET", "/issues/<int:number>/comments")
def comments(call: RepoCall, number: int) -> Response:
    issue = issue_of(call, number)
    return page(issue.comments, lambda one: shapes.comment(call.world, call.repo, issue, one))


def _words(body: Body) -> str:
    text = body.need("body")
    if len(text) > _LONGEST:
        raise Problem(422, f"body is too long (maximum is {_LONGEST} characters)")
    return body.text("body")


@on_repo(room, "POST", "/issues/<int:number>/comments")
def say(call: RepoCall, number: int) -> Response:
    issue = issue_of(call, number)
    comment = acts.say(speaker(call), issue, _words(Body("IssueComment")))
    return answer(shapes.comment(call.world, call.repo, issue, comment), 201)


@on_repo(room, "GET", "/issues/comments")
def every_comment(call: RepoCall) -> Response:
    rows = [(issue, one) for issue in call.repo.issues.values() for one in issue.comments]
    return page(sorted(rows, key=lambda row: row[1].id), lambda row: shapes.comment(call.world, call.repo, *row))


@on_repo(room, "GET", "/issues/comments/<int:comment_id>")
def comment(call: RepoCall, comment_id: int) -> Response:
    issue, one = comment_of(call, comment_id)
    return answer(shapes.comment(call.world, call.repo, issue, one))


@on_repo(room, "PATCH", "/issues/comments/<int:comment_id>")
def edit_comment(call: RepoCall, comment_id: int) -> Response:
    issue, one = comment_of(call, comment_id)
    deed = own_or(call, one.author, Role.WRITE)
    acts.edit(deed, issue, one, _words(Body("IssueComment")))
    return answer(shapes.comment(call.world, call.repo, issue, one))


@on_repo(room, "DELETE", "/issues/comments/<int:comment_id>")
def delete_comment(call: RepoCall, comment_id: int) -> Response:
    issue, one = comment_of(call, comment_id)
    own_or(call, one.author, Role.WRITE)
    issue.comments.remove(one)
    return answer(None, 204)


@on_repo(room, "GET", "/issues/comments/<int:comment_id>/reactions")
def reactions(call: RepoCall, comment_id: int) -> Response:
    _, one = comment_of(call, comment_id)
    wanted = request.args.get("content")
    found = [row for row in one.reactions if wanted in (None, row.content)]
    return page(found, lambda row: shapes.reaction(call.world, row))


@on_repo(room, "POST", "/issues/comments/<int:comment_id>/reactions")
def react(call: RepoCall, comment_id: int) -> Response:
    _, one = comment_of(call, comment_id)
    content = Body("Reaction").one_of("content", shapes.CONTENTS, "")
    reaction, new = acts.react(speaker(call), one, content)
    return answer(shapes.reaction(call.world, reaction), 201 if new else 200)


@on_repo(room, "GET", "/issues/<int:number>/events")
def events(call: RepoCall, number: int) -> Response:
    return page(issue_of(call, number).history, lambda one: shapes.happened(call.world, call.repo, one))


@on_repo(room, "GET", "/issues/<int:number>/timeline")
def timeline(call: RepoCall, number: int) -> Response:
    issue = issue_of(call, number)
    rows: list[tuple[float, int, Happened | Comment]] = [
        *((one.at, one.id, one) for one in issue.history),
        *((one.created, one.id, one) for one in issue.comments),
    ]
    ordered = [row[2] for row in sorted(rows, key=lambda row: row[:2])]

    def shape(one: Happened | Comment) -> dict[str, object]:
        if isinstance(one, Comment):
            return shapes.commented(call.world, call.repo, issue, one)
        return shapes.happened(call.world, call.repo, one)

    return page(ordered, shape)
