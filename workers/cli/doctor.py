"""`journeyman doctor`."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bot.config import load

if TYPE_CHECKING:
    from workers.doctor import Line

MARKS = {"ok": "[green]ok  [/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]fail[/red]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    repo: Annotated[
        str, typer.Option(help="Look at a repository on its forge too: permissions, hook, rules. FORGE:OWNER/NAME")
    ] = "",
) -> None:
    """Check this installation in five layers: infrastructure, model, data, orchestration, application.

    Looks with the settings of this environment, and changes nothing; what is not set is said, with the next step. Exit
    0 when nothing fails, 1 when something does, 2 for a --repo that names none, 78 when the settings cannot be read.

    Example: journeyman doctor --repo github:octo/shop --json
    """
    from bot.domain.change import Repo
    from workers.doctor import examine

    try:
        asked = Repo.parse(repo) if repo else None
    except ValueError:
        raise typer.BadParameter("write FORGE:OWNER/NAME, such as github:octo/shop", param_hint="--repo") from None
    lines = examine(load(), asked)
    if not as_json:
        raise typer.Exit(int(show(lines, Console(highlight=False))))
    found = list(lines)
    failed = any(line.state == "fail" for line in found)
    sys.stdout.write(json.dumps({"ok": not failed, "checks": [asdict(line) for line in found]}, indent=2) + "\n")
    raise typer.Exit(int(failed))


def show(lines: "Iterable[Line]", screen: Console) -> bool:
    """Print each line before the next is asked for; tell whether something fails."""
    failed = False
    for layer, rows in groupby(lines, key=lambda line: line.layer):
        screen.print(f"\n[bold]{layer}[/bold]")
        for row in rows:
            failed |= row.state == "fail"
            screen.print(f"  {MARKS[row.state]} {row.check:15} ", end="")
            screen.print(row.found, markup=False)
            if row.next:
                screen.print(f"       next: {row.next}", markup=False)
    return failed
