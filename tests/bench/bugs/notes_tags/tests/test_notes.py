from notes.book import Book
from notes.note import Note


def test_tag():
    assert Note("a").tag("x").tags == ["x"]


def test_two_notes():
    book = Book()
    book.write("milk", "shop")
    book.write("call bob", "phone")
    assert book.tagged("shop") == ["milk"]
    assert book.tagged("phone") == ["call bob"]


def test_no_doubles():
    assert Note("a", ["x"]).tag("x").tags == ["x"]
