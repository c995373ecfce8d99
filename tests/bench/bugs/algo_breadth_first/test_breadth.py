from breadth import is_reachable

EDGES = {1: [2, 3], 2: [4], 3: [4], 5: [1]}


def test_way():
    assert is_reachable(EDGES, 1, 4)


def test_no_way():
    assert not is_reachable(EDGES, 1, 5)
