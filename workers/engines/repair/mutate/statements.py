"""Faults in statements: one in the wrong place, one too many, one missing."""

from collections.abc import Iterator, Sequence

import libcst as cst

from workers.engines.repair.mutate.unit import Unit
from workers.engines.repair.mutate.variant import Edit, Operator, Site, Variant, insert_after, insert_before

FIXED = (cst.FunctionDef, cst.ClassDef)
STARVED = 3.0
FEEDING = ("append", "add", "extend", "insert", "appendleft", "update", "setdefault")
HOLDERS = (cst.For, cst.While, cst.If, cst.With, cst.Try)


def _block(site: Site) -> Sequence[cst.CSTNode]:
    """Return the statements beside this one."""
    parent = site.parent
    return parent.body if isinstance(parent, cst.IndentedBlock | cst.Module) else ()


def _is_docstring(node: cst.CSTNode) -> bool:
    first = node.body[0] if isinstance(node, cst.SimpleStatementLine) and node.body else None
    return isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString | cst.ConcatenatedString)


def _movable(site: Site) -> bool:
    node = site.node
    simple = isinstance(node, cst.SimpleStatementLine) and len(node.body) == 1 and not _is_docstring(node)
    return (
        site.function is not None and (simple or isinstance(node, cst.If | cst.For | cst.While)) and bool(_block(site))
    )


def _is_elif(unit: Unit, node: cst.CSTNode) -> bool:
    parent = unit.parents.get(node)
    return isinstance(node, cst.If) and isinstance(parent, cst.If)


def delete(site: Site) -> Iterator[Variant]:
    """A statement too many."""
    node, unit = site.node, site.unit
    if not isinstance(node, cst.SimpleStatementLine) or not _movable(site):
        return
    start, end = unit.span(node)
    if len(_block(site)) == 1:
        yield Variant("statement.delete", 0.12, (Edit(start, end, "pass"),))
    else:
        first, last = unit.first_line(node), unit.last_line(node)
        prior = 0.14 if isinstance(node.body[0], cst.Assign | cst.Return) else 0.2
        yield Variant("statement.delete", prior, (Edit(unit.line_start(first), unit.line_start(last + 1), ""),))


def swap_neighbours(site: Site) -> Iterator[Variant]:
    """Two statements in the wrong order."""
    node, unit = site.node, site.unit
    block = list(_block(site))
    if not _movable(site) or _is_elif(unit, node):
        return
    place = block.index(node)
    for distance, prior in ((1, 0.4), (2, 0.2)):
        if place + distance >= len(block):
            return
        other = block[place + distance]
        if isinstance(other, FIXED):
            return
        first, second = unit.first_line(node), unit.last_line(node) + 1
        last = unit.last_line(other) + 1
        moved = unit.lines(first, second - 1)
        rest = unit.lines(second, last - 1)
        whole = rest + moved
        yield Variant("statement.order", prior, (Edit(unit.line_start(first), unit.line_start(last), whole),))
        if distance == 2:
            lead = unit.lines(first, unit.first_line(other) - 1)
            yield Variant(
                "statement.order",
                0.2,
                (
                    Edit(
                        unit.line_start(first),
                        unit.line_start(last),
                        unit.lines(unit.first_line(other), last - 1) + lead,
                    ),
                ),
            )


def _reindented(unit: Unit, first: int, last: int, old: str, new: str) -> tuple[Edit, ...]:
    edits = []
    for line in range(first, last + 1):
        start = unit.line_start(line)
        text = unit.data[start : unit.line_start(line + 1)].decode()
        if text.strip() and text.startswith(old):
            edits.append(Edit(start, start + len(old.encode()), new))
    return tuple(edits)


