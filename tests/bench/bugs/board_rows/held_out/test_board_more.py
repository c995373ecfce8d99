from board.game import winner
from board.grid import Grid


def test_column_wins():
    grid = Grid(3, 3)
    grid.put(0, 0, "o")
    for y in range(3):
        grid.put(2, y, "x")
    assert winner(grid) == "x"
    assert grid.text() == "o.x\n..x\n..x"
