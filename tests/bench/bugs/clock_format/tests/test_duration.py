from timing.duration import read, show


def test_minutes():
    assert show(125) == "2m 5s"


def test_day():
    assert show(90061) == "1d 1h 1m 1s"


def test_hour():
    assert read("1h 1m") == 3660


def test_nothing():
    assert show(0) == "0s"
