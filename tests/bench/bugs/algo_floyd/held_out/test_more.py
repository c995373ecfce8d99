from floyd import all_lengths


def test_more():
    edges = {(0, 2): 3, (0, 5): 5, (2, 1): -2, (2, 3): 7, (2, 4): 4, (3, 4): -5, (4, 5): -1}
    found = all_lengths(range(6), edges)
    assert found[0, 1] == 1
    assert found[0, 5] == 4
    assert found[2, 5] == 1
