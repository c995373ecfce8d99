"""`journeyman doctor`."""

import json
import sys
from dataclasses import asdict
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console

from bot.config import load

MARKS = {"ok": "[green]ok  [/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]fail[/red]"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False) -> None:
    """Check this installation in five layers: infrastructure, model, data, orchestration, application.

    Looks with the settings of this environment; what is not set is said, with the next step. Exit 0 when nothing
    fails, 1 when something does, 78 when the settings cannot be read.

    Example: journeyman doctor --json
    """
    from workers.doctor import examine

    lines = list(examine(load()))
    failed = any(line.state == "fail" for line in lines)
    if as_json:
        sys.stdout.write(json.dumps({"ok": not failed, "checks": [asdict(line) for line in lines]}, indent=2) + "\n")
        raise typer.Exit(int(failed))
    screen = Console(highlight=False)
    for layer, rows in groupby(lines, key=lambda line: line.layer):
        screen.print(f"\n[bold]{layer}[/bold]")
        for row in rows:
            screen.print(f"  {MARKS[row.state]} {row.check:15}", end="")
            screen.print(row.found, markup=False)
            if row.next:
                screen.print(f"       next: {row.next}", markup=False)
    raise typer.Exit(int(failed))
