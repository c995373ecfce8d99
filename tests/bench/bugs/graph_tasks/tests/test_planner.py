import pytest

from planner.order import order
from planner.task import Task


def test_chain():
    a, b, c = Task("a"), Task("b"), Task("c")
    a.after(b)
    b.after(c)
    assert order([a, b, c]) == ["c", "b", "a"]


def test_free():
    assert order([Task("b"), Task("a")]) == ["a", "b"]


def test_circle():
    a, b = Task("a"), Task("b")
    a.after(b)
    b.after(a)
    with pytest.raises(ValueError):
        order([a, b])
