"""`journeyman runs list | show`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Table

from bot.adapters.ledger_reader import SqlReader
from bot.bootstrap import looking, public_keys
from bot.config import load
from bot.domain.envelope import Envelope
from bot.domain.run import fold
from bot.services.explain import why

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def runs() -> None:
    """List runs and tell their stories. Example: journeyman runs list --json"""


@app.command("list")
def list_runs(
    limit: int = typer.Option(50, min=1, max=10_000, help="How many, the latest first."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """List runs, the latest first.

    Example: journeyman runs list --limit 5
    """
    settings = load()
    with looking(settings) as database:
        rows = SqlReader(database, public_keys(settings).verify).runs(limit=limit)
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    table = Table("run", "repository", "issue", "change", "state", "updated (UTC)")
    for row in rows:
        updated = datetime.fromtimestamp(row.updated, UTC).strftime("%Y-%m-%d %H:%M:%S")
        change = f"#{row.change}" if row.change is not None else ""
        table.add_row(row.run, row.repo, f"#{row.issue}", change, row.state, updated)
    Console().print(table)


@app.command()
def show(
    run: str = typer.Argument(help="The run's id, such as run-0123456789ab."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Tell the story of one run. Exit 1 when there is no such run.

    Example: journeyman runs show run-0123456789ab
    """
    settings = load()
    with looking(settings) as database:
        envelopes = SqlReader(database, public_keys(settings).verify).read(run)
    if not run.startswith("run-") or not envelopes:
        typer.echo(f"There is no run {run}; `journeyman runs list` lists all.", err=True)
        raise typer.Exit(1)
    folded = fold(envelopes)
    if as_json:
        facts = [_row(envelope) for envelope in envelopes]
        typer.echo(json.dumps({"run": run, "state": folded.state, "facts": facts}, indent=2))
    else:
        typer.echo(why(folded, envelopes))


def _row(envelope: Envelope) -> dict[str, object]:
    return {
        "version": envelope.version,
        "time": envelope.clock.wall / 1000,
        "zone": envelope.zone.value,
        "kind": envelope.kind,
        "cause": envelope.cause,
        "body": envelope.body,
    }
