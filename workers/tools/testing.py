"""Running the repository's tests in the sandbox, and the tool that does so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.ports import Finished, Limits, Sandbox
from workers.tools.contracts import Room, Tool, ToolFailure, ToolOutcome, arguments, integer, string
from workers.tools.output import cut, readable
from workers.tools.plugins import unused
from workers.tools.report import TestReport, parse

_SHOWN_FAILURES = 10
_SHOWN_CHARS = 16_000
_TAIL = 4_000
_USAGE_ERROR, _NO_TESTS = 4, 5
# The order of somebody else's tests is left as it is, and no cache is written into the tree.
_NEVER = ("cacheprovider", "randomly")
# The report goes to standard output alone, so that what tests print cannot be mistaken for it by accident.
_SCRIPT = """
"$0" -m pytest -o junit_family=xunit1 --junitxml=/tmp/report.xml "$@" 1>&2
code=$?
cat /tmp/report.xml
exit $code
"""


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of pytest: the report where there is one, pytest's exit code, and the end of what it printed."""

    __test__ = False

    report: TestReport | None
    exit_code: int
    timed_out: bool
    tail: str


def run_tests(
    sandbox: Sandbox, workspace: Path, limits: Limits, nodes: Sequence[str] = (), options: Sequence[str] = ()
) -> TestRun:
    """Run pytest in the sandbox on these node ids (all tests when empty).

    When the repository's own options ask for plugins that are not there, it is tried once more without them.
    The report is made by untrusted code: good as advice, not as a proof.
    """
    hang = f"faulthandler_timeout={max(1.0, limits.wall_seconds * 0.4):.0f}"
    plugins = [part for name in (*_NEVER, *unused(workspace)) for part in ("-p", f"no:{name}")]
    usual = ["-q", *plugins, "-o", hang, *options]
    done = _pytest(sandbox, workspace, limits, [*usual, *nodes])
    if done.exit_code == _USAGE_ERROR and b"unrecognized arguments" in done.stderr:
        done = _pytest(sandbox, workspace, limits, [*usual, "-o", "addopts=", *nodes])
    report = None if done.timed_out else parse(done.stdout)
    return TestRun(report, done.exit_code, done.timed_out, cut(readable(done.stderr).strip(), _TAIL))


def _pytest(sandbox: Sandbox, workspace: Path, limits: Limits, arguments: Sequence[str]) -> Finished:
    return sandbox.run(["sh", "-c", _SCRIPT, sandbox.python, *arguments], workspace=workspace, limits=limits)


def _execute(room: Room, given: dict[str, Any]) -> ToolOutcome:
    nodes = given.get("nodes", [])
    if any(node.startswith("-") for node in nodes):
        raise ToolFailure("invalid_arguments", "a node id does not begin with a dash; options cannot be given")
    seconds = min(given.get("seconds", room.limits.wall_seconds), room.limits.wall_seconds)
    run = run_tests(room.sandbox, room.workspace, replace(room.limits, wall_seconds=seconds), nodes)
    if run.timed_out:
        said = f"The tests did not end within {seconds:.0f} seconds and were stopped. They had printed:\n{run.tail}"
        return ToolOutcome(said, is_error=True, code="timeout")
    if run.exit_code == _NO_TESTS:
        return ToolOutcome("No tests were found.", is_error=True, code="no_tests", report=run.report)
    if run.report is None or (run.exit_code not in (0, 1) and not run.report.failures):
        said = f"pytest could not run the tests (exit code {run.exit_code}):\n{run.tail}"
        return ToolOutcome(said, is_error=True, code="broken")
    return ToolOutcome(summary(run.report), report=run.report)


def summary(report: TestReport) -> str:
    """Return counts, and for the first failing tests the node id and the end of the traceback."""
    counts = {"passed": report.passed, "failed": report.failed, "errors": report.errors, "skipped": report.skipped}
    head = ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "nothing ran"
    parts = [f"{head} in {report.seconds:.1f} s."]
    for failure in report.failures[:_SHOWN_FAILURES]:
        parts.append(f"\nFAILED {failure.node}\n{failure.excerpt or failure.message}")
    rest = report.failures[_SHOWN_FAILURES:]
    if rest:
        parts.append("\nAlso failing:\n" + "\n".join(failure.node for failure in rest))
    return cut("\n".join(parts), _SHOWN_CHARS)


TEST_TOOLS = (
    Tool(
        name="tests.execute",
        description=(
            "Run the repository's tests with pytest, all or only some. "
            "Answers with counts, failing node ids and short tracebacks."
        ),
        schema=arguments(
            {
                "nodes": {
                    "type": "array",
                    "maxItems": 100,
                    "items": string("A file, directory or node id such as tests/test_a.py::test_b.", most=1000),
                    "description": "What to run; everything when left out.",
                },
                "seconds": integer("Stop after this long.", least=1, most=3600),
            },
        ),
        risk="execute",
        idempotent=True,
        reversible=False,
        run=_execute,
        preconditions=("pytest can collect the tests",),
        postconditions=("no process is left", "only the workspace can have changed"),
        failures={
            "timeout": "the tests did not end in time and were killed",
            "no_tests": "nothing was collected",
            "broken": "pytest itself could not run, for example for a wrong node id",
        },
    ),
)
