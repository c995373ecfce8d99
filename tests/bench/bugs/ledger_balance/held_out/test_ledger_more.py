from ledger.book import Book
from ledger.entries import Entry


def test_more():
    book = Book([Entry("a", debit=5, credit=2), Entry("a", credit=10)])
    assert book.balance("a") == -7
    assert book.balance("b") == 0
