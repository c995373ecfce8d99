"""Which pytest plugins of the interpreter a repository can do without: each costs time at every start."""

from contextlib import suppress
from pathlib import Path

from workers.sandbox.workspace import PathRefused, read_bytes, walk

# Plugins that come with this product's own environment and cost up to seconds at every start, each with the word by
# which a repository shows that it uses it.
ON_DEMAND = {"hypothesispytest": b"hypothesis", "anyio": b"anyio", "valkey": b"valkey"}
_MENTIONS = (".py", ".toml", ".ini", ".cfg")
_SCANNED_FILES, _SCANNED_BYTES = 3000, 500_000


def unused(workspace: Path) -> list[str]:
    """Return the costly plugins that nothing in the workspace mentions; none where that is too much to look through."""
    open_questions = dict(ON_DEMAND)
    paths = [path for path in walk(workspace) if path.endswith(_MENTIONS)]
    if len(paths) > _SCANNED_FILES:
        return []
    for path in paths:
        with suppress(PathRefused):
            data = read_bytes(workspace, path, limit=_SCANNED_BYTES)
            open_questions = {name: word for name, word in open_questions.items() if word not in data}
    return list(open_questions)
