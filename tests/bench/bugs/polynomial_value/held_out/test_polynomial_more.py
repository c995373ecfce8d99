from algebra.polynomial import Polynomial


def test_more():
    assert Polynomial(0, 0, 0, 1)(3) == 27
    assert Polynomial(1, 1, 1, 1)(2) == 15
    assert Polynomial(4, 0, -1)(3) == -5
