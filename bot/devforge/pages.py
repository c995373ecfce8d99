"""What a person sees: repositories, issues, changes with their diffs and checks, and the chat."""

from typing import Any

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from bot.devforge.acts import changes
from bot.devforge.gitvalues import FileDiff
from bot.devforge.model import CheckRun, Issue, Repository, Status
from bot.devforge.shapes.checks import newest
from bot.devforge.visits import Visit, chosen, fill, fill_page, page, plain
from bot.devforge.world import World
from bot.domain.change import Role

room = Blueprint("pages", __name__)
_MOST_LINES = 3000


@plain(room, "/")
def home(world: World) -> str:
    """List the repositories that the visitor may see."""
    seen = [repo for repo in world.repos.values() if repo.role(chosen(world)).at_least(Role.READ)]
    return fill("home.html", world, repos=seen)


@page(room, "")
def code(visit: Visit) -> str:
    """Show branches and the latest commits."""
    git = visit.repo.git
    tips = {ref.removeprefix("refs/heads/"): sha for ref, sha in git.refs("refs/heads/").items()}
    main = tips.get(visit.repo.default_branch)
    commits = git.log(main, limit=20) if main else []
    checks = {sha: changes.latest_checks(visit.repo, sha) for sha in [*tips.values(), *(one.sha for one in commits)]}
    return fill_page(
        "code.html", visit, tips=tips, commits=commits, checks=checks, files=git.tree(main) if main else []
    )


@page(room, "/issues")
def issues(visit: Visit) -> str:
    """List issues, open ones first."""
    rows = [issue for issue in visit.repo.issues.values() if issue.change is None]
    return fill_page("list.html", visit, rows=_order(rows), kind="issues")


@page(room, "/pulls")
def pulls(visit: Visit) -> str:
    """List changes, open ones first."""
    rows = [issue for issue in visit.repo.changes.values() if issue.change is not None]
    return fill_page("list.html", visit, rows=_order(rows), kind="pulls")


def _order(rows: list[Issue]) -> list[Issue]:
    return sorted(rows, key=lambda issue: (issue.state != "open", -issue.number))


def _issue(visit: Visit, number: int, *, change: bool) -> Issue:
    issue = (visit.repo.changes if change else visit.repo.issues).get(number)
    if issue is None or (issue.change is not None) != change:
        raise NotFound
    return issue


@page(room, "/issues/<int:number>")
def issue_page(visit: Visit, number: int) -> str:
    """Show an issue with its comments."""
    issue = _issue(visit, number, change=False)
    return fill_page("issue.html", visit, issue=issue, story=_story(issue))


@page(room, "/pull/<int:number>")
def change_page(visit: Visit, number: int) -> str:
    """Show a change: talk, checks, merge state and diff."""
    issue = _issue(visit, number, change=True)
    part, facts = changes.part(issue), changes.facts(visit.repo, issue)
    return fill_page(
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


@page(room, "/pull/<int:number>.diff")
def change_diff(visit: Visit, number: int) -> Response:
    """Give the diff of a change as plain text."""
    part = changes.part(_issue(visit, number, change=True))
    text = visit.repo.git.diff_text(changes.base_of(visit.repo, part), part.head_sha)
    return Response(text, content_type="text/plain; charset=utf-8")


@page(room, "/commit/<sha>")
def commit_page(visit: Visit, sha: str) -> str:
    """Show one commit with its checks and its diff."""
    git = visit.repo.git
    found = git.resolve(sha)
    if found is None:
        raise NotFound
    one = git.commit(found)
    files = git.diff(one.parents[0] if one.parents else git.empty_tree(), one.sha)
    diff = [(file, _colour(file)) for file in files]
    return fill_page("commit.html", visit, commit=one, checks=_checks(visit.repo, found), diff=diff)


@page(room, "/runs/<int:run_id>")
def run_page(visit: Visit, run_id: int) -> str:
    """Show a check run with its output."""
    for run in visit.repo.checks:
        if run.id == run_id:
            return fill_page("run.html", visit, run=run)
    raise NotFound


@page(room, "/blob/<ref>/<path:path>")
def blob_page(visit: Visit, ref: str, path: str) -> Response:
    """Give a file as plain text."""
    sha = visit.repo.git.resolve(ref)
    entry = visit.repo.git.entry(sha, path) if sha else None
    if entry is None or entry.kind != "blob":
        raise NotFound
    return Response(visit.repo.git.blob(entry.sha), content_type="text/plain; charset=utf-8")


@plain(room, "/slack")
def slack_page(world: World) -> str:
    """Show what was said in the chat."""
    return fill("slack.html", world, messages=list(reversed(world.chat.messages)), spoken=spoken)


def spoken(blocks: Any) -> list[str]:
    """Return the texts of a message's blocks, in order."""
    if isinstance(blocks, list):
        return [text for block in blocks for text in spoken(block)]
    if not isinstance(blocks, dict):
        return []
    text = blocks.get("text")
    own = [text] if isinstance(text, str) else spoken(text)
    return own + [line for key in ("fields", "elements") for line in spoken(blocks.get(key))]
