"""How a command ends that could not do what was asked: a line for people, and with `--json` a document for programs."""

import json
from typing import NoReturn

import typer

LONGEST = 1000


def document(message: str, code: int) -> str:
    """Return what stands on standard output in place of the document that was asked for."""
    return json.dumps({"status": "failed", "code": code, "error": " ".join(message.split())[:LONGEST]})


def fail(message: str, code: int, *, as_json: bool, before: str = "") -> NoReturn:
    """Say it, to people with a word `before`, and end with this exit code."""
    typer.echo(f"{before}{message}", err=True)
    if as_json:
        typer.echo(document(message, code))
    raise typer.Exit(code)
