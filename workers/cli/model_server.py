"""`journeyman model-server`."""

import signal
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from workers.models.script import load
from workers.models.scripted_server import ScriptedServer


def model_server(
    script: Annotated[Path, typer.Option(help="The script, YAML or JSON; docs/models.md shows the form.")],
    port: int = typer.Option(0, min=0, max=65535, help="The port on 127.0.0.1; 0 takes a free one."),
) -> None:
    """Serve a scripted model over the OpenAI and the Anthropic wire, on loopback, until SIGINT or SIGTERM.

    Prints the address to give as JOURNEYMAN_MODEL_URL. Exit 0 when stopped, 78 when the script cannot be used.

    Example: journeyman model-server --script fix.yaml --port 8099
    """
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with ScriptedServer(load(script), port) as server:
        typer.echo(server.url)
        stop.wait()
