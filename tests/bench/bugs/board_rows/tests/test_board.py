from board.game import winner
from board.grid import Grid


def test_one_mark():
    grid = Grid(3, 2)
    grid.put(1, 0, "x")
    assert grid.text() == ".x.\n..."


def test_nobody():
    grid = Grid(3, 3)
    grid.put(0, 0, "x")
    assert winner(grid) is None


def test_row_wins():
    grid = Grid(3, 3)
    for x in range(3):
        grid.put(x, 1, "o")
    assert winner(grid) == "o"
