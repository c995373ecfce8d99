class Node:
    def __init__(self, name):
        self.name = name
        self.incoming = []
        self.outgoing = []

    def to(self, other):
        self.outgoing.append(other)
        other.incoming.append(self)


def order(nodes):
    ordered = [node for node in nodes if not node.incoming]
    for node in ordered:
        for following in node.outgoing:
            if set(ordered).issuperset(following.outgoing) and following not in ordered:
                ordered.append(following)
    return [node.name for node in ordered]
