from parking.garage import Garage


def test_more():
    garage = Garage(1, 5, 12)
    assert [garage.fee(hours) for hours in (0, 1, 2, 3)] == [5, 5, 10, 12]
    garage = Garage(30, 2, 40)
    assert garage.fee(12) == 24
