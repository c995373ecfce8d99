from layers.load import load
from layers.merge import merge


def test_deep():
    assert merge({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2, "d": 3}}}) == {"a": {"b": {"c": 2, "d": 3}}}
    assert load({"log": {"level": "debug"}}, {"log": {"level": "error"}})["log"]["level"] == "error"
