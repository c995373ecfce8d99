"""Faults in comparisons and conditions: the wrong operator, a bound off by one, and for or, a missing or extra not."""

from collections.abc import Iterator

import libcst as cst

from workers.engines.repair.mutate.variant import Operator, Site, Variant

SWAPS: dict[str, tuple[tuple[str, float], ...]] = {
    "<": (("<=", 1.0), (">", 0.7), (">=", 0.6), ("!=", 0.3), ("==", 0.2)),
    "<=": (("<", 1.0), (">=", 0.7), (">", 0.6), ("==", 0.3), ("!=", 0.2)),
    ">": ((">=", 1.0), ("<", 0.7), ("<=", 0.6), ("!=", 0.3), ("==", 0.2)),
    ">=": ((">", 1.0), ("<=", 0.7), ("<", 0.6), ("==", 0.3), ("!=", 0.2)),
    "==": (("!=", 0.8), ("<=", 0.5), (">=", 0.5), ("in", 0.3), ("is", 0.1), ("<", 0.3), (">", 0.3)),
    "!=": (("==", 0.8), ("<", 0.45), (">", 0.45), ("not in", 0.25), ("is not", 0.1), ("<=", 0.3), (">=", 0.3)),
    "is": (("is not", 0.8), ("==", 0.5)),
    "is not": (("is", 0.8), ("!=", 0.5)),
    "in": (("not in", 0.8), ("==", 0.25)),
    "not in": (("in", 0.8), ("!=", 0.25)),
}
ORDER = ("<", "<=", ">", ">=", "==", "!=")


def operator_swap(site: Site) -> Iterator[Variant]:
    """`a < b` -> `a <= b` and the like."""
    node = site.node
    if not isinstance(node, cst.ComparisonTarget):
        return
    old = " ".join(site.text(node.operator).split())
    for new, prior in SWAPS.get(old, ()):
        yield site.put(new, "compare.operator", prior, node.operator)


def bound_shift(site: Site) -> Iterator[Variant]:
    """`len(x) == 0` -> `len(x) <= 1`: another operator and a number next to the one there."""
    node = site.node
    if not isinstance(node, cst.ComparisonTarget) or not isinstance(node.comparator, cst.Integer):
        return
    old, number = site.text(node.operator).strip(), node.comparator.evaluated_value
    if old not in ORDER:
        return
    start, end = site.unit.span(node.operator)[0], site.unit.span(node.comparator)[1]
    for value in (number + 1, number - 1):
        for new in ORDER:
            if new != old:
                made = site.put(f"{new} {value}", "compare.bound", 0.22, node)
                yield Variant(made.operator, made.prior, (type(made.edits[0])(start, end, f"{new} {value}"),))


def operand_swap(site: Site) -> Iterator[Variant]:
    """`a in b` -> `b in a`, `a - x < b` with its sides exchanged."""
    node = site.node
    if isinstance(node, cst.Comparison) and len(node.comparisons) == 1:
        target = node.comparisons[0]
        sign = " ".join(site.text(target.operator).split())
        if sign in ("in", "not in"):
            yield site.put(f"{site.code(target.comparator)} {sign} {site.code(node.left)}", "compare.sides", 0.35)


def chain_split(site: Site) -> Iterator[Variant]:
    """`a < b < c` -> `a < b` or `b < c`."""
    node = site.node
    if isinstance(node, cst.Comparison) and len(node.comparisons) == 2:
        first, second = node.comparisons
        yield site.put(f"{site.code(node.left)} {site.text(first).strip()}", "compare.chain", 0.2)
        yield site.put(f"{site.code(first.comparator)} {site.text(second).strip()}", "compare.chain", 0.2)


def junction(site: Site) -> Iterator[Variant]:
    """`a and b` -> `a or b`, and other groupings of three."""
    node = site.node
    if not isinstance(node, cst.BooleanOperation):
        return
    other = "or" if isinstance(node.operator, cst.And) else "and"
    yield site.put(other, "boolean.junction", 0.8, node.operator)
    yield site.put_whole(site.code(node.left), "boolean.drop", 0.35)
    yield site.put_whole(site.code(node.right), "boolean.drop", 0.35)
    here = site.text(node.operator).strip()
    if isinstance(node.right, cst.BooleanOperation) and not node.right.lpar:
        right = node.right
        first = f"({site.code(node.left)} {here} {site.code(right.left)})"
        text = f"{first} {site.text(right.operator).strip()} {site.code(right.right)}"
        yield site.put(text, "boolean.grouping", 0.4)
    if isinstance(node.left, cst.BooleanOperation) and not node.left.lpar:
        left = node.left
        last = f"({site.code(left.right)} {here} {site.code(node.right)})"
        text = f"{site.code(left.left)} {site.text(left.operator).strip()} {last}"
        yield site.put(text, "boolean.grouping", 0.4)


def _is_condition(site: Site) -> bool:
    parent = site.parent
    if isinstance(parent, cst.If | cst.While | cst.IfExp | cst.CompIf):
        return parent.test is site.node
    return isinstance(parent, cst.BooleanOperation)


