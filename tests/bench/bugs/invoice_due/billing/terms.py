from datetime import timedelta


def due_date(issued, days=60):
    return issued + timedelta(days=days)


def is_late(issued, today, days=30):
    return today > due_date(issued, days)
