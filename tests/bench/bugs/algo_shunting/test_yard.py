from yard import postfix


def test_one():
    assert postfix([30]) == [30]


def test_minus():
    assert postfix([10, "-", 5, "-", 2]) == [10, 5, "-", 2, "-"]


def test_mixed():
    assert postfix([34, "-", 12, "/", 5]) == [34, 12, 5, "/", "-"]
