class Link:
    def __init__(self, value, following=None):
        self.value = value
        self.following = following


class Chain:
    def __init__(self, values=()):
        self.head = None
        for value in reversed(list(values)):
            self.head = Link(value, self.head)

    def values(self):
        found = []
        link = self.head
        while link is not None:
            found.append(link.value)
            link = link.following
        return found

    def reverse(self):
        before = None
        link = self.head
        while link is not None:
            after = link.following
            before = link
            link.following = before
            link = after
        self.head = before
