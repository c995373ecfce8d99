"""What a person sees and clicks: repositories, issues, changes with their diffs and checks, and the chat.

Who acts is chosen on the page (`?as=LOGIN`, kept in a cookie): this is a forge for development, so nobody logs in.
Forms are only taken from the forge's own pages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response as AnyResponse

from bot.devforge.acts import changes
from bot.devforge.acts import issues as acts
from bot.devforge.call import world_of_app
from bot.devforge.gitrepo import FileDiff
from bot.devforge.markdown import render
from bot.devforge.model import CheckRun, Issue, Repository, Status, User
from bot.devforge.shapes.checks import newest
from bot.devforge.world import World
from bot.domain.change import Role

room = Blueprint("pages", __name__)
_COOKIE = "devforge_as"
_MOST_LINES = 3000


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit to a repository's page by the person who was chosen."""

    world: World
    repo: Repository
    user: User

    @property
    def role(self) -> Role:
        return self.repo.role(self.user)

    def may(self, role: Role) -> bool:
        return self.role.at_least(role)


View = Callable[..., AnyResponse | str]


def people(world: World) -> list[User]:
    """Return the people who may be chosen to act."""
    return [user for user in world.users.values() if not user.is_bot and user is not world.ghost]


def chosen(world: World) -> User:
    """Return who acts: the query, the cookie, or the first person."""
    for login in (request.args.get("as"), request.cookies.get(_COOKIE)):
        user = world.users.get(login or "")
        if user in people(world):
            return user
    return (people(world) or [world.ghost])[0]


def _own_form() -> None:
    """Refuse a form that another site sent."""
    origin = request.headers.get("Origin")
    foreign = bool(origin) and urlsplit(origin or "").netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This form was not sent from one of the forge's own pages.")


def _show(view: View, world: World, *args: Any, **more: Any) -> AnyResponse:
    if request.method == "POST":
        _own_form()
    with world.lock:
        response = make_response(view(*args, **more))
        login = request.args.get("as")
        if login and chosen(world).login == login:
            response.set_cookie(_COOKIE, login, samesite="Strict", httponly=True)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"
    )
    response.headers["X-Frame-Options"] = "DENY"
    return response


def plain(rule: str) -> Callable[[View], View]:
    """Register a page `(world)`."""

    def register(view: View) -> View:
        @wraps(view)
        def run(**more: Any) -> AnyResponse:
            world = world_of_app()
            return _show(view, world, world, **more)

        room.add_url_rule(rule, view.__name__, run)
        return view

    return register


def page(rule: str, method: str = "GET") -> Callable[[View], View]:
    """Register a page `(visit)` below /OWNER/NAME; 404 for a repository that the visitor may not see."""

    def register(view: View) -> View:
        @wraps(view)
        def run(owner: str, name: str, **more: Any) -> AnyResponse:
            world = world_of_app()
            repo = world.repo(f"{owner}/{name}")
            if repo is None or not repo.role(chosen(world)).at_least(Role.READ):
                raise NotFound
            return _show(view, world, Visit(world, repo, chosen(world)), **more)

        room.add_url_rule(f"/<owner>/<name>{rule}", view.__name__, run, methods=[method])
        return view

    return register


def _template(name: str, world: World, **more: Any) -> str:
    common = {"world": world, "people": people(world), "me": chosen(world), "markdown": render, "Role": Role}
    return render_template(name, **common, **more)


def _page(name: str, visit: Visit, **more: Any) -> str:
    kinds = {False: 0, True: 0}
    for issue in visit.repo.issues.values():
        kinds[issue.change is not None] += issue.state == "open"
    return _template(name, visit.world, visit=visit, repo=visit.repo, counts=kinds, **more)


# --- looking --------------------------------------------------------------------------------------------------------
@plain("/")
def home(world: World) -> str:
    """List the repositories that the visitor may see."""
    seen = [repo for repo in world.repos.values() if repo.role(chosen(world)).at_least(Role.READ)]
    return _template("home.html", world, repos=seen)


