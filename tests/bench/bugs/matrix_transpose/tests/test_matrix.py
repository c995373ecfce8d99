from linear import Matrix


def test_transpose_square():
    assert Matrix([[1, 2], [3, 4]]).transposed() == Matrix([[1, 3], [2, 4]])


def test_product_square():
    assert Matrix([[1, 2], [3, 4]]) @ Matrix([[5, 6], [7, 8]]) == Matrix([[19, 22], [43, 50]])


def test_identity():
    one = Matrix([[1, 0], [0, 1]])
    assert one @ one == one


def test_product_oblong():
    assert Matrix([[1, 2, 3]]) @ Matrix([[1], [2], [3]]) == Matrix([[14]])
