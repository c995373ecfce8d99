from trees.search import contains, insert


def test_deep():
    root = None
    keys = [50, 25, 75, 10, 30, 60, 90, 5, 28]
    for key in keys:
        root = insert(root, key)
    assert all(contains(root, key) for key in keys)
    assert not any(contains(root, key) for key in (1, 27, 61, 100))
