from collections import deque


def is_reachable(edges, start, goal):
    queue = deque([start])
    seen = {start}
    while True:
        node = queue.popleft()
        if node == goal:
            return True
        for other in edges.get(node, ()):
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return False
