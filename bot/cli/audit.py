"""`journeyman audit export FILE` and `journeyman audit verify [FILE]`.

Exit codes: 0 all is right, 1 something is wrong (the first bad line is named), 2 the command cannot work so; errors in
the settings are left to the command line's own border. Where there is no report, `--json` prints {"status": "failed",
"code": EXIT CODE, "error": ONE LINE}.
"""

import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bot.adapters.audit_files import export_ledger, verify_database, verify_file
from bot.adapters.clock import SystemTime
from bot.adapters.keys import KeyRing, load_public
from bot.cli.failing import fail
from bot.config import load
from bot.domain.errors import ConfigError, LedgerError
from bot.services.audit import Report

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


@app.callback()
def audit() -> None:
    """Export the ledger, and verify that nobody has changed it.

    Example: journeyman audit verify
    """


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="The file to write; an existing one is replaced when all went well.")],
    as_json: AsJson = False,
) -> None:
    """Write the whole ledger to FILE, with a signed seal at the end.

    Each envelope is a line. Keep exports where this machine cannot change them: they are the anchor against somebody
    who holds its keys.

    Example: journeyman audit export ledger.jsonl

    Exit codes: 0 written, 1 the ledger does not verify (nothing is written), 2 the file cannot be written.
    """
    from bot.bootstrap import looking, sealing_keys  # loading every adapter would make `--help` slow

    settings = load()
    with looking(settings) as database:
        try:
            report = export_ledger(database, sealing_keys(settings), SystemTime(), file)
        except LedgerError as error:
            _refuse(str(error), as_json=as_json)
    _tell(report, f"exported to {file}", as_json=as_json)


@app.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="An export; without it, the installation's own database.")] = None,
    keys: Annotated[Path | None, typer.Option(help="Directory of trusted public keys (ZONE.pub).")] = None,
    since: Annotated[
        Path | None, typer.Option(help="An earlier export (or its last line) to be held and gone on from.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify an export, or the installation's own database.

    Chain, signatures, rights, effects and deliveries are checked; of a database also the stored bodies, the artifacts
    and the list of runs, which an export does not hold. Without --keys an export is checked with the public keys that
    its seal declares. That shows that nobody without one of those keys has changed it, but not whose keys they are.
    With --since, a ledger that was put back or cut by somebody who holds keys is found too.

    Example: journeyman audit verify ledger.jsonl --keys /srv/journeyman/keys

    Exit codes: 0 all is right, 1 the first bad line is named, 2 the file or the keys cannot be read.
    """
    try:
        trusted = KeyRing(load_public(keys)) if keys else None
    except ConfigError as error:
        _refuse(str(error), as_json=as_json)
    try:
        report = _verify_own(trusted, since) if file is None else verify_file(file, trusted, since)
    except OSError as error:
        _refuse(f"{error.filename or file} cannot be read: {error.strerror}", as_json=as_json)
    except LedgerError as error:
        _refuse(str(error), as_json=as_json)
    _tell(report, "ok", as_json=as_json)


def _verify_own(trusted: KeyRing | None, since: Path | None) -> Report:
    from bot.bootstrap import looking, public_keys  # as above

    settings = load()
    with looking(settings) as database:
        return verify_database(database, (trusted or public_keys(settings)).verify, since)


def _refuse(message: str, *, as_json: bool) -> NoReturn:
    fail(message, 2, as_json=as_json, before="error: ")


def _tell(report: Report, success: str, *, as_json: bool) -> None:
    """Print the report and exit with its code."""
    for warning in report.warnings:
        typer.echo(f"note: {warning}", err=True)
    if report.trust == "self-declared":
        typer.echo("note: the keys are the export's own; give --keys DIR to check whose they are", err=True)
    size = f"{report.envelopes} envelopes in {report.streams} streams"
    if as_json:
        typer.echo(json.dumps(as_document(report)))
    elif report.problem is None:
        typer.echo(f"{success}: {size}, sha256 {report.digest}")
    if report.problem is not None:
        typer.echo(f"the ledger does not verify: {report.problem}", err=True)
        raise typer.Exit(1)


def as_document(report: Report) -> dict[str, object]:
    """Return what `--json` prints."""
    problem = report.problem
    return {
        "audit": "ok" if report.ok else "bad",
        "envelopes": report.envelopes,
        "streams": report.streams,
        "digest": report.digest,
        "trust": report.trust,
        "warnings": list(report.warnings),
        "problem": problem
        and {"line": problem.line, "stream": problem.stream, "version": problem.version, "what": problem.what},
    }
