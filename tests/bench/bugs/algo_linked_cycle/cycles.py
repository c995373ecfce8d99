class Node:
    def __init__(self, value, following=None):
        self.value = value
        self.following = following


def has_cycle(node):
    slow = fast = node
    while True:
        if fast.following is None:
            return False
        slow = slow.following
        fast = fast.following.following
        if slow is fast:
            return True
