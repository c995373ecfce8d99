"""One batch of candidates tried in one sandbox, and what became of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.ports import Sandbox
from workers.engines.repair.patches import Patch, spans_of
from workers.engines.repair.suite import Message, talk

PATIENCE = 8.0


@dataclass(slots=True)
class Tried:
    """What a hunt found, by the candidates' places in the list; `half`: only the deadly goals are still not met."""

    plausible: list[int] = field(default_factory=list)
    half: list[int] = field(default_factory=list)
    partial: dict[int, frozenset[str]] = field(default_factory=dict)
    count: int = 0
    exhausted: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a candidate must do: pass `goals` and `deadly` (goals that now hang or end their process), and keep `keep`.

    `left_out` (tests and files) is never run. `suite_seconds`: how long the rest of the suite takes now.
    """

    goals: tuple[str, ...]
    deadly: tuple[str, ...]
    keep: tuple[str, ...]
    left_out: tuple[str, ...]
    suite_seconds: float

    @property
    def all_goals(self) -> set[str]:
        """Return everything that is to pass."""
        return {*self.goals, *self.deadly}


def hunt(
    sandbox: Sandbox,
    workspace: Path,
    patches: Sequence[Patch],
    aim: Aim,
    *,
    seconds: float,
    linger: float,
    heard: Callable[[Tried], None] | None = None,
) -> Tried:
    """Try patches in order until time is up, or `linger` seconds after the first plausible one.

    After the first that meets all but the deadly goals, it goes on for a few seconds more.
    """
    tried = Tried()

    def hear(message: Message) -> None:
        if message["kind"] == "tried":
            _note(tried, message)
            if heard is not None:
                heard(tried)
        elif message["kind"] == "exhausted":
            tried.exhausted = True
        elif message["kind"] in ("trouble", "crash"):
            tried.trouble = message["text"]

    request = {
        "mode": "hunt",
        "goals": list(aim.goals),
        "keep": list(aim.keep),
        "deadly": list(aim.deadly),
        "left_out": list(aim.left_out),
        "candidates": [{"id": place, "edits": _spelled(patch)} for place, patch in enumerate(patches)],
        "seconds": seconds,
        "linger": linger,
        "enough": 12,
        "suite_seconds": aim.suite_seconds,
        "patience": PATIENCE,
    }
    finished, ended = talk(sandbox, workspace, request, seconds=seconds + 15.0, hear=hear)
    if not ended and not tried.count:
        tried.trouble = finished.stderr.decode("utf-8", "replace")[-400:] or f"exit code {finished.exit_code}"
    return tried


def _spelled(patch: Patch) -> dict[str, list[tuple[int, int, str]]]:
    """Return the edits of a patch for a message: each byte is the character of its number."""
    return {
        path: [(start, end, new.decode("latin-1")) for start, end, new in spans]
        for path, spans in spans_of(patch).items()
    }


def _note(tried: Tried, message: Message) -> None:
    place = int(message["id"])
    tried.count += 1
    if message["verdict"] == "plausible":
        tried.plausible.append(place)
    elif message["verdict"] == "half":
        tried.half.append(place)
    if message["verdict"] in ("failed", "half") and message["passed"]:
        tried.partial[place] = frozenset(message["passed"])