@page("")
def code(visit: Visit) -> str:
    """Show branches and the latest commits."""
    git = visit.repo.git
    tips = {ref.removeprefix("refs/heads/"): sha for ref, sha in git.refs("refs/heads/").items()}
    main = tips.get(visit.repo.default_branch)
    commits = git.log(main, limit=20) if main else []
    checks = {sha: changes.latest_checks(visit.repo, sha) for sha in [*tips.values(), *(one.sha for one in commits)]}
    return _page("code.html", visit, tips=tips, commits=commits, checks=checks, files=git.tree(main) if main else [])


@page("/issues")
def issues(visit: Visit) -> str:
    """List issues, open ones first."""
    rows = [issue for issue in visit.repo.issues.values() if issue.change is None]
    return _page("list.html", visit, rows=_order(rows), kind="issues")


@page("/pulls")
def pulls(visit: Visit) -> str:
    """List changes, open ones first."""
    rows = [issue for issue in visit.repo.issues.values() if issue.change is not None]
    return _page("list.html", visit, rows=_order(rows), kind="pulls")


def _order(rows: list[Issue]) -> list[Issue]:
    return sorted(rows, key=lambda issue: (issue.state != "open", -issue.number))


def _issue(visit: Visit, number: int, *, change: bool) -> Issue:
    issue = visit.repo.issues.get(number)
    if issue is None or (issue.change is not None) != change:
        raise NotFound
    return issue


@page("/issues/<int:number>")
def issue_page(visit: Visit, number: int) -> str:
    """Show an issue with its comments."""
    issue = _issue(visit, number, change=False)
    return _page("issue.html", visit, issue=issue, story=_story(issue))


@page("/pull/<int:number>")
def change_page(visit: Visit, number: int) -> str:
    """Show a change: talk, checks, merge state and diff."""
    issue = _issue(visit, number, change=True)
    part, facts = changes.part(issue), changes.facts(visit.repo, issue)
    return _page(
        "change.html",
        visit,
        issue=issue,
        change=part,
        facts=facts,
        story=_story(issue),
        checks=_checks(visit.repo, part.head_sha),
        unmet=changes.unmet(visit.repo, part),
        diff=[(file, _colour(file)) for file in facts.files],
    )


def _checks(repo: Repository, sha: str) -> list[CheckRun | Status]:
    statuses = newest([one for one in repo.statuses if one.sha == sha])
    return [*changes.latest_checks(repo, sha), *statuses]


def _story(issue: Issue) -> list[tuple[str, Any]]:
    """Return comments and events in the order in which they happened."""
    rows = [
        *(((one.created, one.id), "comment", one) for one in issue.comments),
        *(((one.at, one.id), "event", one) for one in issue.history),
    ]
    return [(kind, one) for _, kind, one in sorted(rows, key=lambda row: row[0])]


def _colour(file: FileDiff) -> list[tuple[str, str]]:
    """Give each line of a patch its class."""
    kinds = {"+": "add", "-": "del", "@": "hunk"}
    lines = file.patch.split("\n") if file.patch else []
    shown = [(kinds.get(line[:1], "same"), line) for line in lines[:_MOST_LINES]]
    return shown if len(lines) <= _MOST_LINES else [*shown, ("hunk", f"... {len(lines) - _MOST_LINES} lines more")]


@page("/pull/<int:number>.diff")
def change_diff(visit: Visit, number: int) -> Response:
    """Give the diff of a change as plain text."""
    part = changes.part(_issue(visit, number, change=True))
    text = visit.repo.git.diff_text(changes.base_of(visit.repo, part), part.head_sha)
    return Response(text, content_type="text/plain; charset=utf-8")


@page("/commit/<sha>")
def commit_page(visit: Visit, sha: str) -> str:
    """Show one commit with its checks and its diff."""
    git = visit.repo.git
    found = git.resolve(sha)
    if found is None:
        raise NotFound
    one = git.commit(found)
    files = git.diff(one.parents[0] if one.parents else git.empty_tree(), one.sha)
    diff = [(file, _colour(file)) for file in files]
    return _page("commit.html", visit, commit=one, checks=_checks(visit.repo, found), diff=diff)


