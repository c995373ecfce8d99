from shipping.cost import cost


def test_more():
    assert cost("DE", 0, 0) == 4.0
    assert cost("US", 2, 5) == 17.0
    assert cost("DE", 1, 50) == 0.0
    assert cost("AT", 0.2, 49) == 4.0
