"""A proposed edit, and the place it is proposed for."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

import libcst as cst

from workers.engines.repair.mutate.unit import Clues, Function, Unit


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Replace the bytes from `start` to `end` by `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to change one place. `prior` (0 to 1): how often such a fault is the one, before anything is known."""

    operator: str
    prior: float
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Site:
    """A node that an operator may change, in its file, function and light."""

    unit: Unit
    node: cst.CSTNode
    function: Function | None
    clues: Clues

    @property
    def parent(self) -> cst.CSTNode | None:
        """Return the node above."""
        return self.unit.parents.get(self.node)

    def text(self, node: cst.CSTNode | None = None) -> str:
        """Return a node's text (this site's own by default), its own parentheses left out."""
        return self.unit.text(node or self.node)

    def code(self, node: cst.CSTNode | None = None) -> str:
        """Return a node's text, its own parentheses included."""
        return self.unit.code(node or self.node)

    def names(self) -> list[str]:
        """Return the locals in scope, at most 16, parameters first."""
        return self.function.names[:16] if self.function else []

    def kinds(self, name: str) -> set[str]:
        """Return what a local seems to be."""
        return self.function.kinds.get(name, set()) if self.function else set()

    def put(self, text: str, operator: str, prior: float, node: cst.CSTNode | None = None) -> Variant:
        """Replace a node (this site's own by default) by an expression or a token, parenthesised where it must be."""
        target = node or self.node
        start, end = self.unit.span(target)
        if isinstance(target, cst.BaseExpression) and not target.lpar and self._needs_parentheses(target, text):
            text = f"({text})"
        return Variant(operator, prior, (Edit(start, end, text),))

    def put_whole(self, text: str, operator: str, prior: float, node: cst.CSTNode | None = None) -> Variant:
        """Replace a parenthesised node together with its parentheses."""
        target = node or self.node
        start, end = self.unit.span(target)
        data = self.unit.data
        for _ in getattr(target, "lpar", ()):
            start = data.rindex(b"(", 0, start)
            end = data.index(b")", end) + 1
        return Variant(operator, prior, (Edit(start, end, text),))

    def _needs_parentheses(self, node: cst.CSTNode, text: str) -> bool:
        parent = self.unit.parents.get(node)
        try:
            tree = ast.parse(text, mode="eval").body
        except (SyntaxError, ValueError):
            return False
        if isinstance(tree, ast.Tuple) and not text.startswith("("):
            return isinstance(
                parent, cst.Arg | cst.Element | cst.BinaryOperation | cst.ComparisonTarget | cst.Comparison
            )
        loose = isinstance(tree, ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr | ast.Await)
        negated = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not)
        compound = loose or negated or isinstance(tree, ast.BinOp | ast.Compare | ast.UnaryOp)
        if isinstance(parent, cst.Attribute | cst.Call | cst.Subscript | cst.Await):
            return (compound and getattr(parent, "value", None) is node) or (
                compound and getattr(parent, "func", None) is node
            )
        if isinstance(parent, cst.BinaryOperation):
            return compound
        if isinstance(parent, cst.UnaryOperation):
            return loose or (compound and not isinstance(parent.operator, cst.Not))
        if isinstance(parent, cst.Comparison | cst.ComparisonTarget):
            return loose or negated or isinstance(tree, ast.Compare)
        if isinstance(parent, cst.BooleanOperation):
            return loose
        return False


Operator = Callable[[Site], Iterator[Variant]]


def insert_before(site: Site, statement: cst.CSTNode, lines: list[str], operator: str, prior: float) -> Variant:
    """Insert lines before a statement, at its depth."""
    unit = site.unit
    offset = unit.line_start(unit.first_line(statement))
    text = "".join(unit.indent(statement) + line + unit.newline for line in lines)
    return Variant(operator, prior, (Edit(offset, offset, text),))


def insert_after(site: Site, statement: cst.CSTNode, lines: list[str], operator: str, prior: float) -> Variant:
    """Insert lines after a statement, at its depth."""
    unit = site.unit
    offset = unit.line_start(unit.last_line(statement) + 1)
    text = "".join(unit.indent(statement) + line + unit.newline for line in lines)
    if offset == len(unit.data) and not unit.data.endswith(b"\n"):
        text = unit.newline + text.removesuffix(unit.newline)
    return Variant(operator, prior, (Edit(offset, offset, text),))


def similarity(left: str, right: str) -> float:
    """Return how alike two names are, 0 to 1: shared pieces between underscores, or shared letters in order."""
    pieces, others = set(left.lower().split("_")), set(right.lower().split("_"))
    shared = len(pieces & others) / max(len(pieces), len(others))
    return max(shared, SequenceMatcher(None, left, right).ratio())
