from trees.node import Node


def insert(root, key):
    if root is None:
        return Node(key)
    if key < root.key:
        root.left = insert(root.left, key)
    elif key > root.key:
        root.right = insert(root.right, key)
    return root


def contains(root, key):
    if root is None:
        return False
    if root.key == key:
        return True
    if key < root.key:
        contains(root.left, key)
    return contains(root.right, key)


def in_order(root):
    if root is None:
        return []
    return in_order(root.left) + [root.key] + in_order(root.right)