def outdent(site: Site) -> Iterator[Variant]:
    """The last statement of a loop or branch belongs after it."""
    node, unit = site.node, site.unit
    block = _block(site)
    if not _movable(site) or len(block) < 2 or block[-1] is not node:
        return
    holder = unit.parents[unit.parents[node]]
    owner = unit.parents[holder] if isinstance(holder, cst.Else) else holder
    if not isinstance(owner, HOLDERS) or unit.last_line(owner) != unit.last_line(node):
        return
    levels: list[cst.CSTNode] = [owner]
    above = unit.parents.get(unit.parents.get(owner, owner), owner)
    if isinstance(above, cst.For | cst.While | cst.If | cst.With) and unit.last_line(above) == unit.last_line(node):
        levels.append(above)
    for level in levels:
        target: cst.CSTNode = level
        while _is_elif(unit, target):
            target = unit.parents[target]
        edits = _reindented(unit, unit.first_line(node), unit.last_line(node), unit.indent(node), unit.indent(target))
        yield Variant("statement.outdent", 0.55 if isinstance(level, cst.For | cst.While) else 0.4, edits)


def indent(site: Site) -> Iterator[Variant]:
    """The statement after a loop or branch belongs into it."""
    node, unit = site.node, site.unit
    block = list(_block(site))
    if not _movable(site) or _is_elif(unit, node):
        return
    place = block.index(node)
    if place == 0 or place == len(block) - 1 == 0:
        return
    before = block[place - 1]
    if not isinstance(before, cst.For | cst.While | cst.If | cst.With):
        return
    inner = _last_block(before)
    new = unit.indent(inner[-1]) if inner else ""
    if len(new) <= len(unit.indent(node)):
        return
    edits = _reindented(unit, unit.first_line(node), unit.last_line(node), unit.indent(node), new)
    prior = 0.45 if isinstance(before, cst.For | cst.While) else 0.3
    if place == len(block) - 1 and isinstance(node, cst.SimpleStatementLine) and isinstance(node.body[0], cst.Return):
        prior *= 0.4
    yield Variant("statement.indent", prior, edits)


def _last_block(node: cst.CSTNode) -> Sequence[cst.CSTNode]:
    while isinstance(node, cst.If | cst.For | cst.While) and node.orelse is not None:
        node = node.orelse
    body = getattr(node, "body", None)
    return body.body if isinstance(body, cst.IndentedBlock) else ()


def move(site: Site) -> Iterator[Variant]:
    """A statement that belongs before the loop, or at the start of its body; or copied there."""
    node, unit = site.node, site.unit
    if (
        not isinstance(node, cst.SimpleStatementLine)
        or not _movable(site)
        or isinstance(node.body[0], cst.Return | cst.Break | cst.Continue)
    ):
        return
    text = unit.text(node)
    first, last = unit.first_line(node), unit.last_line(node)
    gone = Edit(unit.line_start(first), unit.line_start(last + 1), "")
    block = list(_block(site))
    holder = unit.parents[unit.parents[node]]
    if isinstance(holder, cst.For | cst.While | cst.If | cst.With) and first == last:
        made = insert_before(site, holder, [text], "statement.hoist", 0.3)
        if len(block) > 1 and not _is_elif(unit, holder):
            yield Variant(made.operator, made.prior, (*made.edits, gone))
    for other in block:
        if other is not node and isinstance(other, cst.For | cst.While | cst.If) and first == last:
            inner = other.body.body if isinstance(other.body, cst.IndentedBlock) else ()
            if inner and unit.first_line(other) > first:
                made = insert_before(site, inner[0], [text], "statement.sink", 0.3)
                yield Variant(made.operator, made.prior, (gone, *made.edits))
                yield Variant("statement.repeat", 0.14, made.edits)
                after = insert_after(site, inner[-1], [text], "statement.repeat", 0.14)
                yield after
    if first == last and len(block) > 2:
        for other in block:
            if (
                abs(block.index(other) - block.index(node)) > 2
                and not isinstance(other, FIXED)
                and not _is_docstring(other)
            ):
                ahead = block.index(other) < block.index(node)
                made = (insert_before if ahead else insert_after)(site, other, [text], "statement.move", 0.12)
                yield Variant(made.operator, made.prior, (*made.edits, gone))