@page("/runs/<int:run_id>")
def run_page(visit: Visit, run_id: int) -> str:
    """Show a check run with its output."""
    for run in visit.repo.checks:
        if run.id == run_id:
            return _page("run.html", visit, run=run)
    raise NotFound


@page("/blob/<ref>/<path:path>")
def blob_page(visit: Visit, ref: str, path: str) -> Response:
    """Give a file as plain text."""
    sha = visit.repo.git.resolve(ref)
    entry = visit.repo.git.entry(sha, path) if sha else None
    if entry is None or entry.kind != "blob":
        raise NotFound
    return Response(visit.repo.git.blob(entry.sha), content_type="text/plain; charset=utf-8")


@plain("/slack")
def slack_page(world: World) -> str:
    """Show what was said in the chat."""
    return _template("slack.html", world, messages=list(reversed(world.chat.messages)), spoken=spoken)


def spoken(blocks: Any) -> list[str]:
    """Return the texts of a message's blocks, in order."""
    if isinstance(blocks, list):
        return [text for block in blocks for text in spoken(block)]
    if not isinstance(blocks, dict):
        return []
    text = blocks.get("text")
    own = [text] if isinstance(text, str) else spoken(text)
    return own + [line for key in ("fields", "elements") for line in spoken(blocks.get(key))]


# --- acting ---------------------------------------------------------------------------------------------------------
def _demand(visit: Visit, role: Role) -> None:
    if not visit.may(role):
        raise Forbidden(f"{visit.user.login} needs the role {role} here and has {visit.role}.")


def _back(visit: Visit, issue: Issue) -> AnyResponse:
    view = "pages.change_page" if issue.change else "pages.issue_page"
    return redirect(url_for(view, owner=visit.repo.owner.login, name=visit.repo.name, number=issue.number), 303)


def _any(visit: Visit, number: int) -> Issue:
    issue = visit.repo.issues.get(number)
    if issue is None:
        raise NotFound
    return issue


@page("/issues", "POST")
def open_issue(visit: Visit) -> AnyResponse:
    """Open an issue."""
    title = request.form.get("title", "").strip()
    if not title:
        raise Forbidden("An issue needs a title.")
    return _back(visit, acts.open_issue(visit.world, visit.repo, title, request.form.get("body", ""), visit.user))


@page("/issues/<int:number>/comments", "POST")
def say(visit: Visit, number: int) -> AnyResponse:
    """Comment on an issue or a change."""
    issue, text = _any(visit, number), request.form.get("body", "").replace("\r\n", "\n")
    if text.strip():
        acts.say(visit.world, visit.repo, issue, text, visit.user)
    return _back(visit, issue)


@page("/issues/<int:number>/labels", "POST")
def label(visit: Visit, number: int) -> AnyResponse:
    """Set a label, or take one off."""
    _demand(visit, Role.TRIAGE)
    issue = _any(visit, number)
    wanted, gone = request.form.get("add", "").strip(), request.form.get("remove", "")
    if wanted:
        acts.add_label(visit.world, visit.repo, issue, wanted[:50], visit.user)
    if gone:
        acts.take_label(visit.world, visit.repo, issue, gone, visit.user)
    return _back(visit, issue)


@page("/issues/<int:number>/state", "POST")
def state(visit: Visit, number: int) -> AnyResponse:
    """Close or reopen an issue, or close a change."""
    issue = _any(visit, number)
    if visit.user is not issue.author:
        _demand(visit, Role.TRIAGE)
    wanted = "closed" if issue.state == "open" else "open"
    if issue.change is None or (wanted == "closed" or issue.change.merged_at is None):
        acts.set_state(visit.world, visit.repo, issue, wanted, visit.user)
    return _back(visit, issue)
