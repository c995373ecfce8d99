from increasing import increasing


def test_more():
    assert increasing(1, 5, 3) == [[1, 2, 3], [1, 2, 4], [1, 3, 4], [2, 3, 4]]
    assert increasing(0, 1, 0) == [[]]
