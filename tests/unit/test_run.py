"""The run: its fold, its next step and its state, one row per situation of its life, and what holds in all of them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import facts as f
from bot.domain import steps as s
from bot.domain.change import Repo
from bot.domain.envelope import Zone
from bot.domain.errors import Tampered
from bot.domain.run import Run, extend, fold, run_id
from bot.services import messages
from bot.services.explain import story, why
from tests.builders import (
    HEAD,
    OTHER,
    RUN,
    STORY,
    done,
    envelope,
    envelopes,
    intent,
    judged,
    merged,
    plan,
    planned,
    published,
    run_of,
    task,
)

FAILED = f.TaskFailed("repair", 1, "no_patch", "x")
SPENT = f.TaskFailed("agent", 1, "budget", "x")
UNPLANNED = f.TaskFailed("plan", 1, "no_solver", "x")
STOPPED, RETRIED, BROKEN = f.Stopped("bob"), f.Retried("bob"), f.Failed("forge", "no")
NOT_MERGED, CLOSED, WOKEN = f.MergeRefused(HEAD, "x"), f.ChangeClosed(8, "bob", False), f.Woken("label")
AGENT = task("agent", instead_of="repair")
REFUSED = f.PatchRefused("repair", "protected")
APPROVED = f.PlanApproved(plan().digest, "bob", "write")


def shown(verdict: f.Judged) -> f.Reported:
    """The gate's report on exactly this verdict."""
    return f.Reported("gate", s.verdict_digest(run_of(*STORY.opened, verdict)), HEAD)


YES, NO, LATER = judged(), judged("blocked"), judged("pending")
BLOCKED = [*STORY.opened, NO, shown(NO)]
STUCK = [*STORY.opened, YES, shown(YES), NOT_MERGED]
TWO = (f.SourceStored("b0" * 20, "22" * 32), f.PlanDrafted(plan(task(), AGENT)), planned(task(), AGENT))

