from change import ways


def test_more():
    assert ways([1, 5, 10, 25], 140) == 568
    assert ways([3], 4) == 0
    assert ways([], 1) == 0
