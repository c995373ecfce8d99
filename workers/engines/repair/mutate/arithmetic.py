"""Faults in arithmetic: the wrong operator, order or grouping, an operand too many, one too many or too few."""

from collections.abc import Iterator

import libcst as cst

from workers.engines.repair.mutate.variant import Operator, Site, Variant

SWAPS: dict[str, tuple[tuple[str, float], ...]] = {
    "+": (("-", 0.8), ("*", 0.45)),
    "-": (("+", 0.8), ("//", 0.15), ("%", 0.2), ("*", 0.2)),
    "*": (("+", 0.5), ("/", 0.5), ("**", 0.4), ("//", 0.4), ("-", 0.2)),
    "/": (("//", 0.8), ("*", 0.6), ("%", 0.3), ("-", 0.2)),
    "//": (("/", 0.8), ("%", 0.6), ("*", 0.3)),
    "%": (("//", 0.6), ("/", 0.3), ("-", 0.2)),
    "**": (("*", 0.7),),
    "<<": ((">>", 0.8),),
    ">>": (("<<", 0.8),),
    "&": (("|", 0.8), ("^", 0.5), ("-", 0.3)),
    "|": (("&", 0.8), ("^", 0.5), ("+", 0.3), ("-", 0.3)),
    "^": (("&", 0.6), ("|", 0.6), ("**", 0.5)),
}
AUGMENTED: dict[str, tuple[tuple[str, float], ...]] = {
    "+=": (("=", 0.55), ("-=", 0.75), ("*=", 0.45), ("|=", 0.15)),
    "-=": (("+=", 0.75), ("=", 0.4), ("//=", 0.2), ("/=", 0.15), ("%=", 0.2)),
    "*=": (("+=", 0.5), ("/=", 0.4), ("=", 0.4), ("//=", 0.3), ("**=", 0.2)),
    "/=": (("//=", 0.8), ("*=", 0.5), ("-=", 0.2), ("%=", 0.2)),
    "//=": (("/=", 0.6), ("*=", 0.5), ("%=", 0.5), ("-=", 0.4)),
    "%=": (("//=", 0.6), ("/=", 0.4), ("-=", 0.2)),
    "&=": (("|=", 0.7), ("^=", 0.6), ("=", 0.4)),
    "|=": (("&=", 0.7), ("^=", 0.6), ("=", 0.4)),
    "^=": (("&=", 0.7), ("|=", 0.6), ("=", 0.4)),
    "<<=": ((">>=", 0.8),),
    ">>=": (("<<=", 0.8),),
    "**=": (("*=", 0.6),),
}
ONE_OFF = 0.42
COMMUTATIVE = ("*", "&", "|", "^")


def operator_swap(site: Site) -> Iterator[Variant]:
    """`a + b` -> `a - b`."""
    node = site.node
    if isinstance(node, cst.BinaryOperation):
        for new, prior in SWAPS.get(site.text(node.operator).strip(), ()):
            yield site.put(new, "arithmetic.operator", prior, node.operator)


def augmented(site: Site) -> Iterator[Variant]:
    """`a += b` -> `a = b`, `a -= b`; and `a = b` -> `a += b`."""
    node = site.node
    if isinstance(node, cst.AugAssign):
        for new, prior in AUGMENTED.get(site.text(node.operator).strip(), ()):
            yield site.put(new, "augmented.operator", prior, node.operator)
        yield site.put(f"{site.text(node.operator).strip()} -", "augmented.sign", 0.05, node.operator)
    single = isinstance(node, cst.Assign) and len(node.targets) == 1 and site.function is not None
    if single and isinstance(node, cst.Assign) and not isinstance(node.targets[0].target, cst.Tuple):
        target, value = site.code(node.targets[0].target), site.code(node.value)
        for new, prior in (("+=", 0.4), ("-=", 0.12), ("*=", 0.12), ("|=", 0.08)):
            yield site.put(f"{target} {new} {value}", "augmented.assign", prior)


def operands(site: Site) -> Iterator[Variant]:
    """`a - b` -> `b - a`, `a`, `b`."""
    node = site.node
    if not isinstance(node, cst.BinaryOperation):
        return
    sign = site.text(node.operator).strip()
    left, right = site.code(node.left), site.code(node.right)
    if sign not in COMMUTATIVE:
        yield site.put(f"{_guarded(right, node.right)} {sign} {_guarded(left, node.left)}", "arithmetic.sides", 0.5)
    yield site.put_whole(left, "arithmetic.drop", 0.4)
    yield site.put_whole(right, "arithmetic.drop", 0.4)


def _guarded(text: str, node: cst.BaseExpression) -> str:
    loose = isinstance(node, cst.BinaryOperation | cst.BooleanOperation | cst.Comparison | cst.IfExp)
    return f"({text})" if loose and not node.lpar else text


