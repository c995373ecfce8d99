from stock.report import low
from stock.warehouse import Warehouse


def test_receive_twice():
    house = Warehouse()
    house.receive("bolt", 5)
    assert house.receive("bolt", 7) == 12


def test_ship():
    house = Warehouse()
    house.receive("nut", 3)
    assert house.ship("nut", 2)
    assert not house.ship("nut", 2)
    assert house.total() == 1


def test_low():
    house = Warehouse()
    house.receive("nut", 3)
    house.receive("bolt", 30)
    assert low(house, 3) == ["nut"]
