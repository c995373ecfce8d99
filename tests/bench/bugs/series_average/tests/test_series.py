from series.smooth import moving_average, rises
from series.trend import is_growing


def test_average():
    assert moving_average([1, 2, 3, 4], 2) == [1.5, 2.5, 3.5]


def test_whole():
    assert moving_average([2, 4], 2) == [3]


def test_rises():
    assert rises([1, 2, 1, 3]) == 2


def test_growing():
    assert is_growing([1, 3, 2, 4])
