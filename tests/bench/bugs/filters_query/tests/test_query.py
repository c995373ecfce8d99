from query.table import Table

PEOPLE = Table([{"name": "ann", "city": "Rome"}, {"name": "bob", "city": "Bonn"}, {"name": "eve"}])


def test_equal():
    assert PEOPLE.where(city="Rome").values("name") == ["ann"]


def test_any_of():
    assert PEOPLE.where(city=["Rome", "Bonn"]).values("name") == ["ann", "bob"]


def test_missing_field():
    assert PEOPLE.where(city="Oslo").first() is None


def test_nothing_wanted():
    assert len(PEOPLE.where().records) == 3
