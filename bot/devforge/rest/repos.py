"""Repositories, branches, commits, comparisons and branch protection."""

from flask import Blueprint, Response, request

from bot.devforge.call import Problem, RepoCall, answer, not_found, on_repo, page, slice_page
from bot.devforge.shapes import repos
from bot.devforge.shapes.changes import change
from bot.domain.change import Role

room = Blueprint("repos", __name__)


def commit_of(call: RepoCall, ref: str) -> str:
    """Return the commit that a name in the address means; GitHub's 422 when there is none."""
    sha = call.repo.git.resolve(ref)
    if sha is None:
        raise Problem(422, f"No commit found for SHA: {ref}")
    return sha


@on_repo(room, "GET", "")
def repository(call: RepoCall) -> Response:
    return answer(repos.full_repo(call.world, call.repo, call.user))


@on_repo(room, "GET", "/branches")
def branches(call: RepoCall) -> Response:
    tips = [(ref.removeprefix("refs/heads/"), sha) for ref, sha in call.repo.git.refs("refs/heads/").items()]
    return page(tips, lambda tip: repos.short_branch(call.world, call.repo, *tip))


@on_repo(room, "GET", "/branches/<path:name_of>")
def branch(call: RepoCall, name_of: str) -> Response:
    sha = call.repo.git.branch(name_of)
    if sha is None:
        raise Problem(404, "Branch not found")
    return answer(repos.branch(call.world, call.repo, name_of, call.repo.git.commit(sha)))


@on_repo(room, "GET", "/branches/<path:name_of>/protection")
def protection(call: RepoCall, name_of: str) -> Response:
    call.demand(Role.READ)
    rule = call.repo.protected.get(name_of)
    if rule is None:
        raise Problem(404, "Branch not protected")
    return answer(repos.protection(call.world, call.repo, name_of, rule))


@on_repo(room, "GET", "/commits")
def commits(call: RepoCall) -> Response:
    sha = call.repo.git.resolve(request.args.get("sha") or call.repo.default_branch)
    if sha is None:
        raise not_found()
    rows = call.repo.git.log(sha, limit=1000, path=request.args.get("path", ""))
    return page(rows, lambda one: repos.commit(call.world, call.repo, one))


@on_repo(room, "GET", "/commits/<path:ref>")
def commit(call: RepoCall, ref: str) -> Response:
    git = call.repo.git
    one = git.commit(commit_of(call, ref))
    files = git.diff(one.parents[0], one.sha) if one.parents else git.diff(git.empty_tree(), one.sha)
    return answer(repos.full_commit(call.world, call.repo, one, files))


@on_repo(room, "GET", "/commits/<path:ref>/pulls")
def pulls_of_commit(call: RepoCall, ref: str) -> Response:
    sha = commit_of(call, ref)
    found = [
        (issue, issue.change)
        for issue in call.repo.changes.values()
        if issue.change and sha in (issue.change.head_sha, issue.change.merged_sha)
    ]
    return page(found, lambda row: change(call.world, call.repo, *row))


@on_repo(room, "GET", "/compare/<path:basehead>")
def compare(call: RepoCall, basehead: str) -> Response:
    git = call.repo.git
    names = basehead.split("...") if "..." in basehead else basehead.split("..")
    sides = [git.resolve(name.rpartition(":")[2]) for name in names]
    if len(sides) != 2 or sides[0] is None or sides[1] is None:
        raise not_found()
    base, head = sides[0], sides[1]
    meeting = git.merge_base(base, head)
    if meeting is None:
        raise not_found()
    ahead, behind = git.log(head, base)[::-1], git.log(base, head)
    state = {(False, False): "identical", (True, False): "ahead", (False, True): "behind"}
    url = f"{repos.root(call.world, call.repo)}/compare/{base}...{head}"
    html = f"{repos.html(call.world, call.repo)}/compare/{base}...{head}"
    rows, headers = slice_page(ahead)
    files = git.diff(meeting, head)
    body = {
        "url": url,
        "html_url": html,
        "permalink_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": repos.commit(call.world, call.repo, git.commit(base)),
        "merge_base_commit": repos.commit(call.world, call.repo, git.commit(meeting)),
        "status": state.get((bool(ahead), bool(behind)), "diverged"),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [repos.commit(call.world, call.repo, one) for one in rows],
        "files": [repos.diff_entry(call.world, call.repo, head, file) for file in files],
    }
    return answer(body, headers=headers)
