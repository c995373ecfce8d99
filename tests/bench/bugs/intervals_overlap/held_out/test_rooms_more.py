from rooms.booking import Room
from rooms.interval import Interval


def test_symmetric():
    pairs = [((1, 3), (2, 4), True), ((1, 2), (2, 3), False), ((1, 10), (4, 5), True), ((5, 6), (1, 2), False)]
    for one, two, expected in pairs:
        assert Interval(*one).overlaps(Interval(*two)) is expected
        assert Interval(*two).overlaps(Interval(*one)) is expected
    room = Room("B")
    room.book(1, 2)
    assert room.book(5, 6)
