"""The host's git through the address and the credential that the GitHub adapter hands out, over HTTP."""

from collections.abc import Iterator

import pytest

from bot.adapters.git import Git
from bot.domain.change import Remote
from bot.domain.errors import Denied, Stale, Unavailable
from bot.ports import CommitResult
from bot.ports import Git as GitPort
from tests.contract.forge_rig import PLAN, REPO, Rig, permission_to_merge, permission_to_open, running

PATCH = b"diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n"
GIT: GitPort = Git()


@pytest.fixture
def rig() -> Iterator[Rig]:
    with running() as made:
        yield made


def commit(rig: Rig, branch: str = "agent/one", remote: Remote | None = None) -> CommitResult:
    return GIT.commit_patch(
        remote or rig.forge.remote(REPO, "write"),
        base_sha=rig.base,
        patch=PATCH,
        branch=branch,
        message="Say two\n",
        author=("Journeyman", "journeyman@example.invalid"),
        date_epoch=1_700_000_000,
    )


def test_the_remote_serves_git_and_carries_the_secret_apart(rig: Rig) -> None:
    remote = rig.forge.remote(REPO, "read")
    assert rig.token not in remote.url
    assert (remote.username, remote.secret) == ("x-access-token", rig.token)
    assert b"src/code.py" in GIT.snapshot(remote, rig.base)


def test_a_patch_is_pushed_and_the_forge_agrees_about_it(rig: Rig) -> None:
    made = commit(rig)
    assert commit(rig) == made
    assert rig.forge.head(REPO, "agent/one") == made.sha
    assert rig.call("ann", "GET", f"/git/commits/{made.sha}")["tree"]["sha"] == made.tree
    assert rig.forge.file(REPO, "a.txt", made.sha) == "two\n"


def test_work_of_others_stays(rig: Rig) -> None:
    theirs = rig.push("agent/one", {"theirs.txt": "x\n"})
    with pytest.raises(Stale):
        commit(rig)
    assert rig.forge.head(REPO, "agent/one") == theirs


def test_a_push_that_happened_behind_an_error_is_found(rig: Rig) -> None:
    rig.dev.fail_next("POST", "git-receive-pack$", status=502, after_effect=True)
    made = commit(rig)
    assert rig.forge.head(REPO, "agent/one") == made.sha


def test_a_wrong_credential_is_waited_for_without_telling_it(rig: Rig) -> None:
    remote = rig.forge.remote(REPO, "write")
    with pytest.raises(Unavailable, match="check the token") as caught:
        commit(rig, remote=Remote(remote.url, remote.username, "a-wrong-secret"))
    assert "a-wrong-secret" not in str(caught.value)


def test_a_credential_that_may_only_read_is_denied(rig: Rig) -> None:
    remote = rig.forge.remote(REPO, "write")
    weak = rig.dev.add_token("journeyman[bot]", access="read")
    with pytest.raises(Denied):
        commit(rig, remote=Remote(remote.url, remote.username, weak))


def test_a_protected_branch_is_denied(rig: Rig) -> None:
    rig.dev.protect(REPO.name, "agent/shut")
    with pytest.raises(Denied, match="protected"):
        commit(rig, "agent/shut")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_every_way_of_merging_lands_what_was_permitted(method: str) -> None:
    with running(merge_method=method) as rig:
        commit(rig)
        permit = permission_to_open()
        change = rig.forge.ensure_change(
            REPO, branch="agent/one", base="main", title="T", body="B", plan=PLAN, permit=permit
        )
        rig.dev.open_issue(REPO.name, "meanwhile", "", by="ann")
        ref = rig.ref(change.number)
        landed = rig.forge.merge(ref, permission_to_merge(ref), title="T", message="B")
        verdict = GIT.landed(rig.forge.remote(REPO, "read"), head_sha=ref.head_sha, merged_sha=landed)
        assert verdict[0], verdict[1]
