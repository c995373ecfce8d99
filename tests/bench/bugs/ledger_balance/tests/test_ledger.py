from ledger.book import Book
from ledger.entries import Entry

ENTRIES = [Entry("cash", debit=100), Entry("sales", credit=100), Entry("cash", credit=30), Entry("rent", debit=30)]


def test_cash():
    assert Book(ENTRIES).balance("cash") == 70


def test_rent():
    assert Book(ENTRIES).balance("rent") == 30


def test_balanced():
    assert Book(ENTRIES).is_balanced()
    assert not Book(ENTRIES[:1]).is_balanced()
