from topo import Node, order


def make():
    a, b, c, d = (Node(name) for name in "abcd")
    a.to(b)
    b.to(c)
    a.to(c)
    c.to(d)
    return [d, c, b, a]


def test_order():
    assert order(make()) == ["a", "b", "c", "d"]


def test_single():
    assert order([Node("x")]) == ["x"]
