"""One batch of candidates tried in one sandbox, and what became of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.ports import Sandbox
from workers.engines.repair.plan import Candidate
from workers.engines.repair.suite import Message, talk


@dataclass(slots=True)
class Tried:
    """What a hunt found, by the candidates' places in the list."""

    plausible: list[int] = field(default_factory=list)
    partial: dict[int, frozenset[str]] = field(default_factory=dict)
    breaking: list[int] = field(default_factory=list)
    count: int = 0
    exhausted: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a candidate must do: pass `goals`, and keep `keep` passing. `suite_seconds`: how long the suite takes now."""

    goals: tuple[str, ...]
    keep: tuple[str, ...]
    run: tuple[str, ...]
    suite_seconds: float


def hunt(
    sandbox: Sandbox,
    workspace: Path,
    candidates: Sequence[Candidate],
    aim: Aim,
    *,
    seconds: float,
    linger: float,
    heard: Callable[[Tried], None] | None = None,
) -> Tried:
    """Try candidates in order until time is up, or `linger` seconds after the first plausible one."""
    tried = Tried()

    def hear(message: Message) -> None:
        if message["kind"] == "tried":
            _note(tried, message)
            if heard is not None:
                heard(tried)
        elif message["kind"] == "exhausted":
            tried.exhausted = True

    request = {
        "mode": "hunt",
        "goals": list(aim.goals),
        "keep": list(aim.keep),
        "tests": list(aim.run),
        "candidates": [
            {"id": place, "edits": {one.path: [[edit.start, edit.end, edit.text] for edit in one.edits]}}
            for place, one in enumerate(candidates)
        ],
        "seconds": seconds,
        "linger": linger,
        "enough": 12,
        "suite_seconds": aim.suite_seconds,
    }
    finished, ended = talk(sandbox, workspace, request, seconds=seconds + 15.0, hear=hear)
    if not ended and not tried.count:
        tried.trouble = finished.stderr.decode("utf-8", "replace")[-400:] or f"exit code {finished.exit_code}"
    return tried


def _note(tried: Tried, message: Message) -> None:
    place = int(message["id"])
    tried.count += 1
    if message["verdict"] == "plausible":
        tried.plausible.append(place)
    elif message["verdict"] == "breaks":
        tried.breaking.append(place)
    elif message["passed"]:
        tried.partial[place] = frozenset(message["passed"])
