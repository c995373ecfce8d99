class Copy:
    def __init__(self, title):
        self.title = title
        self.borrower = None


class Member:
    def __init__(self, name, limit=2):
        self.name = name
        self.limit = limit
        self.loans = []