LIFE: list[tuple[str, list[f.Fact], s.Step, str]] = [
    ("asked", [], s.StoreSource(), "planning"),
    ("source stored", [STORY.stored], s.DraftPlan(), "planning"),
    ("plan being drafted", [STORY.stored, f.TaskStarted("plan", 1)], s.DraftPlan(), "planning"),
    ("no plan to be had", [STORY.stored, UNPLANNED], s.GiveUp("no_solver", "x"), "planning"),
    ("plan drafted", STORY.drafted, s.FreezePlan(), "planning"),
    ("plan frozen", STORY.planned, s.StartTasks((task(),)), "working"),
    ("task started", [*STORY.planned, f.TaskStarted("repair", 1)], s.StartTasks((task(),)), "working"),
    ("model at work", [*STORY.planned, f.ModelUsed("repair", "v", "m", 1, 2)], s.StartTasks((task(),)), "working"),
    ("task done", STORY.solved, s.Publish("repair"), "publishing"),
    ("task failed", [*STORY.planned, FAILED], s.GiveUp("no_patch", "x"), "working"),
    ("repair failed, agent is there", [*TWO, FAILED], s.StartTasks((AGENT,)), "working"),
    ("agent done after all", [*TWO, FAILED, done("agent")], s.Publish("agent"), "publishing"),
    ("both failed", [*TWO, FAILED, SPENT], s.GiveUp("budget", "x"), "working"),
    ("patch refused", [*STORY.solved, REFUSED], s.GiveUp("patch_refused", "protected"), "working"),
    ("patch refused, agent is there", [*TWO, done(), REFUSED], s.StartTasks((AGENT,)), "working"),
    ("given up", [*STORY.planned, FAILED, f.Failed("no_patch", "x")], s.Rest(), "failed"),
    ("change open", STORY.opened, s.Judge(), "waiting"),
    ("permitted, not shown", [*STORY.opened, YES], s.ShowVerdict(), "merging"),
    ("permitted and shown", [*STORY.opened, YES, shown(YES)], s.Merge(), "merging"),
    ("blocked, not shown", [*STORY.opened, NO], s.ShowVerdict(), "waiting"),
    ("blocked and shown", [*STORY.opened, NO, shown(NO)], s.Wait("the gate"), "waiting"),
    ("pending and shown", [*STORY.opened, LATER, shown(LATER)], s.Wait("the gate"), "waiting"),
    ("an older verdict is shown", [*STORY.opened, NO, shown(NO), YES], s.ShowVerdict(), "merging"),
    ("the same verdict again", [*STORY.opened, YES, shown(YES), YES], s.Merge(), "merging"),
    ("other reasons", [*STORY.opened, NO, shown(NO), replace(NO, rules=())], s.ShowVerdict(), "waiting"),
    ("woken", [*STORY.opened, NO, shown(NO), WOKEN], s.Judge(), "waiting"),
    ("woken and judged", [*STORY.opened, NO, shown(NO), WOKEN, NO], s.Wait("the gate"), "waiting"),
    ("head moved", [*STORY.opened, YES, shown(YES), f.HeadSeen(OTHER, ("1",))], s.Judge(), "waiting"),
    ("old verdict, new head", [*STORY.opened, f.HeadSeen(OTHER, ("1",)), YES, shown(YES)], s.Judge(), "waiting"),
    ("forge refused to merge", STUCK, s.Wait("the gate"), "merging"),
    ("woken after that", [*STUCK, WOKEN], s.Judge(), "merging"),
    ("judged after that", [*STUCK, WOKEN, YES], s.Merge(), "merging"),
    ("merged", STORY.merged, s.CloseIssue(), "merged"),
    ("done", [*STORY.merged, f.IssueClosed(7)], s.Rest(), "done"),
    ("issue cannot be closed", [*STORY.merged, BROKEN], s.Rest(), "failed"),
    ("stopped after the merge", [*STORY.merged, STOPPED], s.CloseIssue(), "stopped"),
    ("closed by a human", [*STORY.opened, NO, CLOSED], s.Rest(), "closed"),
    ("merged by a human", [*STORY.opened, NO, f.ChangeClosed(8, "bob", True)], s.Rest(), "closed"),
    ("stopped early", [STOPPED], s.Rest(), "stopped"),
    ("stopped while working", [*STORY.planned, f.TaskStarted("repair", 1), STOPPED], s.Rest(), "stopped"),
    ("solved after the stop", [*STORY.planned, STOPPED, done()], s.Rest(), "stopped"),
    ("stopped while open", [*STORY.opened, YES, shown(YES), STOPPED], s.Rest(), "stopped"),
    ("retried before any change", [*STORY.planned, FAILED, BROKEN, RETRIED], s.StoreSource(), "planning"),
    ("retried after a stop", [STOPPED, RETRIED], s.StoreSource(), "planning"),
    ("retried with an open change", [*BLOCKED, STOPPED, RETRIED], s.Judge(), "waiting"),
    ("retried after a refused merge", [*STORY.opened, YES, NOT_MERGED, RETRIED], s.Judge(), "waiting"),
    ("retried after it was closed", [*STORY.opened, CLOSED, RETRIED], s.StoreSource(), "planning"),
    ("retried closing the issue", [*STORY.merged, BROKEN, RETRIED], s.CloseIssue(), "merged"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "step", "state"), [row[1:] for row in LIFE], ids=[row[0] for row in LIFE])
def test_what_to_do_next(facts: list[f.Fact], step: s.Step, state: str) -> None:
    run = run_of(*facts)
    assert s.next_step(run) == step
    assert run.state == state
    assert run.version == len(facts) + 1


UNAPPROVED = s.Wait(f"approval of plan {plan().digest[:12]}")
APPROVALS: list[tuple[str, list[f.Fact], s.Step, str]] = [
    ("no approval", [], UNAPPROVED, "planned"),
    ("approved", [APPROVED], s.StartTasks((task(),)), "working"),
    ("another plan approved", [replace(APPROVED, digest="00" * 32)], UNAPPROVED, "planned"),
]  # fmt: skip


