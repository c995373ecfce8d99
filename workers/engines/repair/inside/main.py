"""Read one request from standard input, do it, and say what happened on what was standard output."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest  # noqa: F401 - imported before the repository is on the path, whose modules may be called like the library's

from workers.engines.repair.inside.hunt import Hunt
from workers.engines.repair.inside.session import prepare
from workers.engines.repair.inside.survey import Survey


def main(request: dict[str, Any]) -> None:
    """Do the request; each message is one line: the nonce, a space, JSON."""
    out = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    nonce = request["nonce"]

    def tell(message: dict[str, Any]) -> None:
        line = f"{nonce} {json.dumps(message)}\n".encode()
        while line:
            line = line[os.write(out, line) :]

    prepare(Path(request["root"]))
    sys.argv = ["pytest"]
    work = Survey(request, tell) if request["mode"] == "survey" else Hunt(request, tell)
    work.run()
    tell({"kind": "finished"})
