from bases import to_base


def test_more():
    assert to_base(31, 16) == "1F"
    assert to_base(462, 2) == "111001110"
    assert to_base(41, 31) == "1A"