@pytest.mark.parametrize(("facts", "step", "state"), [row[1:] for row in APPROVALS], ids=[row[0] for row in APPROVALS])
def test_in_approval_mode_a_plan_waits_for_its_own_approval(facts: list[f.Fact], step: s.Step, state: str) -> None:
    run = run_of(*STORY.planned, *facts, mode="approval")
    assert (s.next_step(run), run.state) == (step, state)


def test_an_approval_before_the_plan_counts_only_for_that_plan() -> None:
    assert run_of(APPROVED, *STORY.planned, mode="approval").plan_is_approved
    assert not run_of(APPROVED, mode="approval").plan_is_approved
    assert not run_of(APPROVED, *STORY.drafted, planned(task(), AGENT), mode="approval").plan_is_approved


def test_an_empty_plan_is_given_up_with_a_reason() -> None:
    none = f.Planned("00" * 32, replace(plan(), graph=replace(plan().graph, tasks=())))
    assert s.next_step(run_of(*STORY.drafted, none)) == s.GiveUp(
        "plan_refused", "the plan has no task that can be done"
    )
    assert run_of(*STORY.drafted, none).solution is None
    assert run_of().solution is None


def test_a_retry_with_an_open_change_keeps_the_work() -> None:
    before = run_of(*STORY.opened, NO)
    after = run_of(*STORY.opened, NO, f.Stopped("bob"), f.Retried("bob"))
    assert (after.generation, after.branch, after.published, after.solution) == (
        1,
        before.branch,
        before.published,
        before.solution,
    )
    assert (after.stopped, after.judged, after.woken) == (None, None, True)


def test_a_retry_without_a_change_begins_anew_on_a_branch_of_its_own() -> None:
    first = run_of(*STORY.solved)
    again = run_of(*STORY.opened, YES, f.ChangeClosed(8, "bob", False), f.Retried("bob"))
    assert again.generation == 2
    assert again.branch == f"{first.branch}-2" == f"agent/issue-7-{RUN[4:12]}-2"
    assert (again.source, again.draft, again.planned, again.plan_approval, again.published) == (None,) * 5
    assert (again.attempts, again.running, again.done, again.lost, again.head) == ({}, frozenset(), {}, {}, "")
    assert not again.terminal


def test_what_was_spent_and_refused_is_never_forgotten() -> None:
    used, tool = f.ModelUsed("agent", "v", "m", 1, 2), f.ToolRefused("agent", "merge", "no")
    run = run_of(
        *STORY.planned, used, tool, FAILED, f.EffectIntended("k", "x", "y"), f.Failed("a", "b"), f.Retried("bob")
    )
    assert (run.used, run.refused_tools, run.effects) == ((used,), (tool,), {"k": ""})


def test_attempts_are_counted_and_running_tasks_known() -> None:
    run = run_of(*STORY.planned, f.TaskStarted("repair", 1), f.TaskStarted("repair", 2))
    assert (run.attempts, run.running) == ({"plan": 1, "repair": 2}, frozenset({"repair"}))
    assert run_of(*STORY.planned, f.TaskStarted("repair", 1), FAILED).running == frozenset()
    assert run_of(*STORY.planned, f.TaskStarted("repair", 1), f.Failed("a", "b")).running == frozenset()


def test_effects_are_open_until_their_outcome() -> None:
    opened = [f.EffectIntended(key, "x", "y") for key in "abc"]
    run = run_of(*opened, f.EffectDone("a", "12"), f.EffectFailed("b", "no"))
    assert run.effects == {"a": "done 12", "b": "failed no", "c": ""}
    assert run.open_effects == ("c",)


