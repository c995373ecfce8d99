from datetime import timedelta

from calendar_tools.holidays import HOLIDAYS


def is_workday(day):
    return day.weekday() < 5 and day not in HOLIDAYS


def workdays_between(first, last):
    """Count the workdays from first to last, both included."""
    count = 0
    for offset in range((last - first).days):
        if is_workday(first + timedelta(days=offset)):
            count += 1
    return count
