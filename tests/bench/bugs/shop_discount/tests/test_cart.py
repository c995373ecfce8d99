import pytest

from shop.cart import Cart
from shop.prices import discounted


def test_no_discount():
    assert discounted(50, 0) == 50


def test_discount():
    assert discounted(200, 25) == 150


def test_total():
    cart = Cart(tax=0.1)
    cart.add("tea", 10, quantity=2)
    cart.add("pot", 40, percent=50)
    assert cart.total() == pytest.approx(44)
