import heapq


def shortest(roads, start, goal):
    """Return the length of the shortest way, None when there is none."""
    best = {start: 0}
    heap = [(0, start)]
    while heap:
        length, place = heapq.heappop(heap)
        if place == goal:
            return length
        if length > best[place]:
            continue
        for other, distance in roads[place].items():
            through = length + distance
            if other not in best or through < best[other]:
                best[other] = through
                heapq.heappush(heap, (distance, other))
    return None
