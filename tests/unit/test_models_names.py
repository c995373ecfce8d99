"""Tool names on the wire."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from workers.models.names import ToolNames

LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
NAMES = st.lists(st.one_of(st.text(alphabet="ab._-é ", max_size=70), st.text(max_size=5)), unique=True, max_size=12)


def test_dots_become_two_underscores() -> None:
    names = ToolNames(["files.read", "finish"])
    assert names.to_wire("files.read") == "files__read"
    assert names.from_wire("files__read") == "files.read"
    assert names.to_wire("finish") == "finish"


def test_a_model_may_use_our_own_spelling() -> None:
    assert ToolNames(["files.read"]).from_wire("files.read") == "files.read"


def test_an_unknown_name_comes_back_in_our_spelling() -> None:
    names = ToolNames(["files.read"])
    assert names.from_wire("forge__merge") == names.from_wire("forge.merge") == "forge.merge"
    assert names.from_wire("merge_pr") == "merge_pr"


def test_a_collision_is_resolved_for_the_plain_name() -> None:
    names = ToolNames(["a.b", "a__b"])
    assert names.to_wire("a__b") == "a__b"
    assert names.to_wire("a.b") != "a__b"
    assert names.from_wire(names.to_wire("a.b")) == "a.b"


def test_names_of_the_past_take_nothing_from_the_tools_of_today() -> None:
    names = ToolNames(["a.b"], seen=["a__b"])
    assert names.to_wire("a.b") == "a__b"
    assert names.from_wire("a__b") == "a.b"
    assert names.from_wire(names.to_wire("a__b")) == "a__b"


@given(NAMES, NAMES)
@settings(deadline=None)
def test_every_name_is_legal_and_comes_back(offered: list[str], seen: list[str]) -> None:
    names = ToolNames(offered, seen)
    wires = [names.to_wire(name) for name in {*offered, *seen}]
    assert all(LEGAL.fullmatch(wire) for wire in wires)
    assert len(set(wires)) == len(wires)
    assert {names.from_wire(wire) for wire in wires} == {*offered, *seen}


@given(NAMES, NAMES)
@settings(deadline=None)
def test_the_map_depends_on_the_sets_only(offered: list[str], seen: list[str]) -> None:
    there, back = ToolNames(offered, seen), ToolNames(offered[::-1], seen[::-1])
    assert [there.to_wire(name) for name in offered] == [back.to_wire(name) for name in offered]
    assert [ToolNames(offered).to_wire(name) for name in offered] == [there.to_wire(name) for name in offered]
