"""The host's git through the address and the credential that an adapter hands out, over HTTP."""

from collections.abc import Iterator

import pytest

from bot.adapters.git import Git
from bot.domain.change import Remote
from bot.domain.errors import Denied, Stale, Unavailable
from bot.ports import CommitResult
from bot.ports import Git as GitPort
from tests.contract.forge_rig import Rig, running
from tests.contract.gitlab_rig import GitLabRig

PATCH = b"diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n"
GIT: GitPort = Git()


USERS = {"github": "x-access-token", "gitlab": "oauth2"}


@pytest.fixture(params=["github", "gitlab"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with running(request.param) as made:
        yield made


def commit(rig: Rig, branch: str = "agent/one", remote: Remote | None = None) -> CommitResult:
    return GIT.commit_patch(
        remote or rig.forge.remote(rig.repo, "write"),
        base_sha=rig.base,
        patch=PATCH,
        branch=branch,
        message="Say two\n",
        author=("Journeyman", "journeyman@example.invalid"),
        date_epoch=1_700_000_000,
    )


def test_the_remote_serves_git_and_carries_the_secret_apart(rig: Rig) -> None:
    remote = rig.forge.remote(rig.repo, "read")
    assert rig.token not in remote.url
    assert (remote.username, remote.secret) == (USERS[rig.dialect], rig.token)
    assert b"src/code.py" in GIT.snapshot(remote, rig.base)


def test_a_patch_is_pushed_and_the_forge_agrees_about_it(rig: Rig) -> None:
    made = commit(rig)
    assert commit(rig) == made
    assert rig.forge.head(rig.repo, "agent/one") == made.sha
    assert rig.forge.file(rig.repo, "a.txt", made.sha) == "two\n"


def test_work_of_others_stays(rig: Rig) -> None:
    theirs = rig.push("agent/one", {"theirs.txt": "x\n"})
    with pytest.raises(Stale):
        commit(rig)
    assert rig.forge.head(rig.repo, "agent/one") == theirs


def test_a_push_that_happened_behind_an_error_is_found(rig: Rig) -> None:
    rig.dev.fail_next("POST", "git-receive-pack$", status=502, after_effect=True)
    made = commit(rig)
    assert rig.forge.head(rig.repo, "agent/one") == made.sha


def test_a_wrong_credential_is_waited_for_without_telling_it(rig: Rig) -> None:
    remote = rig.forge.remote(rig.repo, "write")
    with pytest.raises(Unavailable, match="check the token") as caught:
        commit(rig, remote=Remote(remote.url, remote.username, "a-wrong-secret"))
    assert "a-wrong-secret" not in str(caught.value)


def test_a_credential_that_may_only_read_is_denied(rig: Rig) -> None:
    remote = rig.forge.remote(rig.repo, "write")
    weak = rig.dev.add_token(rig.me, access="read")
    with pytest.raises(Denied):
        commit(rig, remote=Remote(remote.url, remote.username, weak))


def test_a_protected_branch_is_denied(rig: Rig) -> None:
    rig.dev.protect(rig.repo.name, "agent/shut")
    with pytest.raises(Denied, match="protected"):
        commit(rig, "agent/shut")


def lands(rig: Rig) -> None:
    """Merge a change and see that the host's own git takes what landed for what was permitted."""
    commit(rig)
    ref = rig.ref(rig.ensure())
    landed = rig.merge(ref)
    assert rig.forge.head(rig.repo, "main") == landed
    verdict = GIT.landed(rig.forge.remote(rig.repo, "read"), head_sha=ref.head_sha, merged_sha=landed)
    assert verdict[0], verdict[1]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_every_way_in_which_github_merges_lands_what_was_permitted(method: str) -> None:
    with running("github", merge_method=method) as rig:
        lands(rig)


@pytest.mark.parametrize("squash", ["never", "always"])
@pytest.mark.parametrize("method", ["merge", "rebase_merge", "ff"])
def test_every_way_in_which_gitlab_merges_lands_what_was_permitted(method: str, squash: str) -> None:
    with running("gitlab") as rig:
        assert isinstance(rig, GitLabRig)
        rig.settle(merge_method=method, squash_option=squash)
        lands(rig)


@pytest.mark.parametrize("squash", ["never", "always"])
def test_a_merge_onto_a_branch_that_moved_lands_what_was_permitted(squash: str) -> None:
    with running("gitlab") as rig:
        assert isinstance(rig, GitLabRig)
        rig.settle(squash_option=squash)
        rig.merge(rig.ref(rig.open("agent/first", {"first.txt": "x\n"})))
        lands(rig)
