def depth(tree):
    """A tree is a tuple (value, child, child, ...)."""
    if not tree:
        return 0
    children = tree[1:]
    return 1 + min((depth(child) for child in children), default=0)


def leaves(tree):
    if len(tree) == 1:
        return [tree[0]]
    found = []
    for child in tree[1:]:
        found.extend(leaves(child))
    return found
