"""The gate: when it gives a permit, and that nobody else can make one."""

from dataclasses import replace

import pytest

from bot.domain.change import Ref, Repo
from bot.policy.gate import NotPermitted, Permit, permit_merge, permit_open
from tests.builders import HEAD, OTHER, POLICY, REPO

REF = Ref(REPO, 8, HEAD)


def test_an_approved_head_may_be_merged() -> None:
    permit = permit_merge(REF, policy=POLICY, state="approved", judged_sha=HEAD)
    permit.demand("merge", REPO, HEAD)
    assert (permit.effect, permit.repo, permit.subject, permit.policy) == ("merge", REPO, HEAD, POLICY)


@pytest.mark.parametrize("state", ["pending", "blocked", "", "Approved", "approved "])
def test_no_other_state_permits_a_merge(state: str) -> None:
    with pytest.raises(NotPermitted, match="nothing permits merging"):
        permit_merge(REF, policy=POLICY, state=state, judged_sha=HEAD)


@pytest.mark.parametrize(
    ("judged", "head"), [(OTHER, HEAD), (HEAD, OTHER), (HEAD[:12], HEAD), (HEAD.upper(), HEAD), ("", "")]
)
def test_a_verdict_on_another_head_permits_nothing(judged: str, head: str) -> None:
    with pytest.raises(NotPermitted, match="nothing permits merging"):
        permit_merge(Ref(REPO, 8, head), policy=POLICY, state="approved", judged_sha=judged)


def test_a_frozen_and_approved_plan_may_become_a_change() -> None:
    permit = permit_open(REPO, plan="d1", approved=True, policy=POLICY)
    permit.demand("open_change", REPO, "d1")
    assert (permit.effect, permit.repo, permit.subject, permit.policy) == ("open_change", REPO, "d1", POLICY)


@pytest.mark.parametrize(("plan", "approved"), [("", True), ("d1", False), ("", False)])
def test_any_other_plan_may_not(plan: str, approved: bool) -> None:
    with pytest.raises(NotPermitted, match="not frozen or not approved"):
        permit_open(REPO, plan=plan, approved=approved, policy=POLICY)


@pytest.mark.parametrize(
    ("effect", "repo", "subject"),
    [
        ("open_change", REPO, HEAD),
        ("merge", Repo("github", "octo/other"), HEAD),
        ("merge", Repo("gitlab", REPO.name), HEAD),
        ("merge", REPO, OTHER),
        ("merge", REPO, ""),
    ],
)
def test_a_permit_is_for_one_thing_only(effect: str, repo: Repo, subject: str) -> None:
    permit = permit_merge(REF, policy=POLICY, state="approved", judged_sha=HEAD)
    with pytest.raises(NotPermitted, match="this permit is for merge"):
        permit.demand(effect, repo, subject)  # type: ignore[arg-type]


@pytest.mark.parametrize("proof", [b"", b"x" * 32])
def test_nobody_else_makes_a_permit(proof: bytes) -> None:
    with pytest.raises(NotPermitted, match="made by"):
        Permit("merge", REPO, HEAD, POLICY, proof)


@pytest.mark.parametrize(
    "changes",
    [{"effect": "open_change"}, {"repo": Repo("github", "a/b")}, {"subject": OTHER}, {"policy": "00" * 32}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_permit_cannot_be_changed_into_another(changes: dict[str, object]) -> None:
    permit = permit_merge(REF, policy=POLICY, state="approved", judged_sha=HEAD)
    assert replace(permit) == permit
    with pytest.raises(NotPermitted, match="made by"):
        replace(permit, **changes)  # type: ignore[arg-type]


def test_the_proof_of_a_permit_is_never_shown() -> None:
    permit = permit_merge(REF, policy=POLICY, state="approved", judged_sha=HEAD)
    assert "proof" not in repr(permit)
