from bowling import score


def test_perfect():
    assert score([10] * 12) == 300
    assert score([9, 1] * 10 + [9]) == 190
    assert score([5, 5] * 10 + [5]) == 150
