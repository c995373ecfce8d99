from datetime import date

HOLIDAYS = {date(2024, 1, 1), date(2024, 12, 25), date(2024, 12, 26)}
