from stream.dedupe import dedupe
from stream.events import Event


def test_many():
    events = [Event(str(number % 3), number) for number in range(9)]
    assert [event.time for event in dedupe(events)] == [0, 1, 2]
    assert dedupe([]) == []
