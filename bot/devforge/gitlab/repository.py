"""Branches, commits, files and trees."""

import base64

from flask import Blueprint, Response, request

from bot.devforge.acts import pushes
from bot.devforge.acts.pipelines import newest_of, pipeline_of
from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, on_project, page
from bot.devforge.gitlab.credentials import FILES
from bot.devforge.gitlab.merge_shapes import merge_request
from bot.devforge.gitlab.pipeline_shapes import pipeline
from bot.devforge.gitlab.refusals import Refusal, missing
from bot.devforge.gitrepo import GitFailed
from bot.devforge.gitvalues import Entry
from bot.domain.change import Role

room = Blueprint("gitlab-repository", __name__)


def commit_of(call: RepoCall, ref: str) -> str:
    """Return the commit that a name means; 404 when there is none."""
    sha = call.repo.git.resolve(ref)
    if sha is None:
        raise missing("Commit")
    return sha


def branch_shape(call: RepoCall, name: str, sha: str) -> shapes.Json:
    """Write a branch."""
    return {
        "name": name,
        "merged": False,
        "protected": name in call.repo.protected,
        "default": name == call.repo.default_branch,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": call.role.at_least(Role.WRITE) and name not in call.repo.protected,
        "web_url": f"{shapes.html(call.world, call.repo)}/-/tree/{name}",
        "commit": shapes.commit(call.world, call.repo, call.repo.git.commit(sha)),
    }


@on_project(room, "GET", "/repository/branches")
def branches(call: RepoCall) -> Response:
    tips = [(ref.removeprefix("refs/heads/"), sha) for ref, sha in call.repo.git.refs("refs/heads/").items()]
    return page(tips, lambda tip: branch_shape(call, *tip))


@on_project(room, "GET", "/repository/branches/<name_of>")
def branch(call: RepoCall, name_of: str) -> Response:
    sha = call.repo.git.branch(name_of)
    if sha is None:
        raise missing("Branch")
    return answer(branch_shape(call, name_of, sha))


@on_project(room, "POST", "/repository/branches", Role.WRITE)
def make_branch(call: RepoCall) -> Response:
    fields = Fields()
    name, sha = fields.need("branch"), call.repo.git.resolve(fields.need("ref"))
    if sha is None:
        raise Refusal(400, "Invalid reference name")
    if call.repo.git.branch(name) is not None:
        raise Refusal(400, "Branch already exists")
    call.repo.git.move(f"refs/heads/{name}", sha)
    pushes.landed(call.deed, f"refs/heads/{name}", None, sha)
    return answer(branch_shape(call, name, sha), 201)


@on_project(room, "GET", "/repository/commits")
def commits(call: RepoCall) -> Response:
    sha = commit_of(call, request.args.get("ref_name") or call.repo.default_branch)
    rows = call.repo.git.log(sha, limit=1000, path=request.args.get("path", ""))
    return page(rows, lambda one: shapes.commit(call.world, call.repo, one))


@on_project(room, "GET", "/repository/commits/<ref>")
def commit(call: RepoCall, ref: str) -> Response:
    one = call.repo.git.commit(commit_of(call, ref))
    newest = newest_of(call.repo, one.sha)
    return answer(
        {
            **shapes.commit(call.world, call.repo, one),
            "status": pipeline_of(call.repo, one.sha),
            "last_pipeline": pipeline(call.world, call.repo, newest) if newest else None,
        }
    )


@on_project(room, "GET", "/repository/commits/<ref>/merge_requests")
def merge_requests(call: RepoCall, ref: str) -> Response:
    sha = commit_of(call, ref)
    found = [
        issue
        for issue in call.repo.changes.values()
        if issue.change and sha in (issue.change.head_sha, issue.change.merged_sha, issue.change.squash_sha)
    ]
    return page(found, lambda one: merge_request(call.world, call.repo, one))


@on_project(room, "POST", "/repository/commits", Role.WRITE)
def make_commit(call: RepoCall) -> Response:
    fields, git = Fields(), call.repo.git
    branch = fields.need("branch")
    if branch in call.repo.protected:
        raise Refusal(400, "You are not allowed to push into this branch")
    old = git.branch(branch)
    if old is None:
        raise Refusal(400, "You can only create or edit files when you are on a branch")
    files: dict[str, tuple[str, str | None]] = {}
    for act in fields.raw.get("actions") or []:
        path, there = str(act["file_path"]), git.entry(old, str(act["file_path"])) is not None
        match act["action"], there:
            case "create", True:
                raise Refusal(400, "A file with this name already exists")
            case (("update" | "delete"), False):
                raise Refusal(400, "A file with this name doesn't exist")
            case "delete", _:
                files[path] = ("100644", None)
            case _:
                text = str(act.get("content") or "")
                data = base64.b64decode(text) if act.get("encoding") == "base64" else text.encode()
                files[path] = ("100644", git.write_blob(data))
    me = call.world.person(call.deed.by)
    sha = git.write_commit(git.write_tree(files, old), (old,), f"{fields.need('commit_message')}\n", (me, me))
    git.move(f"refs/heads/{branch}", sha, old)
    pushes.landed(call.deed, f"refs/heads/{branch}", old, sha)
    return answer(shapes.commit(call.world, call.repo, git.commit(sha)), 201)


# --- files ----------------------------------------------------------------------------------------------------------
def _file(call: RepoCall, path: str) -> tuple[str, Entry]:
    ref = request.args.get("ref") or call.repo.default_branch
    sha = call.repo.git.resolve(ref if ref != "HEAD" else call.repo.default_branch)
    if sha is None:
        raise missing("Commit")
    entry = call.repo.git.entry(sha, path)
    if entry is None or entry.kind != "blob":
        raise missing("File")
    return sha, entry


@on_project(room, "GET", "/repository/files/<path>", scopes=FILES)
def file(call: RepoCall, path: str) -> Response:
    sha, entry = _file(call, path)
    data = call.repo.git.blob(entry.sha)
    return answer(
        {
            "file_name": path.rpartition("/")[2],
            "file_path": path,
            "size": len(data),
            "encoding": "base64",
            "content_sha256": "",
            "ref": request.args.get("ref") or call.repo.default_branch,
            "blob_id": entry.sha,
            "commit_id": sha,
            "last_commit_id": sha,
            "execute_filemode": entry.mode == "100755",
            "content": base64.b64encode(data).decode(),
        }
    )


@on_project(room, "GET", "/repository/files/<path>/raw", scopes=FILES)
def raw_file(call: RepoCall, path: str) -> Response:
    _, entry = _file(call, path)
    return Response(call.repo.git.blob(entry.sha), content_type="text/plain; charset=utf-8")


@on_project(room, "GET", "/repository/tree")
def tree(call: RepoCall) -> Response:
    sha = commit_of(call, request.args.get("ref") or call.repo.default_branch)
    deep, path = request.args.get("recursive", "false").lower() == "true", request.args.get("path", "").strip("/")
    try:
        rows = call.repo.git.tree(sha, recursive=deep, path=path)
    except GitFailed:
        raise missing("Tree") from None
    return page(rows, shapes.entry)
