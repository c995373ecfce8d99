from settings.parse import parse
from settings.typed import as_bool


def test_simple():
    assert parse("a = 1\n# note\n\nb=2") == {"a": "1", "b": "2"}


def test_value_with_sign():
    assert parse("url = http://x/?q=1") == {"url": "http://x/?q=1"}


def test_bool():
    assert as_bool({"debug": "Yes"}, "debug")
    assert as_bool({}, "debug", True)