def rounded_up(site: Site) -> Iterator[Variant]:
    """`a // b` -> `-(-a // b)`."""
    node = site.node
    if isinstance(node, cst.BinaryOperation) and site.text(node.operator).strip() == "//":
        left, right = _guarded(site.code(node.left), node.left), _guarded(site.code(node.right), node.right)
        yield site.put_whole(f"-(-{left} // {right})", "arithmetic.rounded_up", 0.2)


def grouping(site: Site) -> Iterator[Variant]:
    """`a + b * c` -> `(a + b) * c`, `a * b - c / d` -> `a * (b - c) / d`; and parentheses too many."""
    node = site.node
    if not isinstance(node, cst.BinaryOperation):
        return
    above = site.parent
    if not isinstance(above, cst.BinaryOperation) or node.lpar:
        operands, signs = _chain(site, node)
        for first in range(len(operands)):
            for last in range(first + 1, len(operands)):
                if (first, last) != (0, len(operands) - 1):
                    parts = [f"({operands[first]}", *operands[first + 1 : last], f"{operands[last]})"]
                    spelled = _joined([*operands[:first], *parts, *operands[last + 1 :]], signs)
                    yield site.put(spelled, "arithmetic.grouping", 0.45)
    if node.lpar and isinstance(above, cst.BinaryOperation):
        yield site.put_whole(site.text(), "arithmetic.grouping", 0.4)


def _chain(site: Site, node: cst.BaseExpression) -> tuple[list[str], list[str]]:
    """Return the operands and operators of `a + b * c` as written, whatever binds tighter; at most 6 operands."""
    todo: list[cst.BaseExpression] = [node]
    operands: list[str] = []
    while todo:
        one = todo.pop()
        if isinstance(one, cst.BinaryOperation) and (one is node or not one.lpar):
            todo += [one.right, one.left]
            continue
        operands.append(site.code(one))
    order = [part for part in site.unit.descend(node) if isinstance(part, cst.BaseBinaryOp)]
    inner = {part for part in order if _belongs(site, part, node)}
    signs = [site.text(part).strip() for part in sorted(inner, key=lambda part: site.unit.span(part)[0])]
    return (operands, signs) if len(operands) <= 6 else ([], [])


def _belongs(site: Site, sign: cst.CSTNode, top: cst.CSTNode) -> bool:
    holder = site.unit.parents[sign]
    while holder is not top:
        if not isinstance(holder, cst.BinaryOperation) or holder.lpar:
            return False
        holder = site.unit.parents[holder]
    return True


def _joined(operands: list[str], signs: list[str]) -> str:
    text = operands[0]
    for sign, operand in zip(signs, operands[1:], strict=False):
        text += f" {sign} {operand}"
    return text


def _counts(site: Site) -> float:
    """Return how likely it is that this expression is a count or a position that may be one off (0: not at all)."""
    node, parent = site.node, site.parent
    if not isinstance(node, cst.Name | cst.Attribute | cst.Call | cst.Subscript | cst.BinaryOperation):
        return 0.0
    if isinstance(node, cst.Name) and node.value in ("True", "False", "None", "self", "cls"):
        return 0.0
    number = not isinstance(node, cst.Name) or bool(site.kinds(node.value) & {"number", "key"})
    if isinstance(node, cst.Name) and site.kinds(node.value) & {"list", "map", "set", "text", "flag"}:
        return 0.0
    is_len = isinstance(node, cst.Call) and site.code(node.func) in ("len", "sum", "max", "min", "int", "abs")
    if isinstance(parent, cst.Index | cst.Slice):
        return ONE_OFF
    if isinstance(parent, cst.Arg):
        caller = site.unit.parents[parent]
        in_range = isinstance(caller, cst.Call) and site.code(caller.func) == "range"
        return ONE_OFF * 1.3 if in_range else ONE_OFF * (0.7 if number else 0.35)
    if isinstance(
        parent,
        cst.Comparison
        | cst.ComparisonTarget
        | cst.BinaryOperation
        | cst.Return
        | cst.Assign
        | cst.AugAssign
        | cst.Element,
    ):
        element = isinstance(node, cst.Subscript | cst.Attribute)
        return ONE_OFF * (0.3 if element else 0.7 if number or is_len else 0.3)
    return 0.0


def one_off(site: Site) -> Iterator[Variant]:
    """`x` -> `x + 1`, `x - 1`, where a count or a position stands."""
    prior = _counts(site)
    if not prior or (isinstance(site.node, cst.BinaryOperation) and isinstance(site.node.right, cst.Integer)):
        return
    assert isinstance(site.node, cst.BaseExpression)
    text = site.code()
    yield site.put(f"{text} + 1", "arithmetic.one_off", prior)
    yield site.put(f"{text} - 1", "arithmetic.one_off", prior)