def test_each_report_has_a_key_of_its_own_and_keeps_it_until_it_is_done() -> None:
    said = f.Reported("comment", "d", "1")
    keys = [run_of(*[said] * times).report_key("comment") for times in range(3)]
    assert keys == ["report:comment:0", "report:comment:1", "report:comment:2"]
    assert run_of(said).report_key("slack") == "report:slack:0"


def test_what_a_forge_refused_to_show_is_said_again_once_somebody_may_have_mended_that() -> None:
    refused = f.Reported("gate", s.verdict_digest(run_of(*STORY.opened, NO)), f.REFUSED)
    assert s.next_step(run_of(*STORY.opened, NO, refused)) == s.Wait("the gate")
    assert s.next_step(run_of(*STORY.opened, NO, refused, WOKEN, NO)) == s.ShowVerdict()
    assert s.next_step(run_of(*STORY.opened, NO, refused, STOPPED, RETRIED, NO)) == s.ShowVerdict()
    assert s.next_step(run_of(*STORY.opened, NO, shown(NO), WOKEN, NO)) == s.Wait("the gate")


def test_label_acts_that_spoke_of_earlier_heads_never_count_again() -> None:
    run = run_of(*STORY.opened, f.HeadSeen(OTHER, ("1",)))
    assert (run.head, run.stale, run.judged) == (OTHER, {"1"}, None)
    back = run_of(*STORY.opened, f.HeadSeen(OTHER, ("1",)), f.HeadSeen(HEAD, ("1", "2")))
    assert (back.head, back.stale) == (HEAD, {"1", "2"})


def test_a_run_knows_when_it_was_planned_and_looked_at() -> None:
    run = run_of(*STORY.planned)
    assert (run.planned_at, run.looked_at) == (1_700_000_005, 0.0)
    assert run_of(*STORY.opened, NO).looked_at == 1_700_000_009.0
    assert run_of(*STORY.opened, NO, f.MergeRefused(HEAD, "x")).looked_at == 1_700_000_010.0


def test_only_commands_are_remembered_as_causes() -> None:
    run = fold(
        [
            envelope(f.Requested(intent()), 1, cause="comment-1"),
            envelope(STORY.stored, 2, cause="advance"),
            envelope(f.Stopped("bob"), 3, cause="comment-2"),
            envelope(f.Retried("bob"), 4, cause="comment-3"),
            envelope(f.PlanApproved("d", "bob", "write"), 5, cause="comment-4"),
        ]
    )
    assert run.causes == {f"comment-{number}" for number in (1, 2, 3, 4)}


def test_ids_are_the_same_for_racers_and_differ_otherwise() -> None:
    ids = {
        run_id(Repo("github", name), issue, ordinal)
        for name in ("a/b", "a/c")
        for issue in (1, 2)
        for ordinal in (0, 1)
    }
    assert len(ids) == 8
    assert run_id(Repo("github", "a/b"), 1, 0) == run_id(Repo("github", "a/b"), 1, 0)


# --- what the fold refuses
def test_an_empty_stream_is_no_run() -> None:
    with pytest.raises(Tampered, match="empty"):
        fold([])


def test_a_run_begins_with_its_request() -> None:
    with pytest.raises(Tampered, match="first fact is Stopped"):
        fold(envelopes([f.Stopped("bob")]))


@pytest.mark.parametrize(
    "fact", [f.Requested(intent()), f.Handled("d", "ignored", "")], ids=lambda fact: type(fact).__name__
)
def test_facts_of_other_streams_are_refused(fact: f.Fact) -> None:
    with pytest.raises(Tampered, match="does not belong"):
        run_of(fact)


def test_a_receipt_is_refused_whoever_signed_it() -> None:
    with pytest.raises(Tampered, match="does not belong"):
        fold(envelopes([f.Requested(intent()), f.Received("d", "ping", "00")]))


