"""Facts: every kind survives the ledger's encoding, and only the right zone may sign it."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import facts as f
from bot.domain.envelope import Zone
from tests.builders import BASE, done, intent, judged, merged, plan, planned, published

ONE_OF_EACH: list[f.Fact] = [
    f.Received("delivery-1", "issue_comment", "00" * 32),
    f.Handled("delivery-1", "started", "fix of #7", "run-1", "fix"),
    f.Requested(intent()),
    f.SourceStored(BASE, "22" * 32),
    f.PlanDrafted(plan()),
    planned(),
    f.PlanApproved("33" * 32, "bob", "write"),
    f.TaskStarted("repair", 1),
    f.ModelUsed("agent", "openai", "m", 10, 20, None),
    f.ToolRefused("agent", "merge", "there is no such tool"),
    done(seconds=1.5, candidates=12),
    f.TaskFailed("repair", 1, "no_patch", "nothing helped"),
    f.PatchRefused("repair", "protected"),
    f.EffectIntended("k", "merge", "t"),
    f.EffectDone("k", "r"),
    f.EffectFailed("k", "r"),
    published(),
    f.HeadSeen("ab" * 20, ("17",)),
    judged(labels=("a", "b")),
    merged(),
    f.MergeRefused("ab" * 20, "conflict"),
    f.IssueClosed(7),
    f.ChangeClosed(8, "bob", False),
    f.Woken("label x"),
    f.Reported("comment", "d", "12"),
    f.Stopped("bob"),
    f.Retried("bob"),
    f.Failed("no_patch", "nothing helped"),
]
AGENT = {"PlanDrafted", "TaskStarted", "ModelUsed", "ToolRefused", "TaskDone", "TaskFailed"}


def test_the_table_has_every_kind() -> None:
    assert [type(fact) for fact in ONE_OF_EACH] == list(get_args(f.Fact))
    assert list(f.KINDS) == [kind.__name__ for kind in get_args(f.Fact)]


@pytest.mark.parametrize("fact", ONE_OF_EACH, ids=lambda fact: type(fact).__name__)
def test_a_fact_survives_its_encoding(fact: f.Fact) -> None:
    kind, body = f.encode(fact)
    assert f.decode(kind, json.loads(json.dumps(body))) == fact


@pytest.mark.parametrize("kind", f.KINDS)
@pytest.mark.parametrize("zone", Zone)
def test_each_kind_belongs_to_one_zone(zone: Zone, kind: str) -> None:
    owner = Zone.RECEIVER if kind == "Received" else Zone.AGENT if kind in AGENT else Zone.BROKER
    assert f.may_sign(zone, kind) is (zone is owner)


@pytest.mark.parametrize("zone", Zone)
def test_nobody_may_sign_what_is_no_kind(zone: Zone) -> None:
    assert not f.may_sign(zone, "Everything")


def test_an_unknown_kind_is_no_fact() -> None:
    with pytest.raises(KeyError):
        f.decode("Everything", {})


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("TaskStarted", {}),
        ("TaskStarted", {"task": "a", "attempt": "many"}),
        ("TaskStarted", {"task": None, "attempt": 1}),
        ("Handled", {"delivery": "d", "outcome": "eaten", "reason": ""}),
        ("Judged", {"sha": "x"}),
        ("PlanDrafted", {"plan": {"run": "r", "base_sha": "b", "graph": {"tasks": []}}}),
    ],
)
def test_a_body_that_does_not_fit_is_refused(kind: str, body: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        f.decode(kind, body)


def test_a_graph_with_a_circle_does_not_come_in_by_the_ledger() -> None:
    _, body = f.encode(f.PlanDrafted(plan()))
    text = json.dumps(body).replace('"needs": []', '"needs": ["repair"]')
    with pytest.raises(ValueError, match="circle"):
        f.decode("PlanDrafted", json.loads(text))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(f.KINDS)), st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_no_body_crashes_the_decoder(kind: str, body: dict[str, object]) -> None:
    try:
        fact = f.decode(kind, body)
    except ValueError:
        return
    assert type(fact).__name__ == kind
