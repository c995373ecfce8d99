from triangle import pascal


def test_more():
    assert pascal(6)[5] == [1, 5, 10, 10, 5, 1]
    assert len(pascal(9)) == 9
