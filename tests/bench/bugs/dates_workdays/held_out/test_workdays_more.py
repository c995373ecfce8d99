from datetime import date

from calendar_tools.workdays import workdays_between


def test_christmas():
    assert workdays_between(date(2024, 12, 23), date(2024, 12, 29)) == 3


def test_two_weeks():
    assert workdays_between(date(2024, 3, 4), date(2024, 3, 17)) == 10
    assert workdays_between(date(2024, 3, 9), date(2024, 3, 11)) == 1
