class Graph:
    def __init__(self):
        self.edges = {}

    def connect(self, one, two):
        self.edges.setdefault(one, set()).add(two)
        self.edges.setdefault(two, set()).add(one)

    def neighbours(self, node):
        return self.edges.get(node, set())
