"""Tool names on the wire: `files.read` becomes `files__read` and comes back.

Vendors allow letters, digits, `_` and `-`, 64 at most. Our names hold dots, and a model may have invented worse ones.
"""

import re
from collections.abc import Iterable
from hashlib import sha256

_LEGAL = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_-]")


class ToolNames:
    """A two-way map between our tool names and legal wire names, the same for the same names in the same order.

    `offered` are the tools of the question; `seen` are further names from the transcript, which never take a wire
    name away from an offered tool.
    """

    def __init__(self, offered: Iterable[str], seen: Iterable[str] = ()) -> None:
        self._wire: dict[str, str] = {}
        self._ours: dict[str, str] = {}
        for group in (offered, seen):
            # Names that are legal as they are come first: nobody else may take them.
            for name in sorted(set(group), key=lambda name: (not _LEGAL.fullmatch(name), name)):
                self._add(name)

    def _add(self, name: str) -> None:
        if name in self._wire:
            return
        wire = name if _LEGAL.fullmatch(name) else name.replace(".", "__")
        salt = 0
        while not _LEGAL.fullmatch(wire) or wire in self._ours:
            digest = sha256(f"{salt}:{name}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
            wire = f"{_ILLEGAL.sub('_', name)[:50]}_{digest}"
            salt += 1
        self._wire[name] = wire
        self._ours[wire] = name

    def to_wire(self, name: str) -> str:
        """Return the wire name of a name that was given to the constructor; raises KeyError for another."""
        return self._wire[name]

    def from_wire(self, wire: str) -> str:
        """Return our name for what a model called; an unknown name in our spelling, for the tool box to refuse."""
        return self._ours.get(wire, wire.replace("__", "."))
