from datetime import date

from billing.invoice import Invoice
from billing.terms import due_date


def test_due():
    assert Invoice(date(2024, 1, 1), 10).due() == date(2024, 1, 31)


def test_given_days():
    assert due_date(date(2024, 1, 1), 14) == date(2024, 1, 15)


def test_states():
    invoice = Invoice(date(2024, 1, 1), 10)
    assert invoice.state(date(2024, 1, 31)) == "open"
    assert invoice.state(date(2024, 2, 1)) == "late"
    invoice.paid = 10
    assert invoice.state(date(2024, 6, 1)) == "paid"
