"""Where each forge is asked for the same thing: method and the pattern of the path below the repository's."""

import re
from collections.abc import Iterable

from flask import request

from bot.devforge.gitlab.call import SLASH

GITHUB = {
    "react": ("POST", "/issues/comments/[0-9]+/reactions"),
    "comment": ("POST", "/issues/1/comments"),
    "edit comment": ("PATCH", "/issues/comments/[0-9]+"),
    "open change": ("POST", "/pulls"),
    "show gate": ("POST", "/check-runs"),
    "set status": ("POST", "/statuses/.*"),
    "merge": ("PUT", "/pulls/[0-9]+/merge"),
    "close issue": ("PATCH", "/issues/1"),
    "repository": ("GET", ""),
    "role": ("GET", "/collaborators/.*"),
    "change": ("GET", "/pulls/2"),
    "files": ("GET", "/pulls/2/files"),
    "checks": ("GET", "/commits/.*/check-runs"),
}
GITLAB = {
    "react": ("POST", "/issues/1/notes/[0-9]+/award_emoji"),
    "comment": ("POST", "/issues/1/notes"),
    "edit comment": ("PUT", "/issues/1/notes/[0-9]+"),
    "open change": ("POST", "/merge_requests"),
    "show gate": ("POST", "/statuses/.*"),
    "set status": ("POST", "/statuses/.*"),
    "merge": ("PUT", "/merge_requests/[0-9]+/merge"),
    "close issue": ("PUT", "/issues/1"),
    "repository": ("GET", ""),
    "role": ("GET", "/members/all/.*"),
    "change": ("GET", "/merge_requests/1"),
    "files": ("GET", "/merge_requests/1/diffs"),
    "checks": ("GET", "/repository/commits/.*/statuses"),
}


def asked_for() -> str:
    """Return the path of the request that is being answered, all slashes alike."""
    return request.path.replace(SLASH, "/")


def by(tokens: Iterable[str]) -> bool:
    """Tell whether the request that is being answered shows one of these tokens."""
    shown = f"{request.headers.get('Authorization', '')} {request.headers.get('PRIVATE-TOKEN', '')}".split()
    return bool(set(tokens) & set(shown))


def route(dialect: str, repo: str, name: str) -> tuple[str, str]:
    """Return method and pattern of a request about a repository."""
    place = re.escape(repo)
    if name == "push":
        return "POST", f"^/{place}.git/git-receive-pack$"
    if name == "git":
        return "GET", f"^/{place}.git/info/refs$"
    if dialect == "github":
        method, path = GITHUB[name]
        return method, f"^/api/v3/repos/{place}{path}$"
    method, path = GITLAB[name]
    slash = place.replace("/", "(?:/|%2F)")
    return method, f"^/api/v4/projects/(?:{slash}|[0-9]+){path}$"
