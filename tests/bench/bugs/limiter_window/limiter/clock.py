class ManualClock:
    def __init__(self):
        self.time = 0.0

    def advance(self, seconds):
        self.time += seconds