def with_local(site: Site) -> Iterator[Variant]:
    """`x` -> `x - y` for a local y: an operand that was forgotten."""
    prior = _counts(site)
    if not prior or isinstance(site.node, cst.Attribute):
        return
    text = site.code()
    prior *= 4.0 if isinstance(site.parent, cst.Arg) and _is_recursive(site, site.unit.parents[site.parent]) else 1.0
    for name in site.names():
        if name != text and not site.kinds(name) & {"list", "map", "set", "text", "flag", "object", "function"}:
            yield site.put(f"{text} - {name}", "arithmetic.with_local", prior * 0.22)
            yield site.put(f"{text} + {name}", "arithmetic.with_local", prior * 0.22)
            yield site.put(f"{text} * {name}", "arithmetic.with_local", prior * 0.12)


def _is_recursive(site: Site, call: cst.CSTNode) -> bool:
    called = site.code(call.func) if isinstance(call, cst.Call) else ""
    return site.function is not None and called.rsplit(".", 1)[-1] == site.function.node.name.value


def forgotten_operand(site: Site) -> Iterator[Variant]:
    """`return x` or `t = x` -> with a local, an attribute or a constant added, whatever the type (`head + rest`)."""
    node, parent = site.node, site.parent
    if not isinstance(parent, cst.Return | cst.Assign) or not isinstance(node, cst.BaseExpression):
        return
    if (isinstance(node, cst.Name) and node.value in ("None", "True", "False")) or site.function is None:
        return
    if isinstance(parent, cst.Assign) and parent.value is not node:
        return
    text = site.code()
    for name in site.names():
        if name != text and not site.kinds(name) & {"flag", "function"}:
            yield site.put(f"{name} + {text}", "arithmetic.forgotten", 0.09)
            yield site.put(f"{text} + {name}", "arithmetic.forgotten", 0.09)


def sign(site: Site) -> Iterator[Variant]:
    """`-x` -> `x`; `x` -> `-x`; `x` -> `abs(x)`."""
    node, parent = site.node, site.parent
    if (
        isinstance(node, cst.UnaryOperation)
        and isinstance(node.operator, cst.Minus)
        and not isinstance(node.expression, cst.Integer)
    ):
        yield site.put_whole(site.code(node.expression), "arithmetic.sign", 0.5)
    if isinstance(node, cst.BinaryOperation) and site.text(node.operator).strip() == "-":
        yield site.put_whole(f"abs({site.text()})", "arithmetic.absolute", 0.25)
        yield site.put_whole(f"max(0, {site.text()})", "arithmetic.floor", 0.12)
    if isinstance(node, cst.Name | cst.Attribute | cst.Subscript) and isinstance(
        parent, cst.Return | cst.Arg | cst.Assign | cst.AugAssign | cst.Element | cst.Lambda
    ):
        part = node in (getattr(parent, "value", None), getattr(parent, "body", None))
        if part and not isinstance(node, cst.Name):
            ordering = any(isinstance(one, cst.Lambda) for one in (parent, *list(site.unit.ancestors(parent))[:2]))
            yield site.put(f"-{site.code()}", "arithmetic.sign", 0.3 if ordering else 0.12)
        elif isinstance(node, cst.Name) and "number" in site.kinds(node.value):
            yield site.put(f"-{site.code()}", "arithmetic.sign", 0.15)


def wrap_around(site: Site) -> Iterator[Variant]:
    """`i + k` -> `(i + k) % len(xs)`, where a position is counted on; `% n` for a local n."""
    node, parent = site.node, site.parent
    if not isinstance(node, cst.BinaryOperation) or not isinstance(
        parent, cst.Index | cst.Assign | cst.Return | cst.Arg
    ):
        return
    if site.text(node.operator).strip() not in ("+", "-"):
        return
    owners = dict.fromkeys([*_sequences(site), *(name for name in site.names() if site.kinds(name) & {"many", "list"})])
    for owner in list(owners)[:6]:
        yield site.put_whole(f"({site.text()}) % len({owner})", "arithmetic.modulo", 0.2)
    for name in site.names():
        if site.kinds(name) & {"number"} or not site.kinds(name):
            yield site.put_whole(f"({site.text()}) % {name}", "arithmetic.modulo", 0.08)


def _sequences(site: Site) -> Iterator[str]:
    """Yield what is indexed, or asked for a position, in this function."""
    for one in site.unit.descend(site.function.node.body if site.function else site.node):
        asked = isinstance(one, cst.Attribute) and one.attr.value in ("index", "find")
        if isinstance(one, cst.Subscript | cst.Attribute) and (asked or isinstance(one, cst.Subscript)):
            yield site.code(one.value)


def power(site: Site) -> Iterator[Variant]:
    """`x` -> `x ** 2` and `x * 2` within arithmetic."""
    node, parent = site.node, site.parent
    if isinstance(node, cst.Name) and isinstance(parent, cst.BinaryOperation) and parent.right is node:
        yield site.put(f"{node.value} ** 2", "arithmetic.power", 0.12)
        yield site.put(f"2 * {node.value}", "arithmetic.power", 0.05)


OPERATORS: tuple[Operator, ...] = (
    operator_swap, augmented, operands, grouping, one_off, with_local, forgotten_operand, sign, wrap_around,
    rounded_up, power,
)  # fmt: skip
