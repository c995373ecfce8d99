"""What the repair engine says: while it works, and at the end."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["fixed", "none", "nothing_failing", "broken", "timeout", "hang"]
Outcome = Literal["passed", "failed", "error", "unknown"]
Phase = Literal["copy", "survey", "rank", "search", "verify"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the engine is: `done` of `total` in this phase (0 of 0: not countable), with a short note for people."""

    phase: Phase
    done: int = 0
    total: int = 0
    note: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RepairResult:
    """The outcome. `patch` is a unified diff with a/ and b/ prefixes, empty unless `status` is "fixed". Bytes of a file
    that is not UTF-8 are lone surrogates there, and themselves in `patch_bytes`.

    `file` and `line` are the first changed place (line in the old file), or the most suspicious one when there is no
    patch; "" and 0 when there is none. `reason` is a sentence or two for people. `hung` are tests that did not end in
    time, and files that could not be imported in time, before any edit. `still_failing` are tests (and files that
    cannot be collected) that fail with the patch as they did without.
    """

    status: Status
    patch: str = ""
    file: str = ""
    line: int = 0
    tests_before: Outcome = "unknown"
    tests_after: Outcome = "unknown"
    failing: tuple[str, ...] = ()
    candidates: int = 0
    seconds: float = 0.0
    reason: str = ""
    operator: str = ""
    hung: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()

    @property
    def patch_bytes(self) -> bytes:
        """Return the patch as git is to read it."""
        return self.patch.encode("utf-8", "surrogateescape")
