from linear import Matrix


def test_shapes():
    a = Matrix([[1, 2, 3], [4, 5, 6]])
    b = Matrix([[1, 0], [2, 1], [0, 3]])
    assert a @ b == Matrix([[5, 11], [14, 23]])
    assert (b @ a).shape == (3, 3)
    assert a.transposed() == Matrix([[1, 4], [2, 5], [3, 6]])
