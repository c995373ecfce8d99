"""References, trees, commits and blobs, and files by path."""

import base64
import binascii
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request

from bot.devforge.acts import pushes
from bot.devforge.call import Body, Problem, RepoCall, answer, invalid, not_found, on_repo
from bot.devforge.gitrepo import GitFailed
from bot.devforge.gitvalues import Person
from bot.devforge.shapes import repos
from bot.domain.change import Role

room = Blueprint("gitdata", __name__)
_MODES = ("100644", "100755", "040000", "160000", "120000")


def _refuse_protected(call: RepoCall, ref: str) -> None:
    branch = ref.removeprefix("refs/heads/")
    if not ref.startswith(("refs/heads/", "refs/tags/")):
        raise invalid("Reference", "ref", "custom", "Reference name must start with refs/heads/ or refs/tags/")
    if ref.startswith("refs/heads/") and branch in call.repo.protected:
        raise Problem(422, f"Protected branch update failed for {ref}: changes go through a pull request.")


@on_repo(room, "GET", "/git/ref/<path:ref>")
def reference(call: RepoCall, ref: str) -> Response:
    sha = call.repo.git.refs(f"refs/{ref}").get(f"refs/{ref}")
    if sha is None:
        raise not_found()
    return answer(repos.git_ref(call.world, call.repo, f"refs/{ref}", sha))


@on_repo(room, "GET", "/git/matching-refs/<path:ref>")
def matching(call: RepoCall, ref: str) -> Response:
    found = {name: sha for name, sha in call.repo.git.refs().items() if name.startswith(f"refs/{ref}")}
    return answer([repos.git_ref(call.world, call.repo, name, sha) for name, sha in found.items()])


@on_repo(room, "POST", "/git/refs", Role.WRITE)
def create_ref(call: RepoCall) -> Response:
    body = Body("Reference")
    ref, sha = body.need("ref"), body.need("sha")
    _refuse_protected(call, ref)
    if call.repo.git.resolve(sha) != sha:
        raise Problem(422, "Object does not exist")
    if ref in call.repo.git.refs():
        raise Problem(422, "Reference already exists")
    _move(call, ref, sha, None)
    return answer(repos.git_ref(call.world, call.repo, ref, sha), 201)


def _move(call: RepoCall, ref: str, new: str | None, old: str | None) -> None:
    try:
        call.repo.git.move(ref, new, old)
    except GitFailed as error:
        raise Problem(422, f"Reference update failed: {error}") from error
    pushes.landed(call.deed, ref, old, new)


@on_repo(room, "PATCH", "/git/refs/<path:ref>", Role.WRITE)
def update_ref(call: RepoCall, ref: str) -> Response:
    body = Body("Reference")
    ref, sha = f"refs/{ref}", body.need("sha")
    _refuse_protected(call, ref)
    old = call.repo.git.refs().get(ref)
    if old is None:
        raise Problem(422, "Reference does not exist")
    if call.repo.git.resolve(sha) != sha:
        raise Problem(422, "Object does not exist")
    if not body.get("force", bool, False) and not call.repo.git.is_ancestor(old, sha):
        raise Problem(422, "Update is not a fast forward")
    if old != sha:
        _move(call, ref, sha, old)
    return answer(repos.git_ref(call.world, call.repo, ref, sha))


@on_repo(room, "DELETE", "/git/refs/<path:ref>", Role.WRITE)
def delete_ref(call: RepoCall, ref: str) -> Response:
    ref = f"refs/{ref}"
    _refuse_protected(call, ref)
    old = call.repo.git.refs().get(ref)
    if old is None:
        raise Problem(422, "Reference does not exist")
    _move(call, ref, None, old)
    return answer(None, 204)


@on_repo(room, "GET", "/git/trees/<path:name_of>")
def tree(call: RepoCall, name_of: str) -> Response:
    git = call.repo.git
    sha = git.resolve(name_of, "tree")
    if sha is None:
        raise not_found()
    return answer(_tree(call, sha, recursive=bool(request.args.get("recursive"))))


def _tree(call: RepoCall, sha: str, *, recursive: bool) -> dict[str, Any]:
    root = f"{repos.root(call.world, call.repo)}/git"
    rows = []
    for entry in call.repo.git.tree(sha, recursive=recursive):
        url = f"{root}/{'blobs' if entry.kind == 'blob' else 'trees'}/{entry.sha}"
        row = {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha, "url": url}
        rows.append(row if entry.size is None else {**row, "size": entry.size})
    return {"sha": sha, "url": f"{root}/trees/{sha}", "tree": rows, "truncated": False}


