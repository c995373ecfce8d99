class Limiter:
    """At most `limit` calls in any `seconds`."""

    def __init__(self, clock, limit, seconds):
        self.clock = clock
        self.limit = limit
        self.seconds = seconds
        self.calls = []

    def allow(self):
        now = self.clock.time
        self.calls = [call for call in self.calls if now - call < self.seconds]
        if len(self.calls) > self.limit:
            return False
        self.calls.append(now)
        return True
