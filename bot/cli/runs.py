"""`journeyman runs list | show`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Column, Table

from bot.adapters.ledger_reader import SqlReader
from bot.bootstrap import looking, public_keys
from bot.cli.failing import fail
from bot.config import load
from bot.domain.change import Repo, Subject
from bot.domain.envelope import Envelope
from bot.domain.run import fold
from bot.services.explain import why

WIDE, MOST = 1000, 5

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
    # The id is what the other commands want: where there is little room, the other columns give way.
    id_column = Column("run", no_wrap=True, min_width=max((len(row.run) for row in rows), default=0))
    table = Table(id_column, "repository", "issue", "change", "state", "updated (UTC)")
    for row in rows:
        updated = datetime.fromtimestamp(row.updated, UTC).strftime("%Y-%m-%d %H:%M:%S")
        change = Subject(Repo.parse(row.repo), "change", row.change).mark if row.change is not None else ""
        table.add_row(row.run, row.repo, f"#{row.issue}", change, row.state, updated)
    screen = Console()
    if not screen.is_terminal:  # a file or a pipe has no width
        screen.width = WIDE
    screen.print(table)


@app.command()
def show(
    run: str = typer.Argument(help="The run's id, such as run-0123456789ab, or as much of its beginning as is clear."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON document."),
) -> None:
    """Tell the story of one run. Exit 1 when there is no such run, or when more than one id begins so.

    Example: journeyman runs show run-0123456789ab
    """
    settings = load()
    with looking(settings) as database:
        reader = SqlReader(database, public_keys(settings).verify)
        beginning = f"run-{run.removeprefix('run-').rstrip('.…')}"
        run = _meant(run, reader.streams(beginning, limit=MOST + 1), as_json=as_json)
        envelopes = reader.read(run)
    folded = fold(envelopes)
    if as_json:
        facts = [_row(envelope) for envelope in envelopes]
        typer.echo(json.dumps({"run": run, "state": folded.state, "facts": facts}, indent=2))
    else:
        typer.echo(why(folded, envelopes))


def _meant(run: str, found: list[str], *, as_json: bool) -> str:
    """Return the one id among those that begin with what was given; an id in full is meant even if others go on."""
    if not found:
        fail(f"There is no run {run}; `journeyman runs list` lists all.", 1, as_json=as_json)
    if run not in found and len(found) > 1:
        some = ", ".join(found[:MOST]) + (", ..." if len(found) > MOST else "")
        fail(f"{run} is the beginning of several runs: {some}; give more of the one you mean.", 1, as_json=as_json)
    return run if run in found else found[0]


def _row(envelope: Envelope) -> dict[str, object]:
    return {
        "version": envelope.version,
        "time": envelope.clock.wall / 1000,
        "zone": envelope.zone.value,
        "kind": envelope.kind,
        "cause": envelope.cause,
        "body": envelope.body,
    }
