from kth import kth


def test_all():
    values = [5, 9, 1, 5, 3, 0, 8]
    assert [kth(values, k) for k in range(7)] == sorted(values)
