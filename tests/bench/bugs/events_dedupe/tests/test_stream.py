from stream.dedupe import dedupe, latest
from stream.events import Event


def test_dedupe():
    events = [Event("a", 2), Event("a", 1), Event("b", 3)]
    assert [(event.key, event.time) for event in dedupe(events)] == [("a", 1), ("b", 3)]


def test_different():
    assert len(dedupe([Event("a", 1), Event("b", 1)])) == 2


def test_latest():
    assert latest([Event("a", 1), Event("a", 5), Event("a", 3)])["a"].time == 5
