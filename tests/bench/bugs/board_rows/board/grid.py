class Grid:
    EMPTY = "."

    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.cells = [[self.EMPTY] * width] * height

    def put(self, x, y, mark):
        self.cells[y][x] = mark

    def text(self):
        return "\n".join("".join(row) for row in self.cells)
