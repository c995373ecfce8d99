"""A patch is one candidate, or two together; two may be in one file or in two."""

from collections.abc import Mapping, Sequence
from itertools import product

from workers.engines.repair.plan import Candidate
from workers.engines.repair.text import Span, apply

Patch = tuple[Candidate, ...]
MOST_PARTIAL = 6
MOST_OTHERS = 300


def spans_of(patch: Patch) -> dict[str, tuple[Span, ...]]:
    """Return the edits of each file's bytes."""
    found: dict[str, tuple[Span, ...]] = {}
    for one in patch:
        found[one.path] = (*found.get(one.path, ()), *one.spans)
    return found


def apply_to(files: Mapping[str, bytes], patch: Patch) -> dict[str, bytes]:
    """Return the new content of every file that the patch changes."""
    return {path: apply(files[path], spans) for path, spans in spans_of(patch).items()}


def pairs(
    patches: Sequence[Patch], partial: Mapping[int, frozenset[str]], goals: set[str], *, most: int, wide: bool = True
) -> list[Patch]:
    """Return pairs worth trying when no single edit was enough, best first.

    First those of which each makes other failing tests pass and that together reach all; then (`wide`) the best half
    solutions with each of the likeliest other edits.
    """
    order = sorted(partial, key=lambda place: (-len(partial[place]), -patches[place][0].merit))
    made: dict[tuple[int, int], None] = {}
    for one, two in product(order[:60], order[:60]):
        if one < two and partial[one] | partial[two] >= goals and _apart(patches[one], patches[two]):
            made[one, two] = None
    for one, two in product(order[:MOST_PARTIAL], range(min(len(patches), MOST_OTHERS) if wide else 0)):
        if one != two and _apart(patches[one], patches[two]):
            made[min(one, two), max(one, two)] = None
    return [(*patches[one], *patches[two]) for one, two in list(made)[:most]]


def _apart(one: Patch, two: Patch) -> bool:
    """Tell whether two patches touch no common text."""
    first, second = spans_of(one), spans_of(two)
    for path in first.keys() & second.keys():
        if any(a[0] <= b[1] and b[0] <= a[1] for a, b in product(first[path], second[path])):
            return False
    return True
