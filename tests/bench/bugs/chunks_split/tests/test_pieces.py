import pytest

from pieces.split import chunks, rotate


def test_chunks():
    assert chunks([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]


def test_bad_size():
    with pytest.raises(ValueError):
        chunks([1], 0)


def test_rotate():
    assert rotate([1, 2, 3, 4], 1) == [4, 1, 2, 3]


def test_rotate_around():
    assert rotate([1, 2, 3], 4) == [3, 1, 2]
