"""Repositories, branches, commits and files."""

from typing import Any
from urllib.parse import quote

from bot.devforge.gitvalues import Commit, Entry, FileDiff, Person, stamp
from bot.devforge.model import Protection, Repository, User
from bot.devforge.shapes.people import simple_user
from bot.devforge.world import World
from bot.domain.change import Role

Json = dict[str, Any]

_LINKS = {
    "archive_url": "{archive_format}{/ref}",
    "assignees_url": "assignees{/user}",
    "blobs_url": "git/blobs{/sha}",
    "branches_url": "branches{/branch}",
    "collaborators_url": "collaborators{/collaborator}",
    "comments_url": "comments{/number}",
    "commits_url": "commits{/sha}",
    "compare_url": "compare/{base}...{head}",
    "contents_url": "contents/{+path}",
    "contributors_url": "contributors",
    "deployments_url": "deployments",
    "downloads_url": "downloads",
    "events_url": "events",
    "forks_url": "forks",
    "git_commits_url": "git/commits{/sha}",
    "git_refs_url": "git/refs{/sha}",
    "git_tags_url": "git/tags{/sha}",
    "hooks_url": "hooks",
    "issue_comment_url": "issues/comments{/number}",
    "issue_events_url": "issues/events{/number}",
    "issues_url": "issues{/number}",
    "keys_url": "keys{/key_id}",
    "labels_url": "labels{/name}",
    "languages_url": "languages",
    "merges_url": "merges",
    "milestones_url": "milestones{/number}",
    "notifications_url": "notifications{?since,all,participating}",
    "pulls_url": "pulls{/number}",
    "releases_url": "releases{/id}",
    "stargazers_url": "stargazers",
    "statuses_url": "statuses/{sha}",
    "subscribers_url": "subscribers",
    "subscription_url": "subscription",
    "tags_url": "tags",
    "teams_url": "teams",
    "trees_url": "git/trees{/sha}",
}


def root(world: World, repo: Repository) -> str:
    """Return the REST address of a repository."""
    return f"{world.api}/repos/{repo.full_name}"


def html(world: World, repo: Repository) -> str:
    """Return the page of a repository."""
    return f"{world.address}/{repo.full_name}"


def minimal_repo(world: World, repo: Repository) -> Json:
    """Write a `minimal-repository`."""
    api = root(world, repo)
    return {
        "id": repo.id,
        "node_id": f"R_{repo.id}",
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": simple_user(world, repo.owner),
        "html_url": html(world, repo),
        "description": repo.description or None,
        "fork": False,
        "url": api,
        **{key: f"{api}/{tail}" for key, tail in _LINKS.items()},
    }


def repository(world: World, repo: Repository) -> Json:
    """Write a `repository`."""
    open_issues = sum(issue.state == "open" for issue in repo.issues.values())
    clone = html(world, repo) + ".git"
    return {
        **minimal_repo(world, repo),
        "created_at": stamp(repo.created),
        "updated_at": stamp(repo.pushed or repo.created),
        "pushed_at": stamp(repo.pushed or repo.created),
        "git_url": clone,
        "ssh_url": clone,
        "clone_url": clone,
        "svn_url": clone,
        "homepage": None,
        "size": 1,
        **dict.fromkeys(("stargazers_count", "watchers_count", "forks_count", "forks", "watchers"), 0),
        "language": "Python",
        **dict.fromkeys(("has_issues", "allow_squash_merge", "allow_merge_commit", "allow_rebase_merge"), True),
        **dict.fromkeys(("has_projects", "has_downloads", "has_wiki", "has_pages", "has_discussions"), False),
        "mirror_url": None,
        **dict.fromkeys(("archived", "disabled", "delete_branch_on_merge", "allow_auto_merge", "is_template"), False),
        "open_issues_count": open_issues,
        "open_issues": open_issues,
        "license": None,
        "visibility": "private" if repo.private else "public",
        "default_branch": repo.default_branch,
        "topics": [],
    }


def full_repo(world: World, repo: Repository, user: User | None) -> Json:
    """Write a `full-repository` as one user sees it."""
    return {
        **repository(world, repo),
        "permissions": permissions(repo.role(user)),
        "network_count": 0,
        "subscribers_count": 0,
    }


def permissions(role: Role) -> dict[str, bool]:
    """Write what a role may do."""
    return {
        "admin": role.at_least(Role.ADMIN),
        "maintain": role.at_least(Role.MAINTAIN),
        "push": role.at_least(Role.WRITE),
        "triage": role.at_least(Role.TRIAGE),
        "pull": role.at_least(Role.READ),
    }


def _git_user(person: Person) -> Json:
    return {"name": person.name, "email": person.email, "date": stamp(person.at)}


def _tree(world: World, repo: Repository, sha: str) -> Json:
    return {"sha": sha, "url": f"{root(world, repo)}/git/trees/{sha}"}


_UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def commit(world: World, repo: Repository, one: Commit) -> Json:
    """Write a `commit`."""
    api, page = root(world, repo), html(world, repo)
    author, committer = world.author(one.author.email), world.author(one.committer.email)
    return {
        "sha": one.sha,
        "node_id": f"C_{one.sha}",
        "url": f"{api}/commits/{one.sha}",
        "html_url": f"{page}/commit/{one.sha}",
        "comments_url": f"{api}/commits/{one.sha}/comments",
        "commit": {
            "author": _git_user(one.author),
            "committer": _git_user(one.committer),
            "message": one.message.rstrip("\n"),
            "tree": _tree(world, repo, one.tree),
            "url": f"{api}/git/commits/{one.sha}",
            "comment_count": 0,
            "verification": _UNSIGNED,
        },
        "author": simple_user(world, author) if author else None,
        "committer": simple_user(world, committer) if committer else None,
        "parents": [_parent(world, repo, parent) for parent in one.parents],
    }


def _parent(world: World, repo: Repository, sha: str) -> Json:
    return {
        "sha": sha,
        "url": f"{root(world, repo)}/commits/{sha}",
        "html_url": f"{html(world, repo)}/commit/{sha}",
    }


def full_commit(world: World, repo: Repository, one: Commit, files: tuple[FileDiff, ...]) -> Json:
    """Write a `commit` with its files and counts."""
    added, gone = sum(f.additions for f in files), sum(f.deletions for f in files)
    return {
        **commit(world, repo, one),
        "stats": {"additions": added, "deletions": gone, "total": added + gone},
        "files": [diff_entry(world, repo, one.sha, file) for file in files],
    }


def git_commit(world: World, repo: Repository, one: Commit) -> Json:
    """Write a `git-commit`."""
    return {
        "sha": one.sha,
        "node_id": f"C_{one.sha}",
        "url": f"{root(world, repo)}/git/commits/{one.sha}",
        "html_url": f"{html(world, repo)}/commit/{one.sha}",
        "author": _git_user(one.author),
        "committer": _git_user(one.committer),
        "tree": _tree(world, repo, one.tree),
        "message": one.message.rstrip("\n"),
        "parents": [_parent(world, repo, parent) for parent in one.parents],
        "verification": _UNSIGNED,
    }


def diff_entry(world: World, repo: Repository, sha: str, file: FileDiff) -> Json:
    """Write a `diff-entry`."""
    path = quote(file.path)
    row: Json = {
        "sha": file.sha,
        "filename": file.path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": f"{html(world, repo)}/blob/{sha}/{path}",
        "raw_url": f"{html(world, repo)}/raw/{sha}/{path}",
        "contents_url": f"{root(world, repo)}/contents/{path}?ref={sha}",
    }
    if file.patch:
        row["patch"] = file.patch
    if file.before:
        row["previous_filename"] = file.before
    return row


def git_ref(world: World, repo: Repository, ref: str, sha: str) -> Json:
    """Write a `git-ref`."""
    api = root(world, repo)
    return {
        "ref": ref,
        "node_id": f"REF_{quote(ref, safe='')}",
        "url": f"{api}/git/{quote(ref)}",
        "object": {"type": "commit", "sha": sha, "url": f"{api}/git/commits/{sha}"},
    }


def protection(world: World, repo: Repository, branch: str, rule: Protection) -> Json:
    """Write a `branch-protection`."""
    url = f"{root(world, repo)}/branches/{quote(branch, safe='')}/protection"
    contexts = list(rule.contexts)
    return {
        "url": url,
        "enabled": True,
        "required_status_checks": {
            "url": f"{url}/required_status_checks",
            "strict": False,
            "contexts": contexts,
            "contexts_url": f"{url}/required_status_checks/contexts",
            "checks": [{"context": name, "app_id": None} for name in contexts],
        },
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": True},
        "allow_force_pushes": {"enabled": False},
        "allow_deletions": {"enabled": False},
    }


def branch(world: World, repo: Repository, name: str, tip: Commit) -> Json:
    """Write a `branch-with-protection`."""
    url = f"{root(world, repo)}/branches/{quote(name, safe='')}"
    rule = repo.protected.get(name)
    return {
        "name": name,
        "commit": commit(world, repo, tip),
        "_links": {"self": url, "html": f"{html(world, repo)}/tree/{quote(name)}"},
        "protected": rule is not None,
        "protection": protection(world, repo, name, rule) if rule else {"enabled": False},
        "protection_url": f"{url}/protection",
    }


def short_branch(world: World, repo: Repository, name: str, sha: str) -> Json:
    """Write a `short-branch`."""
    commit_url = f"{root(world, repo)}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": commit_url}, "protected": name in repo.protected}


def content(world: World, repo: Repository, ref: str, entry: Entry) -> Json:
    """Write a file or a folder without what is in it."""
    kind = {"blob": "file", "tree": "dir", "commit": "submodule"}[entry.kind]
    path = quote(entry.path)
    self_url = f"{root(world, repo)}/contents/{path}?ref={quote(ref, safe='')}"
    git_url = f"{root(world, repo)}/git/{'blobs' if kind == 'file' else 'trees'}/{entry.sha}"
    page = f"{html(world, repo)}/blob/{quote(ref)}/{path}"
    return {
        "type": kind,
        "name": entry.path.rsplit("/", 1)[-1],
        "path": entry.path,
        "sha": entry.sha,
        "size": entry.size or 0,
        "url": self_url,
        "git_url": git_url,
        "html_url": page,
        "download_url": f"{html(world, repo)}/raw/{quote(ref)}/{path}" if kind == "file" else None,
        "_links": {"self": self_url, "git": git_url, "html": page},
    }
