class Empty(Exception):
    pass


class JobQueue:
    def __init__(self):
        self.waiting = []

    def put(self, name, priority=0):
        self.waiting.append((priority, len(self.waiting), name))

    def take(self):
        job = min(self.waiting)
        self.waiting.remove(job)
        return job[2]

    def __len__(self):
        return len(self.waiting)
