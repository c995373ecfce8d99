from settings.parse import parse, parse_line


def test_many_signs():
    assert parse("k=a=b=c==") == {"k": "a=b=c=="}
    assert parse_line("x=") == ("x", "")
