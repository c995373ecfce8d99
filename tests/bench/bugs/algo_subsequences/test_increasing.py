from increasing import increasing


def test_pairs():
    assert increasing(1, 4, 2) == [[1, 2], [1, 3], [2, 3]]


def test_ones():
    assert increasing(3, 5, 1) == [[3], [4]]
