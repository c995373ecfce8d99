"""How far an edit can be believed: does it parse, change anything, and still use what the function was given?"""

import ast
import re

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
        return ast.parse(b"if 1:\n" + text if text[:1] in (b" ", b"\t") else text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def liking(unit: Unit, edits: tuple[Edit, ...], clues: Clues) -> float:
    """Return a factor for an edit's merit: 0 (no Python, or no change) to 1 (nothing speaks against it)."""
    start, end = region(unit, edits)
    old = unit.data[start:end]
    before, after = _tree(old), _tree(apply(old, edits, offset=start))
    if after is None or before is None or ast.dump(before) == ast.dump(after):
        return 0.0
    factor = 1.0
    if _forgets_input(before, after):
        factor *= FORGETS_INPUT
    new_literals = {found for edit in edits for found in LITERAL.findall(edit.text)} - EVERYDAY
    known = unit.data.decode()
    if any(literal in clues.literals and literal not in known for literal in new_literals):
        factor *= LITERAL_OF_TEST
    if _says_constant(before, after):
        factor *= SAYS_CONSTANT
    if _degenerate(after) > _degenerate(before):
        factor *= DEGENERATE
    return factor


def _forgets_input(before: ast.Module, after: ast.Module) -> bool:
    return bool(_inputs_used(before) - _inputs_used(after))


def _inputs_used(tree: ast.Module) -> set[str]:
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            params = {arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
            loads = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
            used |= params & loads
    return used


def _says_constant(before: ast.Module, after: ast.Module) -> bool:
    """A condition became a constant, or one more return says a constant than before without any new test."""
    return _constant_tests(after) > _constant_tests(before)


def _degenerate(tree: ast.Module) -> int:
    """Count what nobody writes on purpose: `x - x`, `x < x`, `f(x, x)`, `x = x`, `min(x)` of two equals."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Mult):
            count += _same(node.left, node.right)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1:
            count += _same(node.left, node.comparators[0])
        elif isinstance(node, ast.BoolOp) or (isinstance(node, ast.Call) and len(node.args) == 2):
            first, second = node.values[:2] if isinstance(node, ast.BoolOp) else node.args
            count += not isinstance(first, ast.Constant) and _same(first, second)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = ast.unparse(node.targets[0])
            count += target == ast.unparse(node.value)
    return count


def _same(one: ast.expr, two: ast.expr) -> bool:
    return ast.dump(one) == ast.dump(two)


def _constant_tests(tree: ast.Module) -> int:
    tests = (node.test for node in ast.walk(tree) if isinstance(node, ast.If | ast.While | ast.IfExp))
    return sum(isinstance(test, ast.Constant) for test in tests)
