from planner.order import order
from planner.task import Task


def test_diamond():
    a, b, c, d = (Task(name) for name in "abcd")
    d.after(b).after(c)
    b.after(a)
    c.after(a)
    assert order([d, c, b, a]) == ["a", "b", "c", "d"]
