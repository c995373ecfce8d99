from query.table import Table


def test_two_fields():
    table = Table([{"a": 1, "b": 1}, {"a": 1, "b": 2}, {"b": 2}])
    assert table.where(a=1, b=2).records == [{"a": 1, "b": 2}]
    assert table.where(a=[2, 3]).records == []
    assert table.where(a=[1], b=[1]).first() == {"a": 1, "b": 1}
