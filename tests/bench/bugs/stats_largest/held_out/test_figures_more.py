from figures.summary import largest, spread


def test_others():
    assert largest([-1]) == -1
    assert largest([-100, -7, -8]) == -7
    assert spread([-3, -10]) == 7
    assert largest([-3.5, -2.5]) == -2.5
