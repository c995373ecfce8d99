from slugs.clean import slug
from slugs.unique import unique


def test_plain():
    assert slug("Hello, World!") == "hello-world"


def test_umlauts():
    assert slug("Größe und Maß") == "groesse-und-mass"


def test_unique():
    assert unique("A b", {"a-b", "a-b-2"}) == "a-b-3"
