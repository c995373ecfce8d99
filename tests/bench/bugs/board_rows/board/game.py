def winner(grid):
    lines = [*grid.cells, *zip(*grid.cells)]
    for line in lines:
        marks = set(line)
        if len(marks) == 1 and grid.EMPTY not in marks:
            return line[0]
    return None
