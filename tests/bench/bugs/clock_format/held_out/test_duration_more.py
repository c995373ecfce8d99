from timing.duration import read, show


def test_round():
    for seconds in (59, 60, 3599, 3600, 86399, 86400, 200000):
        assert read(show(seconds)) == seconds
    assert show(86400 * 2) == "2d"
    assert show(82800) == "23h"
