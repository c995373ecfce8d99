from topo import Node, order


def test_more():
    a, b, c = Node("a"), Node("b"), Node("c")
    a.to(c)
    b.to(c)
    assert order([a, b, c]) == ["a", "b", "c"]
    assert order([c, b, a]) == ["b", "a", "c"]
