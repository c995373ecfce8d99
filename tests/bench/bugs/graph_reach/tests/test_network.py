from network.graph import Graph
from network.search import distances, reachable


def line():
    graph = Graph()
    graph.connect("a", "b")
    graph.connect("b", "c")
    graph.connect("c", "d")
    return graph


def test_distances():
    assert distances(line(), "a") == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_unreachable():
    graph = line()
    graph.connect("x", "y")
    assert not reachable(graph, "a", "y")


def test_direct():
    assert reachable(line(), "a", "b")
