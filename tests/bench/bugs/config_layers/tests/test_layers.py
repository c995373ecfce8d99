from layers.load import DEFAULTS, load
from layers.merge import merge


def test_nested():
    assert merge({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}) == {"a": {"x": 1, "y": 3}}


def test_load():
    assert load({"port": 8080}) == {"log": {"level": "info", "file": None}, "port": 8080}


def test_defaults_stay():
    load({"port": 1})
    assert DEFAULTS["port"] == 80
