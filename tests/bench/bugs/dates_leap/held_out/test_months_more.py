import calendar

import pytest

import months


@pytest.mark.parametrize("year", [1600, 1700, 1999, 2001, 2004, 2100, 2400])
def test_like_the_library(year):
    assert months.is_leap(year) == calendar.isleap(year)
