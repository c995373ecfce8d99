from collections import deque


def distances(graph, start):
    """Return the number of steps from start to each node that can be reached."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for other in sorted(graph.neighbours(node)):
            if other not in found:
                found[other] = found[node] + 1
    return found


def reachable(graph, start, goal):
    return goal in distances(graph, start)
