"""From suspicious lines to an ordered list of candidates."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

import libcst as cst

from workers.engines.repair.mutate import arithmetic, calls, compare, constants, guards, names, statements, subscripts
from workers.engines.repair.mutate.unit import Clues, Unit, parse
from workers.engines.repair.mutate.variant import Edit, Operator, Site, Variant
from workers.engines.repair.overfit import liking
from workers.engines.repair.spectrum import Line
from workers.engines.repair.text import Span, Unreadable

OPERATORS: tuple[Operator, ...] = tuple(
    operator
    for room in (compare, arithmetic, constants, names, calls, subscripts, statements, guards)
    for operator in room.OPERATORS
)
STEEP = 1.2
HEAD = 0.8
MOST_FILES = 24
MOST_LINES = 600


@dataclass(frozen=True, slots=True)
class Candidate:
    """One edit to try. `merit` orders candidates: suspiciousness of the place times prior of the operator.

    `edits` are edits of the unit's view, `spans` the same of the file's bytes.
    """

    path: str
    edits: tuple[Edit, ...]
    operator: str
    line: int
    merit: float
    spans: tuple[Span, ...] = ()


def read_units(files: Mapping[str, bytes], scores: Mapping[Line, float]) -> dict[str, Unit]:
    """Parse the most suspicious files, at most 24; those that cannot be parsed are left out."""
    wanted = list(dict.fromkeys(file for file, _ in scores if file in files))[:MOST_FILES]
    units: dict[str, Unit] = {}
    for path in wanted:
        with suppress(Unreadable):
            units[path] = parse(path, files[path])
    return units


def project_attributes(units: Iterable[Unit]) -> tuple[str, ...]:
    """Return the attributes that classes of these files set or declare, most used first."""
    count: dict[str, int] = {}
    for unit in units:
        for name, times in unit.attributes.items():
            count[name] = count.get(name, 0) + times
        for name in unit.fields:
            count[name] = count.get(name, 0) + 1
    return tuple(sorted(count, key=lambda name: (-count[name], name)))[:60]


def plan(units: Mapping[str, Unit], scores: Mapping[Line, float], clues: Clues, *, most: int) -> list[Candidate]:
    """Return at most `most` candidates, best first: each parses, differs from what is there, and occurs once."""
    clues = replace(clues, attributes=project_attributes(units.values()))
    worth = dict(list(scores.items())[:MOST_LINES])
    best: dict[tuple[str, tuple[Edit, ...]], Candidate] = {}
    for unit in units.values():
        for candidate in _proposals(unit, worth, clues):
            key = (candidate.path, candidate.edits)
            if key not in best or best[key].merit < candidate.merit:
                best[key] = candidate
    return list(_judged(units, clues, list(best.values()), most))


def _proposals(unit: Unit, scores: Mapping[Line, float], clues: Clues) -> Iterator[Candidate]:
    for node in unit.nodes:
        score = _score(unit, node, scores)
        if not score:
            continue
        site = Site(unit, node, unit.function(node), clues)
        line = unit.first_line(node)
        for operator in OPERATORS:
            for variant in operator(site):
                yield _candidate(unit, variant, score, line)


def _candidate(unit: Unit, variant: Variant, score: float, line: int) -> Candidate:
    return Candidate(unit.path, tuple(sorted(variant.edits)), variant.operator, line, variant.prior * score**STEEP)


def _score(unit: Unit, node: cst.CSTNode, scores: Mapping[Line, float]) -> float:
    if node not in unit.spans or isinstance(node, cst.Module | cst.BaseParenthesizableWhitespace | cst.IndentedBlock):
        return 0.0
    inside = isinstance(unit.statement(node), cst.FunctionDef)
    lines = unit.header_lines(node)
    best = max((scores.get((unit.path, line), 0.0) for line in lines), default=0.0)
    if inside and isinstance(node, cst.CSTNode):
        holder = unit.statement(node)
        body = range(unit.first_line(holder), unit.last_line(holder) + 1) if holder is not None else range(0)
        best = max(best, HEAD * max((scores.get((unit.path, line), 0.0) for line in body), default=0.0))
    return best


def _judged(units: Mapping[str, Unit], clues: Clues, proposals: list[Candidate], most: int) -> Iterator[Candidate]:
    """Yield valid candidates by merit; one that looks overfitted is put back with less."""
    heap = [(-one.merit, index, False) for index, one in enumerate(proposals)]
    heapq.heapify(heap)
    given = 0
    while heap and given < most:
        merit, index, judged = heapq.heappop(heap)
        candidate = proposals[index]
        unit = units[candidate.path]
        if judged:
            with suppress(UnicodeEncodeError):  # it has characters that the file's encoding lacks
                spans = unit.source.spell((one.start, one.end, one.text) for one in candidate.edits)
                yield replace(candidate, merit=-merit, spans=spans)
                given += 1
            continue
        factor = liking(unit, candidate.edits, clues)
        if factor:
            heapq.heappush(heap, (merit * factor, index, True))
