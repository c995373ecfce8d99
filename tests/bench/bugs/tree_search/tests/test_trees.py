from trees.search import contains, in_order, insert


def build(*keys):
    root = None
    for key in keys:
        root = insert(root, key)
    return root


def test_sorted():
    assert in_order(build(4, 2, 6, 1)) == [1, 2, 4, 6]


def test_contains_left():
    assert contains(build(4, 2, 6, 1), 1)


def test_contains_right():
    assert contains(build(4, 2, 6, 1), 6)


def test_not():
    assert not contains(build(4, 2), 9)
