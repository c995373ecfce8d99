from datetime import date

from calendar_tools.workdays import is_workday, workdays_between


def test_full_week():
    assert workdays_between(date(2024, 3, 4), date(2024, 3, 8)) == 5


def test_weekend():
    assert workdays_between(date(2024, 3, 9), date(2024, 3, 10)) == 0


def test_holiday():
    assert not is_workday(date(2024, 12, 25))


def test_one_day():
    assert workdays_between(date(2024, 3, 4), date(2024, 3, 4)) == 1
