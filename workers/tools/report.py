"""Reading pytest's report (JUnit XML, family xunit1) into counts and failing tests. The report is untrusted data."""

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

_MOST_FAILURES = 200
_EXCERPT_LINES = 25


@dataclass(frozen=True, slots=True)
class Failure:
    """One test that failed or could not run: its node id, the message, and the end of its traceback."""

    node: str
    message: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a run of the tests came to. `failures` holds the first 200 of failed and broken tests."""

    __test__ = False  # not a test class, whatever its name says

    passed: int
    failed: int
    errors: int
    skipped: int
    seconds: float
    failures: tuple[Failure, ...] = ()

    @property
    def green(self) -> bool:
        """True when at least one test passed and none failed or broke."""
        return self.passed > 0 and self.failed == 0 and self.errors == 0


def parse(xml: bytes) -> TestReport | None:
    """Read a report; None when it is missing, cut or not what pytest writes."""
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:  # pytest writes none; entities are how XML becomes a bomb
        return None
    try:
        root = ElementTree.fromstring(xml)  # entity-free, as checked
        suites = [root] if root.tag == "testsuite" else list(root.iter("testsuite"))
        if not suites:
            return None
        return _read(suites)
    except (ElementTree.ParseError, ValueError):
        return None


def _read(suites: list[ElementTree.Element]) -> TestReport:
    counts = {"passed": 0, "failure": 0, "error": 0, "skipped": 0}
    failures: list[Failure] = []
    for suite in suites:
        for case, kind, detail in _cases(suite):
            counts[kind] += 1
            if detail is not None and kind in ("failure", "error") and len(failures) < _MOST_FAILURES:
                text = (detail.text or "").rstrip().splitlines()[-_EXCERPT_LINES:]
                failures.append(Failure(_node(case), detail.get("message", "")[:500], "\n".join(text)))
    seconds = sum(float(suite.get("time", "0")) for suite in suites)
    return TestReport(counts["passed"], counts["failure"], counts["error"], counts["skipped"], seconds, tuple(failures))


def _cases(suite: ElementTree.Element) -> Iterator[tuple[ElementTree.Element, str, ElementTree.Element | None]]:
    """Yield each test with what became of it; a test that fails and then breaks in its teardown counts as failed."""
    for case in suite.iter("testcase"):
        for kind in ("failure", "error", "skipped"):
            detail = case.find(kind)
            if detail is not None:
                yield case, kind, detail
                break
        else:
            yield case, "passed", None


def _node(case: ElementTree.Element) -> str:
    """Rebuild the node id from file, dotted class name and name."""
    file, name, dotted = case.get("file", ""), case.get("name", ""), case.get("classname", "")
    if not file:  # a file that could not be collected has only its dotted name
        return f"{(dotted or name).replace('.', '/')}.py" if (dotted or name) else "unknown"
    module = file.removesuffix(".py").replace("/", ".")
    if name == module:
        return file
    inner = dotted.removeprefix(module).lstrip(".") if dotted.startswith(module) else ""
    return "::".join([file, *(part for part in inner.split(".") if part), name])
