class Task:
    def __init__(self, name):
        self.name = name
        self.needs = []
        self.unlocks = []

    def after(self, other):
        self.needs.append(other)
        other.unlocks.append(self)
        return self
