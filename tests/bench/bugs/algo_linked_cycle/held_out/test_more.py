from cycles import Node, has_cycle


def test_more():
    assert not has_cycle(None)
    assert not has_cycle(Node(1))
    loop = Node(1)
    loop.following = loop
    assert has_cycle(loop)
    assert not has_cycle(Node(1, Node(2, Node(3, Node(4)))))
