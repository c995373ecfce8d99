from breadth import is_reachable


def test_more():
    assert not is_reachable({}, 1, 2)
    assert is_reachable({1: [1]}, 1, 1)
    assert not is_reachable({1: [2], 2: [1]}, 1, 3)
