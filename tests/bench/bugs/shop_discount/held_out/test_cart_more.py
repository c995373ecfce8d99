from shop.prices import discounted, with_tax


def test_others():
    assert discounted(80, 10) == 72
    assert discounted(80, 100) == 0
    assert with_tax(100, 0.19) == 119
