from rooms.booking import Room


def test_overlap_is_refused():
    room = Room("A")
    assert room.book(9, 11)
    assert not room.book(10, 12)


def test_inside_is_refused():
    room = Room("A")
    room.book(9, 17)
    assert not room.book(10, 11)


def test_back_to_back():
    room = Room("A")
    assert room.book(9, 10)
    assert room.book(10, 11)
    assert room.book(8, 9)
