"""The requests that we make of GitLab's REST API, over python-gitlab, and the few fields of answers that we read."""

import time
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import gitlab
import msgspec
import requests
from gitlab.exceptions import GitlabHttpError
from msgspec import Struct

from bot.domain.errors import Invalid

T = TypeVar("T")
_MOST_ITEMS = 10_000
_PAGE = 100


class User(Struct):
    id: int
    username: str
    bot: bool | None = None
    state: str = "active"


class Project(Struct):
    id: int
    path_with_namespace: str
    http_url_to_repo: str
    visibility: str = "private"
    default_branch: str | None = None
    merge_method: str = "merge"
    squash_option: str = "default_off"


class Issue(Struct):
    iid: int
    title: str
    state: str
    description: str | None = None
    author: User | None = None


class DiffRefs(Struct):
    base_sha: str
    head_sha: str
    start_sha: str


class MergeRequest(Struct):
    iid: int
    title: str
    state: str
    source_branch: str
    target_branch: str
    source_project_id: int | None
    target_project_id: int
    sha: str | None
    web_url: str
    labels: list[str]
    draft: bool = False
    description: str | None = None
    author: User | None = None
    detailed_merge_status: str = "unchecked"
    has_conflicts: bool = False
    diff_refs: DiffRefs | None = None
    changes_count: str | None = None
    merge_commit_sha: str | None = None
    squash_commit_sha: str | None = None


class Commit(Struct):
    id: str
    author_email: str = ""
    committer_email: str = ""


class Branch(Struct):
    commit: Commit


class Diff(Struct):
    old_path: str
    new_path: str


class Label(Struct):
    name: str


class LabelEvent(Struct):
    id: int
    action: str
    created_at: str
    user: User | None = None
    label: Label | None = None


class Status(Struct):
    id: int
    name: str
    status: str
    description: str | None = None
    target_url: str | None = None
    allow_failure: bool = False
    author: User | None = None


class Pipeline(Struct):
    id: int
    source: str = "push"


class Job(Struct):
    id: int
    name: str
    status: str
    allow_failure: bool = False
    web_url: str | None = None


class Note(Struct):
    id: int
    body: str
    author: User | None = None
    system: bool = False


class Award(Struct):
    name: str
    user: User | None = None


class Member(Struct):
    access_level: int
    state: str = "active"
    membership_state: str = "active"


class File(Struct):
    encoding: str
    content: str


class Wire:
    """Asks one GitLab as one credential. Paths are below `/api/v4`; every part of them is to be encoded already.

    Nothing is repeated and no redirect is followed. With `pacing`, writes are a second apart.
    """

    def __init__(self, token: str, url: str, *, timeout: int, pacing: bool, ca_file: str | None) -> None:
        self.headers: Mapping[str, str] = {}
        self._pause = 1.0 if pacing else 0.0
        self._wrote = -self._pause
        self._session = requests.Session()
        self._session.trust_env = False  # no credentials from a .netrc, and no proxy that nobody asked for
        self._session.max_redirects = 0
        self._session.hooks["response"].append(self._heard)
        self._gitlab = gitlab.Gitlab(
            url,
            private_token=token,
            ssl_verify=ca_file or True,
            timeout=timeout,
            keep_base_url=True,
            session=self._session,
            user_agent="journeyman",
        )

    def close(self) -> None:
        """End the connections; the next request opens new ones."""
        self._session.close()

    def _heard(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    def get(self, path: str, kind: type[T], **query: Any) -> T:
        """Read one thing."""
        return msgspec.convert(self._ask("get", path, query).json(), kind)

    def list(self, path: str, kind: type[T], **query: Any) -> list[T]:
        """Read every page of a list; raises Invalid rather than giving a part of one that is too long."""
        found: list[T] = []
        page = "1"
        while page:
            answer = self._ask("get", path, {**query, "per_page": _PAGE, "page": page})
            found += msgspec.convert(answer.json(), list[kind])  # type: ignore[valid-type]
            page = _next(answer)
            if len(found) > _MOST_ITEMS:
                raise Invalid(f"GitLab lists more than {_MOST_ITEMS} entries here; that is too much to judge")
        return found

    def write(self, verb: str, path: str, kind: type[T], **fields: Any) -> T:
        """Create or change something, and return what GitLab says of it then."""
        wait = self._wrote + self._pause - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        try:
            answer = self._gitlab.http_request(verb, path, post_data=fields, obey_rate_limit=False)
        finally:
            self._wrote = time.monotonic()
        return msgspec.convert(answer.json(), kind)

    def _ask(self, verb: str, path: str, query: dict[str, Any]) -> requests.Response:
        return self._gitlab.http_request(verb, path, query_data=query, obey_rate_limit=False)


def _next(answer: requests.Response) -> str:
    """Return the number of the next page, empty after the last; long lists name it in the `Link` header only."""
    given = answer.headers.get("X-Next-Page")
    if given is not None:
        return given if given.isdigit() else ""
    link = answer.links.get("next", {}).get("url", "")
    pairs = [part.partition("=") for part in urlsplit(link).query.split("&")]
    return next((value for name, _, value in pairs if name == "page" and value.isdigit()), "")


def refused(error: GitlabHttpError) -> str:
    """Return GitLab's words of an error."""
    return str(error.error_message or "")[:300]
