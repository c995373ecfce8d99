import months


def test_leap_years():
    assert months.is_leap(2024)
    assert months.is_leap(2000)
    assert not months.is_leap(1900)
    assert not months.is_leap(2023)


def test_february():
    assert months.days_in_month(1900, 2) == 28


def test_day_of_year():
    assert months.day_of_year(2023, 3, 1) == 60
