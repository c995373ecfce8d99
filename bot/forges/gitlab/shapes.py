"""The few fields that we read of GitLab's answers. What has no default is always there: without it nothing is read."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from bot.forges.payload import Id, Login, Sha

Text = Annotated[str, Meta(min_length=1)]


class User(Struct):
    id: Id
    username: Login
    state: str = "active"
    bot: bool | None = None
    email: str | None = None
    commit_email: str | None = None
    public_email: str | UnsetType | None = UNSET


class Member(Struct):
    access_level: int
    state: str = "active"
    membership_state: str = "active"


class Project(Struct):
    id: Id
    http_url_to_repo: Text
    visibility: str
    default_branch: str | None
    squash_option: str = "default_off"


class Issue(Struct):
    iid: Id
    title: str
    state: Text
    description: str | None = None
    author: User | None = None


class DiffRefs(Struct):
    head_sha: Sha
    start_sha: Sha


class Pipeline(Struct):
    id: Id
    sha: Sha
    status: str
    ref: str | None = None
    source: str = "push"


class HeadPipeline(Struct):
    """GitLab's own choice among a change's pipelines."""

    sha: Sha
    id: Id | None = None
    ref: str | None = None


class Made(Struct):
    """A merge request as far as it must be known right after a write; all else is read again."""

    iid: Id


class MergeRequestRow(Struct):
    """A merge request in a list."""

    iid: Id
    state: Text
    sha: Sha | None
    source_branch: Text
    source_project_id: int | None
    target_project_id: int | None


class MergeRequest(Struct):
    iid: Id
    title: str
    state: Text
    sha: Sha | None
    source_branch: Text
    target_branch: Text
    labels: list[str]
    draft: bool
    detailed_merge_status: Text
    diff_refs: DiffRefs | None
    changes_count: str | None
    merge_commit_sha: Sha | None
    squash_commit_sha: Sha | None
    description: str | None = None
    author: User | None = None
    has_conflicts: bool = False
    head_pipeline: HeadPipeline | None = None
    web_url: str = ""

    @property
    def landed(self) -> str | None:
        """The commit that came onto the target branch: there is no other than the head's where nothing was made."""
        if self.state != "merged":
            return None
        return self.merge_commit_sha or self.squash_commit_sha or self.sha


class Commit(Struct):
    id: Sha
    author_email: str
    committer_email: str


class Branch(Struct):
    commit: Commit


class Diff(Struct):
    old_path: Text
    new_path: Text


class Entry(Struct):
    path: str
    mode: str


class File(Struct):
    content: str
    encoding: str


class Label(Struct):
    name: str


class LabelEvent(Struct):
    id: Id
    action: str
    created_at: Text
    user: User | None
    label: Label | None


class Status(Struct):
    """A job or a status that somebody reported: GitLab lists the two together."""

    id: Id
    name: str
    status: str
    description: str | None = None
    target_url: str | None = None
    allow_failure: bool = False
    pipeline_id: int | None = None
    author: User | None = None


class Job(Struct):
    id: Id
    name: str
    status: str
    allow_failure: bool = False
    web_url: str | None = None


class Note(Struct):
    id: Id
    body: str
    author: User | None = None
    system: bool = False


class Award(Struct):
    name: str
    user: User | None = None
