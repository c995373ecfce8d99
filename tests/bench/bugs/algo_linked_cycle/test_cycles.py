from cycles import Node, has_cycle


def test_even():
    assert not has_cycle(Node(1, Node(2)))


def test_odd():
    assert not has_cycle(Node(1, Node(2, Node(3))))


def test_cycle():
    first = Node(1)
    first.following = Node(2, Node(3, first))
    assert has_cycle(first)
