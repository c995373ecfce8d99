from stock.warehouse import Warehouse


def test_three_times():
    house = Warehouse()
    for quantity in (1, 2, 3):
        house.receive("x", quantity)
    assert house.levels == {"x": 6}
    house.receive("y", 0)
    assert house.levels == {"x": 6, "y": 0}
