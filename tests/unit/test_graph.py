"""Task graphs, plans and clocks: what cannot be built, and what is ready when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.change import Repo, Role
from bot.domain.envelope import Clock, tick
from bot.domain.graph import Task, TaskGraph
from tests.builders import plan, task

AGENT_INSTEAD = task("agent", instead_of="repair")
CHAIN = (task("a"), task("b", needs=("a",)), task("c", needs=("a", "b")))


@pytest.mark.parametrize(
    ("tasks", "problem"),
    [
        ((task("a"), task("a")), "same id"),
        ((task("a", needs=("b",)),), r"needs \['b'\]"),
        ((task("a", instead_of="b"),), r"needs \['b'\]"),
        ((task("a", needs=("a",)),), "circle"),
        ((task("a", instead_of="a"),), "circle"),
        ((task("a", needs=("b",)), task("b", needs=("a",))), "circle"),
        ((task("a", instead_of="b"), task("b", needs=("a",))), "circle"),
    ],
)
def test_a_graph_that_can_never_end_cannot_be_built(tasks: tuple[Task, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TaskGraph(tasks)


@pytest.mark.parametrize(
    ("tasks", "done", "failed", "ready"),
    [
        (CHAIN, "", "", "a"),
        (CHAIN, "a", "", "b"),
        (CHAIN, "ab", "", "c"),
        (CHAIN, "abc", "", ""),
        (CHAIN, "", "a", ""),
        (CHAIN, "a", "b", ""),
        ((task("a"), task("b")), "", "", "ab"),
        ((task("repair"), AGENT_INSTEAD), "", "", ["repair"]),
        ((task("repair"), AGENT_INSTEAD), "", ["repair"], ["agent"]),
        ((task("repair"), AGENT_INSTEAD), ["repair"], "", ""),
        ((task("repair"), AGENT_INSTEAD), "", ["repair", "agent"], ""),
        ((), "", "", ""),
    ],
)
def test_what_may_start_now(tasks: tuple[Task, ...], done: list[str], failed: list[str], ready: list[str]) -> None:
    assert [found.id for found in TaskGraph(tasks).ready(done, failed)] == list(ready)


def test_a_task_is_found_by_its_id() -> None:
    graph = TaskGraph(CHAIN)
    assert graph.get("b") == CHAIN[1]
    with pytest.raises(KeyError):
        graph.get("z")


@given(st.lists(st.integers(0, 6), min_size=1, max_size=7), st.data())
def test_every_graph_runs_to_its_end_when_nothing_fails(sizes: list[int], data: st.DataObject) -> None:
    tasks: list[Task] = []
    for number, _ in enumerate(sizes):
        needs = data.draw(st.sets(st.sampled_from([one.id for one in tasks]))) if tasks else set()
        tasks.append(task(f"t{number}", needs=tuple(needs)))
    graph, finished = TaskGraph(tuple(tasks)), list[str]()
    for _ in range(len(tasks)):
        finished += [one.id for one in graph.ready(finished, ())][:1]
    assert sorted(finished) == sorted(one.id for one in tasks)


def test_a_plan_is_known_by_all_that_it_says() -> None:
    plans = [
        plan(),
        plan(run="run-other"),
        plan(base_sha="00" * 20),
        plan(task(seconds=61.0)),
        plan(task(title="Do something else")),
        plan(task(), task("agent", instead_of="repair")),
    ]
    assert len({one.digest for one in plans}) == len(plans)
    assert plan().digest == plan().digest
    assert len(plan().digest) == 64


def test_the_digest_of_a_plan_never_changes_with_the_code() -> None:
    assert TaskGraph((task(),)) == plan().graph
    assert plan().digest == "27bb2ae5a453b5483e4ede5565aca4bb7b228e6e04edc8eb32f1075c62459e06"


@given(st.integers(0, 2**40), st.lists(st.builds(Clock, st.integers(0, 2**40), st.integers(0, 9)), max_size=4))
def test_a_tick_is_later_than_all_that_was_seen(now: int, seen: list[Clock]) -> None:
    later = tick(now, *seen)
    assert all(later > clock for clock in seen)
    assert later.wall >= now
    assert later.count == 0 or later.wall in {clock.wall for clock in seen} | {0}


def test_a_clock_reads_as_wall_and_count() -> None:
    assert str(Clock(12, 3)) == "12.3"


@pytest.mark.parametrize("text", ["github:octo/calc", "gitlab:group/sub/calc", "github:a:b"])
def test_a_repository_reads_back_as_written(text: str) -> None:
    assert str(Repo.parse(text)) == text


@pytest.mark.parametrize("text", ["", "github", "github:", "octo/calc", "bitbucket:octo/calc"])
def test_what_is_no_repository_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a repository"):
        Repo.parse(text)


@pytest.mark.parametrize(("role", "other", "wanted"), [
    ("write", "write", True), ("admin", "write", True), ("triage", "write", False), ("none", "none", True),
    ("none", "read", False), ("maintain", "admin", False),
])  # fmt: skip
def test_roles_are_in_order(role: str, other: str, wanted: bool) -> None:
    assert Role(role).at_least(Role(other)) is wanted
