"""Search and replace, and reading test reports: pure."""

import pytest

from workers.tools.contracts import ToolFailure
from workers.tools.editing import replace_once
from workers.tools.output import cut, lines_of, numbered, readable
from workers.tools.report import Failure, parse


def failure(text: str, search: str, replace: str) -> ToolFailure:
    with pytest.raises(ToolFailure) as raised:
        replace_once(text, search, replace)
    return raised.value


def test_a_unique_text_is_replaced_exactly() -> None:
    edit = replace_once("a = 1\nb = 2\nc = 3\n", "2\nc", "4\nd")
    assert (edit.text, edit.first, edit.last, edit.tolerant) == ("a = 1\nb = 4\nd = 3\n", 2, 3, False)


def test_deleting_and_an_end_without_newline() -> None:
    assert replace_once("a\nb\nc", "b\n", "").text == "a\nc"
    assert replace_once("a\nb", "b", "c").text == "a\nc"


def test_no_match_says_where_something_similar_is() -> None:
    found = failure("def f():\n    return 1\n", "return 2", "x")
    assert found.code == "no_match"
    found = failure("if x:\n        return 1\n", "    return 1\n    more", "x")
    assert found.code == "no_match"
    assert "at 2; check the indentation" in str(found)


def test_several_matches_are_refused_with_their_lines() -> None:
    found = failure("x\ny\nx\n", "x", "z")
    assert (found.code, "lines 1, 3" in str(found)) == ("several_matches", True)
    assert failure("aaa", "aa", "b").code == "several_matches"  # they overlap
    assert failure("a \nb\na\nb\n", "a\nb \n", "c").code == "several_matches"


def test_the_same_text_is_no_change() -> None:
    assert failure("a", "a", "a").code == "no_change"
    assert failure("a\r\nb\r\n", "a\nb\n", "a\nb").code == "no_change"


@pytest.mark.parametrize(
    ("text", "search", "replace", "expected"),
    [
        ("a = 1  \nb = 2\n", "a = 1\nb = 2", "a = 3\nb = 4", "a = 3\nb = 4\n"),
        ("a\r\nb\r\nc\r\n", "a\nb\n", "x\ny\n", "x\r\ny\r\nc\r\n"),
        ("a\r\nb\r\nc\r\n", "b", "x\ny", "a\r\nx\r\ny\r\nc\r\n"),
        ("\tif x:\n\t\tgo()\n", "\tif x: \n\t\tgo()  \n", "\tgo()\n", "\tgo()\n"),
        ("a\nb", "a \nb \n", "c\nd\n", "c\nd\n"),
        ("a\nb\nc\n", "a  \nb  ", "", "c\n"),
    ],
)
def test_line_ends_are_tolerated_and_kept(text: str, search: str, replace: str, expected: str) -> None:
    assert replace_once(text, search, replace).text == expected


def test_white_space_within_lines_is_never_tolerated() -> None:
    assert failure("a =  1\n", "a = 1", "x").code == "no_match"
    assert failure("    a\n", "\ta\n", "x").code == "no_match"
    assert failure("\n\n\n", "  \n", "x").code == "no_match"


def test_output_is_cut_in_the_middle_and_made_readable() -> None:
    shown = cut("a" * 100 + "b" * 100, 30)
    assert shown.startswith("a" * 10 + "\n[... 170 characters cut")
    assert shown.endswith("]\n" + "b" * 20)
    assert cut("a" * 100, 30, head=20).startswith("a" * 20 + "\n[... 70 characters cut")
    assert cut("short", 30) == "short"
    assert readable(b"ok\r\n\x1b[31mred\x9b \xff\ttab") == "ok\n\ufffd[31mred\ufffd \ufffd\ttab"
    assert lines_of("a\r\nb\x0cc\n") == ["a", "b\x0cc"]
    assert numbered(["x" * 20], 7, width=5) == "     7\txxxxx [... 15 characters more]"


REPORT = b"""<?xml version="1.0"?><testsuites><testsuite name="pytest" time="1.5">
<testcase classname="tests.test_a" name="test_ok" file="tests/test_a.py" time="0.1"/>
<testcase classname="tests.test_a.TestX.TestY" name="test_no[a.b]" file="tests/test_a.py">
<failure message="assert 1 == 2">trace
E  assert 1 == 2</failure></testcase>
<testcase classname="" name="tests.test_broken" file="tests/test_broken.py"><error message="collection failure"
>SyntaxError</error></testcase>
<testcase classname="" name="tests.test_older"><error message="collection failure"/></testcase>
<testcase classname="tests.test_a" name="test_skip" file="tests/test_a.py"><skipped message="later"/></testcase>
</testsuite></testsuites>"""


def test_a_report_is_counted_and_its_node_ids_are_rebuilt() -> None:
    report = parse(REPORT)
    assert report is not None
    assert (report.passed, report.failed, report.errors, report.skipped, report.seconds) == (1, 1, 2, 1, 1.5)
    assert report.failures == (
        Failure("tests/test_a.py::TestX::TestY::test_no[a.b]", "assert 1 == 2", "trace\nE  assert 1 == 2"),
        Failure("tests/test_broken.py", "collection failure", "SyntaxError"),
        Failure("tests/test_older.py", "collection failure", ""),
    )
    assert not report.green


@pytest.mark.parametrize(
    "xml",
    [
        b"", b"<testsuite>", b"<html/>", b"\xff\xfe", b'<testsuite time="soon"/>',
        b'<!DOCTYPE x [<!ENTITY a "b">]><testsuite name="&a;"/>',
    ],
)  # fmt: skip
def test_what_is_no_report_is_none(xml: bytes) -> None:
    assert parse(xml) is None
