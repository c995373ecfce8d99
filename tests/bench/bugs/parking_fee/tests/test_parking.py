from parking.garage import Garage


def test_fee():
    garage = Garage(2, 3, 20)
    garage.enter("B-1", 8)
    assert garage.leave("B-1", 11) == 9


def test_maximum():
    assert Garage(1, 3, 20).fee(10) == 20


def test_full():
    garage = Garage(1, 3, 20)
    assert garage.enter("a", 1)
    assert not garage.enter("b", 1)


def test_at_least_one_hour():
    assert Garage(1, 3, 20).fee(0) == 3
