from brackets import is_balanced


def test_good():
    assert is_balanced("((()()))()")


def test_early():
    assert not is_balanced(")()(")


def test_open():
    assert not is_balanced("((")
