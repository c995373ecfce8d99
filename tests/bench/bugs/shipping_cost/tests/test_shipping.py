from shipping.cost import cost


def test_base():
    assert cost("DE", 1, 10) == 4.0


def test_heavy():
    assert cost("FR", 3, 10) == 12.0


def test_light():
    assert cost("FR", 0.5, 10) == 8.0


def test_free():
    assert cost("AT", 5, 60) == 0.0


def test_abroad_is_never_free():
    assert cost("JP", 1, 500) == 15.0
