from machine.run import run


def test_add():
    assert run("1 2 +") == 3


def test_subtract():
    assert run("10 4 -") == 6


def test_nested():
    assert run("2 3 4 * +") == 14