@on_repo(room, "POST", "/git/trees", Role.WRITE)
def create_tree(call: RepoCall) -> Response:
    body = Body("Tree")
    git = call.repo.git
    files: dict[str, tuple[str, str | None]] = {}
    for row in body.get("tree", list, []):
        if not isinstance(row, dict) or row.get("mode") not in _MODES or not isinstance(row.get("path"), str):
            raise invalid("Tree", "tree", "invalid")
        sha = row.get("sha")
        if isinstance(row.get("content"), str):
            sha = git.write_blob(row["content"].encode())
        files[row["path"]] = (row["mode"], sha)
    base = body.text("base_tree")
    if base and git.resolve(base, "tree") is None:
        raise invalid("Tree", "base_tree", "invalid")
    try:
        sha = git.write_tree(files, git.resolve(base, "tree") if base else None)
    except GitFailed as error:
        raise Problem(422, f"tree could not be written: {error}") from error
    return answer(_tree(call, sha, recursive=False), 201)


@on_repo(room, "GET", "/git/commits/<sha>")
def commit(call: RepoCall, sha: str) -> Response:
    if call.repo.git.resolve(sha) != sha:
        raise not_found()
    return answer(repos.git_commit(call.world, call.repo, call.repo.git.commit(sha)))


@on_repo(room, "POST", "/git/commits", Role.WRITE)
def create_commit(call: RepoCall) -> Response:
    body = Body("Commit")
    git = call.repo.git
    tree_sha = git.resolve(body.need("tree"), "tree")
    parents = tuple(git.resolve(str(parent)) or "" for parent in body.get("parents", list, []))
    if tree_sha is None or "" in parents:
        raise Problem(422, "Tree SHA does not exist" if tree_sha is None else "Parent SHA does not exist")
    me = call.world.person(call.actor)
    author = _person(body.get("author", dict, {}), me)
    committer = _person(body.get("committer", dict, {}), author)
    sha = git.write_commit(tree_sha, parents, body.need("message"), (author, committer))
    return answer(repos.git_commit(call.world, call.repo, git.commit(sha)), 201)


def _person(row: dict[str, Any], default: Person) -> Person:
    return Person(str(row.get("name") or default.name), str(row.get("email") or default.email), default.at)


@on_repo(room, "GET", "/git/blobs/<sha>")
def blob(call: RepoCall, sha: str) -> Response:
    if call.repo.git.resolve(sha, "blob") != sha:
        raise not_found()
    data = call.repo.git.blob(sha)
    text = base64.encodebytes(data).decode()
    url = f"{repos.root(call.world, call.repo)}/git/blobs/{sha}"
    row = {"sha": sha, "node_id": f"B_{sha}", "size": len(data), "url": url, "content": text, "encoding": "base64"}
    return answer(row)


@on_repo(room, "POST", "/git/blobs", Role.WRITE)
def create_blob(call: RepoCall) -> Response:
    body = Body("Blob")
    data = body.text("content").encode()
    if body.text("encoding", "utf-8") == "base64":
        try:
            data = base64.b64decode(data, validate=False)
        except binascii.Error:
            raise invalid("Blob", "content", "invalid") from None
    sha = call.repo.git.write_blob(data)
    return answer({"url": f"{repos.root(call.world, call.repo)}/git/blobs/{sha}", "sha": sha}, 201)


@on_repo(room, "GET", "/contents/")
def contents_root(call: RepoCall) -> Response:
    return contents(call, "")


@on_repo(room, "GET", "/contents/<path:path>")
def contents(call: RepoCall, path: str) -> Response:
    git = call.repo.git
    ref = request.args.get("ref") or call.repo.default_branch
    sha = git.resolve(ref)
    if sha is None:
        raise Problem(404, f"No commit found for the ref {ref}")
    path = path.strip("/")
    entry = git.entry(sha, path) if path else None
    if path and entry is None:
        raise not_found()
    if entry is None or entry.kind == "tree":
        below = [replace(child, path=f"{path}/{child.path}".strip("/")) for child in git.tree(sha, path=path)]
        return answer([repos.content(call.world, call.repo, ref, child) for child in below])
    row = repos.content(call.world, call.repo, ref, entry)
    if entry.kind != "blob":
        return answer({**row, "submodule_git_url": ""})
    data = git.blob(entry.sha)
    if "application/vnd.github.raw" in request.headers.get("Accept", ""):
        return Response(data, content_type="application/vnd.github.raw; charset=utf-8")
    return answer({**row, "encoding": "base64", "content": base64.encodebytes(data).decode()})
