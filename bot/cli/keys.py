"""`journeyman keys`."""

from pathlib import Path
from typing import Annotated

import typer

from bot.adapters.keys import make_keys


def keys(
    directory: Annotated[Path, typer.Argument(help="Where the keys are made: ZONE.key (0600) and ZONE.pub.")],
) -> None:
    """Make the zones' signing keys, to be handed out: each zone its own private key and everybody's public ones.

    Keys that are there stay. Exit 0 done, 78 when the directory cannot be written to.

    Example: journeyman keys ./keys
    """
    make_keys(directory)
    for path in sorted(directory.iterdir()):
        typer.echo(str(path))
