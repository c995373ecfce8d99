from life.world import neighbours, step

BLINKER = {(0, 1), (1, 1), (2, 1)}


def test_eight():
    assert len(neighbours(0, 0)) == 8


def test_blinker():
    assert step(BLINKER) == {(1, 0), (1, 1), (1, 2)}
    assert step(step(BLINKER)) == BLINKER


def test_alone():
    assert step({(5, 5)}) == set()