EVERY = [
    STORY.stored, f.PlanDrafted(plan()), planned(), APPROVED, f.TaskStarted("repair", 1), FAILED, done(), REFUSED,
    f.ModelUsed("a", "v", "m", 1, 2), f.ToolRefused("a", "t", "r"), f.EffectIntended("k", "x", "y"),
    f.EffectDone("k", "r"), f.EffectFailed("k", "r"), published(), f.HeadSeen(OTHER, ("1",)), YES, NO, LATER, merged(),
    NOT_MERGED, f.IssueClosed(7), f.ChangeClosed(8, "bob", True), WOKEN, f.Reported("gate", "d", "r"), STOPPED,
    RETRIED, BROKEN,
]  # fmt: skip


@pytest.mark.parametrize("fact", EVERY, ids=lambda fact: type(fact).__name__)
@pytest.mark.parametrize("zone", Zone)
def test_a_fact_of_the_wrong_zone_is_refused(zone: Zone, fact: f.Fact) -> None:
    stream = [*envelopes([f.Requested(intent())]), envelope(fact, 2, zone=zone)]
    if f.may_sign(zone, type(fact).__name__):
        assert fold(stream).version == 2
    else:
        with pytest.raises(Tampered, match=f"zone {zone} may not sign {type(fact).__name__}"):
            fold(stream)


def test_a_request_by_the_wrong_zone_is_refused() -> None:
    with pytest.raises(Tampered, match="may not sign Requested"):
        fold([envelope(f.Requested(intent()), 1, zone=Zone.AGENT)])


def test_a_body_that_does_not_fit_its_kind_is_tampered_with() -> None:
    bad = replace(envelope(f.TaskStarted("repair", 1), 2), body={"task": ["no"], "attempt": "x"})
    with pytest.raises(Tampered, match="no TaskStarted has such a body"):
        fold([*envelopes([f.Requested(intent())]), bad])


# --- what holds in every life
LIVES = st.lists(st.sampled_from(EVERY), max_size=25)


@settings(max_examples=300, deadline=None)
@given(LIVES, st.sampled_from(["review", "approval"]))
def test_no_order_of_rightful_facts_crashes_anything(facts: list[f.Fact], mode: str) -> None:
    stream = envelopes([f.Requested(intent(mode=mode)), *facts])
    run = fold(stream)
    step = s.next_step(run)
    assert run.version == len(stream)
    assert isinstance(step, s.Rest | s.CloseIssue) == (run.terminal or isinstance(step, s.CloseIssue))
    assert isinstance(step, s.Rest) <= run.terminal
    if isinstance(step, s.Merge):
        assert run.judged is not None
        assert (run.judged.state, run.judged.sha) == ("approved", run.head)
        assert run.published is not None
    for text in (messages.status(run), messages.chat(run), why(run, stream)):
        assert text.strip()
    assert len(story(stream)) <= len(stream)


@settings(max_examples=100, deadline=None)
@given(LIVES, st.integers(0, 25))
def test_folding_in_two_parts_is_folding_at_once(facts: list[f.Fact], cut: int) -> None:
    stream = envelopes([f.Requested(intent()), *facts])
    at = max(1, min(cut, len(stream)))
    whole: Run = fold(stream)
    assert extend(fold(stream[:at]), stream[at:]) == whole


@settings(max_examples=100, deadline=None)
@given(LIVES)
def test_after_a_stop_nothing_happens_but_closing_the_issue_of_what_is_merged(facts: list[f.Fact]) -> None:
    calm = [fact for fact in facts if not isinstance(fact, f.Retried)]
    assert isinstance(s.next_step(run_of(f.Stopped("bob"), *calm)), s.Rest | s.CloseIssue)


@settings(max_examples=100, deadline=None)
@given(LIVES)
def test_the_agent_zone_alone_reaches_no_change(facts: list[f.Fact]) -> None:
    own = [fact for fact in facts if f.may_sign(Zone.AGENT, type(fact).__name__)]
    run = run_of(*own)
    assert run.published is None
    assert run.planned is None
    assert isinstance(s.next_step(run), s.StoreSource)
