from machine.run import run


def test_divide():
    assert run("9 3 /") == 3
    assert run("8 2 - 3 /") == 2
    assert run("5 1 2 + 4 * + 3 -") == 14
