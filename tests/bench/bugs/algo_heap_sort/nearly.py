import heapq


def nearly_sorted(values, k):
    """Sort values that are at most k places away from where they belong."""
    heap = list(values[:k])
    heapq.heapify(heap)
    for value in values:
        yield heapq.heappushpop(heap, value)
    while heap:
        yield heapq.heappop(heap)
