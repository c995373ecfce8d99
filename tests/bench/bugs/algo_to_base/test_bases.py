from bases import to_base


def test_binary():
    assert to_base(8, 2) == "1000"


def test_hex():
    assert to_base(43981, 16) == "ABCD"


def test_zero():
    assert to_base(0, 2) == "0"
