from series.smooth import moving_average


def test_more():
    assert moving_average([5, 6, 7], 1) == [5, 6, 7]
    assert moving_average([1, 1, 4, 4, 1], 3) == [2, 3, 3]
    assert moving_average([1], 2) == []
