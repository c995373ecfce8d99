from slugs.clean import slug


def test_capital_umlaut():
    assert slug("Öl & Übung") == "oel-uebung"
    assert slug("--Café--") == "cafe"
