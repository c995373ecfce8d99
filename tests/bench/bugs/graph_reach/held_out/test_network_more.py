from network.graph import Graph
from network.search import distances


def test_ring():
    graph = Graph()
    for one, two in ((1, 2), (2, 3), (3, 4), (4, 5), (5, 1)):
        graph.connect(one, two)
    assert distances(graph, 1) == {1: 0, 2: 1, 5: 1, 3: 2, 4: 2}
