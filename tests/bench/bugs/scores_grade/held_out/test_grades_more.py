from grades import average


def test_more():
    assert average([10, 20, 30]) == 20
    assert average([30, 10, 20], drop_lowest=True) == 25
    assert average([], drop_lowest=True) == 0
    assert average([1, 1], drop_lowest=True) == 1
