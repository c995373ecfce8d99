# ruff: noqa: T201 - a program that people run: printing is its job
"""How many small buggy programs the repair engine mends: `python -m tests.bench.repair [DIR] [--seconds N] [--json]`.

DIR holds one folder per program: its code, the tests that the engine may see (`tests/` or `test_*.py`), and `held_out/`
with tests that only judge. A `bug.toml` may name the kind of bug, and say how the right program differs, so that
`--check` can tell whether the set itself is sound. Without DIR the project's own set is used.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from workers.engines.repair.engine import RepairEngine
from workers.engines.repair.result import RepairResult
from workers.engines.repair.source import copy_tree
from workers.engines.repair.suite import survey
from workers.sandbox.bubblewrap import BubblewrapSandbox

OWN_SET = Path(__file__).parent / "bugs"
JUDGES = "held_out"


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one program."""

    name: str
    kind: str
    status: str
    plausible: bool
    correct: bool | None
    operator: str
    candidates: int
    seconds: float
    patch: str


def programs(folder: Path) -> list[Path]:
    """Return the folders of a set."""
    return sorted(one for one in folder.iterdir() if one.is_dir() and any(one.rglob("*.py")))


def kind_of(program: Path) -> str:
    """Return the kind of bug that `bug.toml` names."""
    return str(_about(program).get("kind", "not said"))


def _about(program: Path) -> dict[str, object]:
    file = program / "bug.toml"
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def visible(program: Path, target: Path) -> Path:
    """Copy what the engine may see."""
    copy = target / program.name
    shutil.copytree(program, copy, ignore=shutil.ignore_patterns(JUDGES, "bug.toml", "__pycache__", ".pytest_cache"))
    return copy


def apply_patch(patch: str, folder: Path) -> None:
    """Apply a unified diff as a stranger would."""
    subprocess.run(
        ["git", "apply", "-"],
        cwd=folder,
        input=patch.encode("utf-8", "surrogateescape"),
        check=True,
        capture_output=True,
    )


def passes(folder: Path, tests: Iterable[str] = ()) -> bool:
    """Run tests in the sandbox; True when there are some and all pass."""
    sandbox = BubblewrapSandbox()
    with sandbox.workspace() as workspace:
        copy_tree(folder, workspace)
        found = survey(sandbox, workspace, tests=list(tests), seconds=60.0, test_seconds=10.0)
    return bool(found.outcomes) and not found.failing and not found.trouble


def judge(program: Path, result: RepairResult, scratch: Path) -> bool | None:
    """Tell whether the patched program passes the held-out tests; None when the program has none."""
    if not (program / JUDGES).is_dir():
        return None
    if result.status != "fixed":
        return False
    copy = scratch / program.name
    apply_patch(result.patch, copy)
    shutil.copytree(program / JUDGES, copy / JUDGES)
    return passes(copy, [JUDGES])


def try_one(program: Path, seconds: float) -> Row:
    """Repair one program and judge the patch."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        copy = visible(program, scratch)
        result = RepairEngine(BubblewrapSandbox()).repair(copy, seconds=seconds)
        correct = judge(program, result, scratch)
    return Row(
        program.name, kind_of(program), result.status, result.status == "fixed", correct, result.operator,
        result.candidates, result.seconds, result.patch,
    )  # fmt: skip


def check(program: Path) -> str:
    """Return what is wrong with a program of the set, "" when it is as it should be."""
    about = _about(program)
    if "right" not in about:
        return "bug.toml does not say what is right"
    with tempfile.TemporaryDirectory() as name:
        copy = visible(program, Path(name))
        if passes(copy):
            return "the visible tests pass with the bug"
        file = copy / str(about["file"])
        text = file.read_text("utf-8")
        if text.count(str(about["wrong"])) != 1:
            return "the wrong text is not there exactly once"
        file.write_text(text.replace(str(about["wrong"]), str(about["right"])), "utf-8")
        if not passes(copy):
            return "the visible tests fail without the bug"
        shutil.copytree(program / JUDGES, copy / JUDGES)
        return "" if passes(copy, [JUDGES]) else "the held-out tests fail without the bug"


def summary(rows: list[Row]) -> dict[str, object]:
    """Return the figures over all rows and per kind."""
    kinds: dict[str, dict[str, int]] = {}
    for row in rows:
        count = kinds.setdefault(row.kind, {"programs": 0, "patched": 0, "correct": 0})
        count["programs"] += 1
        count["patched"] += row.plausible
        count["correct"] += bool(row.correct)
    return {
        "programs": len(rows),
        "patched": sum(row.plausible for row in rows),
        "correct": sum(bool(row.correct) for row in rows),
        "median_seconds": round(statistics.median(row.seconds for row in rows), 2) if rows else None,
        "median_candidates": statistics.median(row.candidates for row in rows) if rows else None,
        "kinds": dict(sorted(kinds.items())),
    }


def show(rows: list[Row], figures: dict[str, object]) -> None:
    """Print the table for people."""
    for kind, count in dict(figures["kinds"]).items():  # type: ignore[call-overload]
        print(f"{kind:<36} {count['correct']:>3} correct {count['patched']:>3} patched of {count['programs']:>3}")
    total = figures["programs"]
    print(
        f"\n{figures['patched']} of {total} got a patch that passes, {figures['correct']} pass the held-out tests too"
    )
    print(f"median: {figures['median_seconds']} s, {figures['median_candidates']} edits tried")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.repair", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=OWN_SET, metavar="DIR")
    parser.add_argument("--seconds", type=float, default=60.0, help="time for each program (default 60)")
    parser.add_argument("--jobs", type=int, default=1, help="programs at the same time (default 1)")
    parser.add_argument("--only", default="", help="only programs whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--check", action="store_true", help="only tell whether the set is sound")
    return parser.parse_args()


def main() -> int:
    """Run the bench; exit code 0, or 1 when `--check` finds fault, 2 when there is nothing to do."""
    asked = arguments()
    chosen = [one for one in programs(asked.folder) if asked.only in one.name] if asked.folder.is_dir() else []
    if not chosen:
        print(f"no programs in {asked.folder}: give a folder of folders", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(asked.jobs) as pool:
        if asked.check:
            faults = [(one.name, fault) for one, fault in zip(chosen, pool.map(check, chosen), strict=True) if fault]
            for name, fault in faults:
                print(f"{name}: {fault}")
            return 1 if faults else 0
        rows = []
        for row in pool.map(lambda one: try_one(one, asked.seconds), chosen):
            rows.append(row)
            mark = "correct" if row.correct else "patched" if row.plausible else row.status
            print(f"{row.name:<28} {mark:<10} {row.seconds:6.1f} s {row.candidates:5} {row.operator}", file=sys.stderr)
    figures = summary(rows)
    if asked.json:
        print(json.dumps({**figures, "rows": [asdict(row) for row in rows]}, indent=2))
    else:
        show(rows, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
