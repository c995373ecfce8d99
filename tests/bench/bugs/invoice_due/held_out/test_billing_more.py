from datetime import date

from billing.invoice import Invoice


def test_more():
    invoice = Invoice(date(2023, 2, 1), 5)
    assert invoice.due() == date(2023, 3, 3)
    assert invoice.state(date(2023, 3, 3)) == "open"
    assert invoice.state(date(2023, 3, 4)) == "late"