def negation(site: Site) -> Iterator[Variant]:
    """`not a` -> `a`, and a condition negated."""
    node = site.node
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        yield site.put_whole(site.code(node.expression), "boolean.not", 0.8)
        return
    if not isinstance(node, cst.BaseExpression):
        return
    simple = isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript)
    if _is_condition(site):
        if simple:
            yield site.put(f"not {site.code()}", "boolean.not", 0.6)
        elif not isinstance(node, cst.Comparison):
            yield site.put(f"not ({site.text()})", "boolean.not", 0.5)
        elif len(node.comparisons) > 1:
            yield site.put(f"not {_in_parentheses(site)}", "boolean.not", 0.4)
    elif isinstance(site.parent, cst.Return | cst.Assert) and (simple or isinstance(node, cst.BooleanOperation)):
        text = site.code() if simple else f"({site.text()})"
        yield site.put(f"not {text}", "boolean.not", 0.3)


def _in_parentheses(site: Site) -> str:
    return f"({site.text()})"


def condition_extra(site: Site) -> Iterator[Variant]:
    """A condition that forgets a case: `c` -> `c or not x`, `c and x`, `x is None or c`."""
    node = site.node
    parent = site.parent
    if not isinstance(node, cst.BaseExpression) or not isinstance(parent, cst.If | cst.While | cst.IfExp | cst.CompIf):
        return
    if parent.test is not node:
        return
    text = f"({site.text()})" if isinstance(node, cst.BooleanOperation | cst.IfExp | cst.Lambda) else site.code()
    for owner in _owners(site):
        yield site.put(f"{owner} is None or {text}", "boolean.extra", 0.3)
        yield site.put(f"{owner} is not None and {text}", "boolean.extra", 0.3)
    for name in site.names():
        weight = 0.16 if site.kinds(name) & {"many", "list", "map", "set", "text", "flag", "object"} else 0.1
        yield site.put(f"{text} or not {name}", "boolean.extra", weight)
        yield site.put(f"{text} and {name}", "boolean.extra", weight)
        yield site.put(f"{text} and not {name}", "boolean.extra", weight)
        yield site.put(f"{text} or {name}", "boolean.extra", weight * 0.7)


def _owners(site: Site) -> list[str]:
    """Return what the condition takes attributes or items of: `a.b` for `a.b.c is None`."""
    found: dict[str, None] = {}
    for one in site.unit.descend(site.node):
        if isinstance(one, cst.Attribute | cst.Subscript) and isinstance(one.value, cst.Name | cst.Attribute):
            text = site.code(one.value)
            if text not in ("self", "cls"):
                found[text] = None
    return list(found)[:4]


def condition_borrowed(site: Site) -> Iterator[Variant]:
    """A condition joined with another one of the same function, or replaced by it."""
    node, parent, function = site.node, site.parent, site.function
    if function is None or not isinstance(parent, cst.If | cst.While) or parent.test is not node:
        return
    assert isinstance(node, cst.BaseExpression)
    seen = {site.text()}
    for one in site.unit.descend(function.node.body):
        if isinstance(one, cst.Comparison | cst.UnaryOperation) and site.text(one) not in seen and len(seen) < 8:
            seen.add(site.text(one))
            yield site.put(f"{site.code()} and {site.code(one)}", "boolean.borrowed", 0.1)
            yield site.put(f"{site.code()} or {site.code(one)}", "boolean.borrowed", 0.1)
            yield site.put(site.code(one), "boolean.borrowed", 0.1)


def always(site: Site) -> Iterator[Variant]:
    """`while True` -> `while queue`."""
    node, parent = site.node, site.parent
    if isinstance(node, cst.Name) and node.value in ("True", "False") and isinstance(parent, cst.While | cst.If):
        for name in site.names():
            yield site.put(name, "boolean.always", 0.4)
            yield site.put(f"not {name}", "boolean.always", 0.15)


def branches(site: Site) -> Iterator[Variant]:
    """`a if c else b` -> `b if c else a`."""
    node = site.node
    if isinstance(node, cst.IfExp):
        yield site.put(
            f"{site.code(node.orelse)} if {site.code(node.test)} else {site.code(node.body)}", "boolean.branches", 0.5
        )


def truth_to_none(site: Site) -> Iterator[Variant]:
    """`if x` -> `if x is not None`: zero and the empty string are values too."""
    node, parent = site.node, site.parent
    if isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript) and _is_condition(site):
        yield site.put(f"{site.code()} is not None", "boolean.none", 0.45)
        yield site.put(f"{site.code()} is None", "boolean.none", 0.2)
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Not):
        yield site.put_whole(f"{site.code(node.expression)} is None", "boolean.none", 0.4)
    default = isinstance(node, cst.BooleanOperation) and isinstance(node.operator, cst.Or)
    if default and isinstance(node, cst.BooleanOperation) and not isinstance(parent, cst.If | cst.While):
        left = site.code(node.left)
        if isinstance(node.left, cst.Name | cst.Attribute):
            yield site.put(f"{left} if {left} is not None else {site.code(node.right)}", "boolean.none", 0.45)


OPERATORS: tuple[Operator, ...] = (
    operator_swap, bound_shift, operand_swap, chain_split, junction, negation, condition_extra, condition_borrowed,
    always, branches, truth_to_none,
)  # fmt: skip
