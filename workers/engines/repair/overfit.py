"""How far an edit can be believed: does it parse, change anything, and still use what the function was given?"""

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

from workers.engines.repair.mutate.unit import Clues, Unit
from workers.engines.repair.mutate.variant import Edit

FORGETS_INPUT = 0.25
LITERAL_OF_TEST = 0.15
SAYS_CONSTANT = 0.35
DEGENERATE = 0.2
EVERYDAY = {"0", "1", "-1", "2", "''", '""', "None", "True", "False", "[]", "{}", "()", "0.0", "1.0", "' '", '" "'}
LITERAL = re.compile(r"""-?\b\d+(?:\.\d+)?\b|'[^'\n]*'|"[^"\n]*\"""")


def region(unit: Unit, edits: tuple[Edit, ...]) -> tuple[int, int]:
    """Return the offsets of the whole lines of the top statement (function, class member) that holds all edits."""
    first, last = unit.line_at(edits[0].start), unit.line_at(max(edits[0].start, edits[-1].end - 1))
    for start, end in _pieces(unit):
        if start <= first and last <= end:
            return unit.line_start(start), unit.line_start(end + 1)
    return 0, len(unit.data)


def _pieces(unit: Unit) -> list[tuple[int, int]]:
    cached: list[tuple[int, int]] | None = getattr(unit, "pieces", None)
    if cached is None:
        cached = sorted(
            ((unit.first_line(one), unit.last_line(one)) for one in unit.nodes if type(one).__name__ == "FunctionDef"),
            key=lambda piece: piece[1] - piece[0],
        )
        unit.pieces = cached  # type: ignore[attr-defined]
    return cached


def apply(data: bytes, edits: tuple[Edit, ...], *, offset: int = 0) -> bytes:
    """Return the text with the edits done; offsets are counted from `offset`."""
    for edit in sorted(edits, reverse=True):
        data = data[: edit.start - offset] + edit.text.encode() + data[edit.end - offset :]
    return data


def _tree(text: bytes) -> ast.Module | None:
    try:
        # Decoded first: Python would take bytes at their word, and the view keeps the words of another encoding.
        return ast.parse((b"if 1:\n" + text if text[:1] in (b" ", b"\t") else text).decode())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is counted in a piece of program to judge an edit of it."""

    dump: str
    inputs: frozenset[str]
    constant_tests: int
    degenerate: int

    @classmethod
    def of(cls, tree: ast.Module) -> "_Facts":
        params: set[str] = set()
        loads: set[str] = set()
        constant_tests = degenerate = 0
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                if isinstance(node.ctx, ast.Load):
                    loads.add(node.id)
            elif isinstance(node, ast.arg):
                params.add(node.arg)
            elif isinstance(node, ast.If | ast.While | ast.IfExp):
                constant_tests += isinstance(node.test, ast.Constant)
            else:
                degenerate += _is_degenerate(node)
        return cls(ast.dump(tree), frozenset(params & loads), constant_tests, degenerate)


@lru_cache(maxsize=512)
def _facts_of(text: bytes) -> _Facts | None:
    tree = _tree(text)
    return None if tree is None else _Facts.of(tree)


def liking(unit: Unit, edits: tuple[Edit, ...], clues: Clues) -> float:
    """Return a factor for an edit's merit: 0 (no Python, or no change) to 1 (nothing speaks against it)."""
    start, end = region(unit, edits)
    old = unit.data[start:end]
    before, tree = _facts_of(old), _tree(apply(old, edits, offset=start))
    if before is None or tree is None:
        return 0.0
    after = _Facts.of(tree)
    if before.dump == after.dump:
        return 0.0
    factor = FORGETS_INPUT if before.inputs - after.inputs else 1.0
    if after.constant_tests > before.constant_tests:
        factor *= SAYS_CONSTANT
    if after.degenerate > before.degenerate:
        factor *= DEGENERATE
    new = {found for edit in edits for found in LITERAL.findall(edit.text)} - EVERYDAY
    if any(literal in clues.literals and literal.encode() not in unit.data for literal in new):
        factor *= LITERAL_OF_TEST
    return factor


def _is_degenerate(node: ast.AST) -> bool:
    """Tell what nobody writes on purpose: `x - x`, `x < x`, `x and x`, `f(x, x)`, `x = x`."""
    if isinstance(node, ast.BinOp):
        return not isinstance(node.op, ast.Add | ast.Mult) and _same(node.left, node.right)
    if isinstance(node, ast.Compare):
        return len(node.ops) == 1 and _same(node.left, node.comparators[0])
    if isinstance(node, ast.BoolOp):
        return _same(node.values[0], node.values[1])
    if isinstance(node, ast.Call) and len(node.args) == 2:
        return not isinstance(node.args[0], ast.Constant) and _same(node.args[0], node.args[1])
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return isinstance(node.value, ast.Name) and node.value.id == node.targets[0].id
    return False


def _same(one: ast.expr, two: ast.expr) -> bool:
    return type(one) is type(two) and ast.dump(one) == ast.dump(two)