def jumps(site: Site) -> Iterator[Variant]:
    """`break` -> `continue`; `return x` in a loop -> `continue`; `continue` -> `break`; `pass` -> each."""
    node = site.node
    if isinstance(node, cst.Break):
        yield site.put("continue", "jump.kind", 0.6)
        yield site.put("return", "jump.kind", 0.1)
        yield from (site.put(f"return {name}", "jump.kind", 0.1) for name in site.names())
    elif isinstance(node, cst.Continue):
        yield site.put("break", "jump.kind", 0.6)
        yield site.put("pass", "jump.kind", 0.2)
    elif isinstance(node, cst.Pass):
        for text in ("continue", "break", "return"):
            yield site.put(text, "jump.kind", 0.25)
        if not any(isinstance(one, cst.FunctionDef) for one in (site.unit.parents[site.unit.parents[node]],)):
            yield site.put("raise", "jump.kind", 0.15)
    elif isinstance(node, cst.Return) and any(
        isinstance(one, cst.For | cst.While) for one in site.unit.ancestors(node)
    ):
        yield site.put("continue", "jump.kind", 0.14)
        yield site.put("break", "jump.kind", 0.12)
        if node.value is not None:
            yield site.put(f"yield {site.code(node.value)}", "jump.yield", 0.1)


def loop_kind(site: Site) -> Iterator[Variant]:
    """`if c:` -> `while c:` and back; `elif` -> `if`; `if` -> `elif`; an `else` that should be nothing."""
    node, unit = site.node, site.unit
    if isinstance(node, cst.If) and not _is_elif(unit, node):
        start = unit.span(node)[0]
        if node.orelse is None:
            yield Variant("loop.kind", 0.3, (Edit(start, start + 2, "while"),))
        block = list(_block(site))
        place = block.index(node) if node in block else 0
        if (
            place
            and isinstance(block[place - 1], cst.If)
            and not isinstance(getattr(block[place - 1], "orelse", None), cst.Else)
        ):
            yield Variant("branch.kind", 0.4, (Edit(start, start + 2, "elif"),))
    elif isinstance(node, cst.If):
        start = unit.span(node)[0]
        if unit.data[start : start + 2] == b"if" and unit.data[start - 2 : start] == b"el":
            yield Variant("branch.kind", 0.4, (Edit(start - 2, start, ""),))
        elif unit.data[start : start + 4] == b"elif":
            yield Variant("branch.kind", 0.4, (Edit(start, start + 2, ""),))
    elif isinstance(node, cst.While) and node.orelse is None:
        start = unit.span(node)[0]
        yield Variant("loop.kind", 0.25, (Edit(start, start + 5, "if"),))


def _growing(site: Site) -> Iterator[tuple[str, str]]:
    for name in site.names():
        kinds = site.kinds(name)
        if "list" in kinds:
            yield name, "append"
        if "set" in kinds:
            yield name, "add"
        if "queue" in kinds:
            yield name, "append"
    if site.function is not None:
        for one in site.unit.descend(site.function.node.body):
            grows = isinstance(one, cst.Attribute) and one.attr.value in (
                "append",
                "add",
                "discard",
                "remove",
                "extend",
            )
            if grows and isinstance(one, cst.Attribute) and isinstance(one.value, cst.Name | cst.Attribute):
                yield site.code(one.value), one.attr.value


def _fed(site: Site) -> set[str]:
    """Return what this function puts something into; a collection that is read but never fed is a clue."""
    found: set[str] = set()
    for one in site.unit.descend(site.function.node.body if site.function else site.node):
        if isinstance(one, cst.Attribute) and one.attr.value in FEEDING:
            found.add(site.code(one.value))
        elif isinstance(one, cst.AugAssign):
            found.add(site.code(one.target))
        elif isinstance(one, cst.AssignTarget) and isinstance(one.target, cst.Subscript):
            found.add(site.code(one.target.value))
    return found


def _parts_in_use(site: Site) -> list[str]:
    """Return the attributes and items of locals that this function reads."""
    found: dict[str, None] = {}
    for one in site.unit.descend(site.function.node.body if site.function else site.node):
        part = isinstance(one, cst.Attribute | cst.Subscript) and isinstance(one.value, cst.Name)
        caller = site.unit.parents.get(one)
        called = isinstance(caller, cst.Call) and caller.func is one
        if part and not called and not isinstance(caller, cst.AssignTarget):
            found[site.text(one)] = None
    return list(found)


