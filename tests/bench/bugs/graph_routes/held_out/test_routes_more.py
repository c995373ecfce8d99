from routes.shortest import shortest


def test_chain():
    roads = {1: {2: 5}, 2: {3: 5}, 3: {4: 5}, 4: {}}
    assert shortest(roads, 1, 4) == 15
    assert shortest({1: {2: 9, 3: 1}, 2: {}, 3: {4: 1}, 4: {2: 1}}, 1, 2) == 3
