"""How suspicious each line is: Ochiai over the lines that each test ran, joined with traceback frames and hints."""

from collections.abc import Iterable, Mapping, Sequence
from math import sqrt

from workers.engines.repair.hints import Hint
from workers.engines.repair.suite import Failure

Line = tuple[str, int]
IMPORTED = 0.35
LAST_FRAME = 0.30
ANY_FRAME = 0.12
TOLD_FRAME = 0.25
TOLD_FILE = 0.10
NO_HINT = Hint()


def ochiai(failed_here: int, passed_here: int, failed: int) -> float:
    """Return the Ochiai coefficient: 0 (no failing test ran the line) to 1 (just the failing tests did, and all)."""
    if failed_here <= 0 or failed <= 0:
        return 0.0
    return failed_here / sqrt(failed * (failed_here + passed_here))


def rank(
    lines: Mapping[str, Mapping[int, Iterable[str]]],
    *,
    failing: Sequence[str],
    passing: Sequence[str],
    failures: Iterable[Failure] = (),
    hint: Hint = NO_HINT,
) -> dict[Line, float]:
    """Return every line that a failing test ran, or that runs at import, with its suspiciousness, highest first."""
    bad, good = set(failing), set(passing)
    scores: dict[Line, float] = {}
    for file, numbers in lines.items():
        for number, tests in numbers.items():
            ran = set(tests)
            score = ochiai(len(ran & bad), len(ran & good), len(bad))
            if not score and "" in ran:
                score = IMPORTED
            if score:
                scores[file, number] = score
    _add_frames(scores, failures)
    _add_hint(scores, hint)
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def _add_frames(scores: dict[Line, float], failures: Iterable[Failure]) -> None:
    bonus: dict[Line, float] = {}
    for failure in failures:
        ours = [(file, line) for file, line, _ in failure.frames if (file, line) in scores]
        for place in ours:
            bonus[place] = max(bonus.get(place, 0.0), ANY_FRAME)
        if ours:
            bonus[ours[-1]] = LAST_FRAME
    for place, more in bonus.items():
        scores[place] += more


def _add_hint(scores: dict[Line, float], hint: Hint) -> None:
    for place in scores:
        file, line = place
        if any(number == line and _ends(path, file) for path, number in hint.frames):
            scores[place] += TOLD_FRAME
        if any(_ends(path, file) for path in hint.paths):
            scores[place] += TOLD_FILE


def _ends(told: str, file: str) -> bool:
    return told == file or told.endswith("/" + file) or file.endswith("/" + told)
