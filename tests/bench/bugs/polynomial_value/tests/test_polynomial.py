from algebra.polynomial import Polynomial


def test_value():
    assert Polynomial(1, 2, 3)(2) == 17


def test_constant():
    assert Polynomial(5)(100) == 5


def test_derivative():
    assert Polynomial(1, 2, 3).derivative() == Polynomial(2, 6)
