class Interval:
    def __init__(self, start, end):
        if end <= start:
            raise ValueError("an interval ends after it starts")
        self.start = start
        self.end = end

    def overlaps(self, other):
        return self.start <= other.end and other.start <= self.end

    def __repr__(self):
        return f"Interval({self.start}, {self.end})"