def missing(site: Site) -> Iterator[Variant]:
    """A forgotten statement: `xs.append(x)`, `seen.add(x)`, `a = b`, `i += 1`, a jump; before or after this one."""
    node, function = site.node, site.function
    if (
        function is None
        or not isinstance(node, cst.SimpleStatementLine | cst.If | cst.For | cst.While)
        or not _block(site)
    ):
        return
    if _is_elif(site.unit, node) or _is_docstring(node):
        return
    for text, prior in _missing_texts(site):
        yield insert_before(site, node, [text], "statement.missing", prior)
        last = _block(site)[-1] is node
        leaves = isinstance(node, cst.SimpleStatementLine) and isinstance(
            node.body[0], cst.Return | cst.Raise | cst.Break | cst.Continue
        )
        if last and not leaves:
            yield insert_after(site, node, [text], "statement.missing", prior)


def _missing_texts(site: Site) -> Iterator[tuple[str, float]]:
    names = site.names()
    in_loop = any(isinstance(one, cst.For | cst.While) for one in site.unit.ancestors(site.node))
    fed = _fed(site)
    for owner, method in dict.fromkeys(_growing(site)):
        weight = 1.0 if owner in fed else STARVED
        for name in names:
            if name != owner:
                yield f"{owner}.{method}({name})", 0.12 * weight
        for text in _parts_in_use(site)[:8]:
            yield f"{owner}.{method}({text})", 0.07 * weight
    kinds = {name: site.kinds(name) for name in names}
    for one in names:
        if "number" in kinds[one]:
            yield f"{one} += 1", 0.1 if in_loop else 0.05
            yield f"{one} -= 1", 0.06 if in_loop else 0.03
        for other in names:
            if one != other and (not kinds[one] or not kinds[other] or kinds[one] & kinds[other]):
                yield f"{one} = {other}", 0.07
    if in_loop:
        yield "continue", 0.12
        yield "break", 0.12


def borrowed_statement(site: Site) -> Iterator[Variant]:
    """A statement of the same function, or of a sister method, copied here; names may differ."""
    node, function = site.node, site.function
    if (
        function is None
        or not isinstance(node, cst.SimpleStatementLine | cst.If | cst.For | cst.While)
        or not _block(site)
    ):
        return
    if _is_elif(site.unit, node) or _is_docstring(node):
        return
    for text, prior in list(_statements_near(site))[:24]:
        if text != site.text():
            yield insert_before(site, node, [text], "statement.borrowed", prior)
            if _block(site)[-1] is node and not text.startswith("return"):
                yield insert_after(site, node, [text], "statement.borrowed", prior)


def _statements_near(site: Site) -> Iterator[tuple[str, float]]:
    assert site.function is not None
    unit = site.unit
    places: list[tuple[cst.CSTNode, float]] = [(site.function.node.body, 0.1)]
    if site.function.cls is not None:
        places += [
            (one.body, 0.07)
            for one in site.function.cls.body.body
            if isinstance(one, cst.FunctionDef) and one is not site.function.node
        ]
    seen: set[str] = set()
    for place, prior in places:
        for one in unit.descend(place):
            simple = (
                isinstance(one, cst.SimpleStatementLine)
                and len(one.body) == 1
                and unit.first_line(one) == unit.last_line(one)
            )
            if (
                not simple
                or not isinstance(one, cst.SimpleStatementLine)
                or _is_docstring(one)
                or isinstance(one.body[0], cst.Pass | cst.Break | cst.Continue)
            ):
                continue
            text = unit.text(one)
            if text not in seen and len(text) < 100:
                seen.add(text)
                yield text, prior


OPERATORS: tuple[Operator, ...] = (
    delete, swap_neighbours, outdent, indent, move, jumps, loop_kind, missing, borrowed_statement,
)  # fmt: skip
