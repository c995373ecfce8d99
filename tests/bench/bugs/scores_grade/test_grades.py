from grades import average, grade, report


def test_grade():
    assert grade(95) == "A"
    assert grade(70) == "C"
    assert grade(10) == "F"


def test_drop():
    assert average([50, 100, 90], drop_lowest=True) == 95


def test_single_stays():
    assert average([60], drop_lowest=True) == 60


def test_report():
    assert report({"ann": [40, 90, 92]}) == {"ann": "A"}
