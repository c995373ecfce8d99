from rooms.interval import Interval


class Room:
    def __init__(self, name):
        self.name = name
        self.bookings = []

    def book(self, start, end):
        wanted = Interval(start, end)
        for taken in self.bookings:
            if taken.overlaps(wanted):
                return False
        self.bookings.append(wanted)
        return True
