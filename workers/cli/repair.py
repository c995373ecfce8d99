"""`journeyman repair PATH`: a patch for failing tests, found without a model."""

import json
import sys
from base64 import b64encode
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from bot.cli.failing import fail
from bot.config import sandbox_python
from bot.domain.errors import SandboxUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.engines.repair.result import Progress, RepairResult

EXIT_NONE, EXIT_USAGE, EXIT_NO_SANDBOX = 3, 2, 4
WORDS = {
    "copy": "copying the code",
    "survey": "running the tests",
    "rank": "ranking lines",
    "search": "trying edits",
    "verify": "verifying the patch",
}

Root = Annotated[Path, typer.Argument(metavar="PATH", help="A directory of Python code with pytest tests, git or not.")]
Nodes = Annotated[list[str] | None, typer.Option("--test", metavar="NODE", help="A test to repair; may be repeated.")]
Seconds = Annotated[float, typer.Option("--seconds", min=5.0, max=86_400.0, help="Stop after about this many seconds.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def repair(path: Root, test: Nodes = None, seconds: Seconds = 120.0, as_json: AsJson = False) -> None:
    """Repair a directory of Python code whose tests fail; no model needed.

    Prints a unified diff that makes the failing tests pass and breaks no other. PATH itself is only read: apply the
    diff with `git apply` or `patch -p1`. Tests, conftest.py and configuration are never part of a patch.

    Example: cd shop && journeyman repair . --test tests/test_cart.py::test_total | git apply

    The code runs in a sandbox with JOURNEYMAN_SANDBOX_PYTHON, or with the interpreter that runs this.

    Exit codes: 0 a patch was found, 2 PATH cannot be used, 3 no patch (standard error says why), 4 no sandbox. For 2
    and 4 --json prints {"status": "failed", "code": EXIT CODE, "error": ONE LINE}.
    """
    _check_path(path, as_json=as_json)
    from workers.engines.repair.engine import RepairEngine  # these two load libcst and the sandbox: not for --help
    from workers.sandbox.bubblewrap import BubblewrapSandbox

    try:
        sandbox = BubblewrapSandbox(python=sandbox_python())
        sandbox.check()
        with _shown() as show:
            result = RepairEngine(sandbox).repair(path, tests=test or (), seconds=seconds, on_progress=show)
    except SandboxUnavailable as error:
        _fail(str(error), EXIT_NO_SANDBOX, as_json=as_json)
    except OSError as error:
        _fail(f"{path} cannot be read: {error}", EXIT_USAGE, as_json=as_json)
    _tell(result, as_json)
    raise typer.Exit(0 if result.status == "fixed" else EXIT_NONE)


def _check_path(path: Path, *, as_json: bool) -> None:
    advice = "give the directory that holds the code and its tests"
    if not path.exists():
        _fail(f"there is no {path}: {advice}", EXIT_USAGE, as_json=as_json)
    if not path.is_dir():
        _fail(f"{path} is not a directory: {advice}", EXIT_USAGE, as_json=as_json)


def _fail(message: str, code: int, *, as_json: bool) -> NoReturn:
    fail(message, code, as_json=as_json, before="journeyman repair: ")


def document(result: "RepairResult") -> dict[str, Any]:
    """Return the JSON document of a result; its keys are a promise.

    A patch with bytes that are not UTF-8 is there a second time, as `patch_base64`: JSON holds text only.
    """
    patch = result.patch_bytes
    exact = {} if patch.decode("utf-8", "replace") == result.patch else {"patch_base64": b64encode(patch).decode()}
    return {
        "status": result.status,
        "patch": result.patch,
        "file": result.file,
        "line": result.line,
        "tests_before": result.tests_before,
        "tests_after": result.tests_after,
        "candidates": result.candidates,
        "seconds": result.seconds,
        "reason": result.reason,
        "failing": list(result.failing),
        "hung": list(result.hung),
        **exact,
    }


def _tell(result: "RepairResult", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(document(result), indent=2))
    else:
        typer.echo(result.patch_bytes, nl=False)
    typer.echo(f"{result.status}: {result.reason} ({result.candidates} edits tried, {result.seconds:.1f} s)", err=True)


@contextmanager
def _shown() -> "Iterator[Callable[[Progress], None] | None]":
    """Give a listener that draws progress on standard error, None when that is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("starting", total=None)

        def show(progress: "Progress") -> None:
            note = f" ({progress.note})" if progress.note else ""
            bars.update(
                bar, description=WORDS[progress.phase] + note, completed=progress.done, total=progress.total or None
            )

        yield show
