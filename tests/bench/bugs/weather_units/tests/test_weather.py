import pytest

from weather.report import warmest
from weather.units import to_celsius, to_fahrenheit


def test_freezing():
    assert to_celsius(32) == pytest.approx(0)


def test_boiling():
    assert to_celsius(212) == pytest.approx(100)
    assert to_fahrenheit(100) == pytest.approx(212)


def test_warmest():
    assert warmest({"hill": [50, 41], "town": [59]}) == ("town", 15.0)
