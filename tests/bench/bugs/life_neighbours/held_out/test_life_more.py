from life.world import neighbours, step


def test_block():
    block = {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert step(block) == block
    assert (3, 4) not in neighbours(3, 4)
    assert sorted(neighbours(1, 1)) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1), (2, 2)]
