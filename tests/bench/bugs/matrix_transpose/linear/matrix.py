class Matrix:
    def __init__(self, rows):
        self.rows = [list(row) for row in rows]

    @property
    def shape(self):
        return len(self.rows), len(self.rows[0])

    def transposed(self):
        height, width = self.shape
        return Matrix([[self.rows[i][j] for i in range(height)] for j in range(width)])

    def __matmul__(self, other):
        height, inner = self.shape
        width = other.shape[1]
        product = [[0] * width for _ in range(height)]
        for i in range(height):
            for j in range(width):
                for k in range(inner):
                    product[i][j] += self.rows[i][k] * other.rows[j][k]
        return Matrix(product)

    def __eq__(self, other):
        return self.rows == other.rows
