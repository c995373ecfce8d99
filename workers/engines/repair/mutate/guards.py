"""Faults of what is not there: a guard, a default, a return, a raise; and the wrong exception."""

from collections.abc import Iterator
from itertools import combinations

import libcst as cst

from workers.engines.repair.mutate.unit import Function
from workers.engines.repair.mutate.variant import Edit, Operator, Site, Variant, insert_after, insert_before

EXCEPTIONS = (
    "ValueError",
    "KeyError",
    "IndexError",
    "TypeError",
    "ZeroDivisionError",
    "AttributeError",
    "LookupError",
    "Exception",
    "StopIteration",
    "RuntimeError",
    "OSError",
    "FileNotFoundError",
    "NotImplementedError",
    "OverflowError",
    "PermissionError",
    "UnicodeDecodeError",
    "TimeoutError",
    "ArithmeticError",
)
EMPTY_ERRORS = frozenset(
    {"ZeroDivisionError", "IndexError", "ValueError", "StopIteration", "RecursionError", "KeyError"}
)
NONE_ERRORS = frozenset({"TypeError", "AttributeError"})


def _starts(function: Function) -> cst.CSTNode | None:
    """Return the first statement of a function after its docstring."""
    body = function.node.body
    if not isinstance(body, cst.IndentedBlock):
        return None
    for one in body.body:
        doc = (
            isinstance(one, cst.SimpleStatementLine)
            and isinstance(one.body[0], cst.Expr)
            and isinstance(one.body[0].value, cst.SimpleString)
        )
        if not doc:
            return one
    return None


def _answers(site: Site, function: Function) -> dict[str, float]:
    """Return what a guard may return here: usual empty values, parameters, what the function returns elsewhere."""
    found = {
        "None": 0.8,
        "0": 0.8,
        "[]": 0.8,
        "False": 0.7,
        "True": 0.5,
        "''": 0.5,
        "{}": 0.5,
        "1": 0.4,
        "-1": 0.4,
        "0.0": 0.5,
        "set()": 0.2,
        "()": 0.2,
        "": 0.5,
    }
    for name in function.params[:4]:
        found[name] = 0.5
    for one in site.unit.descend(function.node.body):
        if isinstance(one, cst.Return) and one.value is not None and len(site.text(one.value)) < 30:
            text = site.text(one.value)
            found[text] = max(
                found.get(text, 0.0),
                1.0 if isinstance(one.value, cst.Integer | cst.List | cst.SimpleString | cst.Dict) else 0.6,
            )
        elif (
            isinstance(one, cst.Assign)
            and isinstance(one.value, cst.Integer | cst.List | cst.Dict | cst.SimpleString)
            and len(site.text(one.value)) < 8
        ):
            text = site.text(one.value)
            found[text] = max(found.get(text, 0.0), 0.85)
    if site.function is not None and function.is_generator:
        found = {"": 1.0}
    return found


def _conditions(site: Site, function: Function) -> Iterator[tuple[str, float]]:
    errors = site.clues.errors
    empty = 2.0 if errors & EMPTY_ERRORS else 1.0
    none = 2.0 if errors & NONE_ERRORS else 0.6
    for name in [*function.params[:5], *(one for one in function.names if one not in function.params)][:8]:
        own = 1.0 if name in function.params else 0.7
        kinds = function.kinds.get(name, set())
        yield f"not {name}", own * empty
        yield f"{name} is None", own * none
        if "number" in kinds or not kinds:
            yield f"{name} == 0", own * 0.5
            yield f"{name} < 0", own * 0.5
            yield f"{name} <= 0", own * 0.5
            yield f"{name} <= 1", own * 0.25
        if kinds & {"many", "list", "text"}:
            yield f"len({name}) < 2", own * 0.4
            yield f"len({name}) == 1", own * 0.3
    for attribute in function.self_attributes[:6]:
        yield f"not {function.self_name}.{attribute}", 0.8 * empty
        yield f"{function.self_name}.{attribute} is None", 0.6 * none
    for one in function.params[:4]:
        for other in function.params[:4]:
            if one != other:
                yield f"{one} > {other}" if one < other else f"{one} == {other}", 0.3
        for attribute in function.self_attributes[:6]:
            yield f"{one} in {function.self_name}.{attribute}", 0.3
            yield f"{one} not in {function.self_name}.{attribute}", 0.3
    for one in function.params[:4]:
        for other in function.names[:8]:
            kinds = function.kinds.get(other, set())
            if one != other and kinds & {"map", "set", "list", "many"}:
                yield f"{one} in {other}", 0.3
                yield f"{one} not in {other}", 0.3


def early_return(site: Site) -> Iterator[Variant]:
    """`if not x: return ...` at the start of the function, or before this statement."""
    function = site.function
    if function is None or not _is_block_statement(site):
        return
    first = _starts(function)
    at_start = first is site.node
    step = site.unit.step
    answers = _answers(site, function)
    for condition, weight in _conditions(site, function):
        bound_here = at_start and any(
            part in function.names and part not in function.params
            for part in condition.replace("(", " ").replace(")", " ").split()
        )
        if bound_here:
            continue
        for answer, liking in answers.items():
            if answer in condition.split() and answer not in function.params:
                continue
            prior = 0.3 * weight * liking * (1.0 if at_start else 0.35)
            if prior >= 0.02:
                yield insert_before(
                    site,
                    site.node,
                    [f"if {condition}:", f"{step}return {answer}".rstrip()],
                    "guard.return",
                    min(0.6, prior),
                )


def _is_block_statement(site: Site) -> bool:
    node = site.node
    parent = site.parent
    if not isinstance(parent, cst.IndentedBlock) or not isinstance(
        node, cst.SimpleStatementLine | cst.If | cst.For | cst.While | cst.With | cst.Try
    ):
        return False
    doc = (
        isinstance(node, cst.SimpleStatementLine)
        and isinstance(node.body[0], cst.Expr)
        and isinstance(node.body[0].value, cst.SimpleString)
    )
    return not doc


def loop_guard(site: Site) -> Iterator[Variant]:
    """`if x in seen: continue` and its kind, at the start of a loop's body."""
    node, function = site.node, site.function
    if function is None or not _is_block_statement(site):
        return
    holder = site.unit.parents.get(site.parent) if site.parent is not None else None
    if not isinstance(holder, cst.For | cst.While) or site.parent.body[0] is not node:  # type: ignore[union-attr]
        return
    targets = (
        [part.value for part in site.unit.descend(holder.target) if isinstance(part, cst.Name)]
        if isinstance(holder, cst.For)
        else []
    )
    step = site.unit.step
    conditions = {f"not {name}": 0.3 for name in targets} | {f"{name} is None": 0.25 for name in targets}
    for name in targets or function.names:
        for other in function.names:
            if other != name and function.kinds.get(other, set()) & {"set", "list", "map", "many"}:
                conditions[f"{name} in {other}"] = 0.22
                conditions[f"{name} not in {other}"] = 0.12
            elif other != name:
                conditions[f"{name} == {other}"] = 0.12
    for condition, prior in list(conditions.items())[:40]:
        yield insert_before(site, node, [f"if {condition}:", f"{step}continue"], "guard.continue", prior)
        yield insert_before(site, node, [f"if {condition}:", f"{step}break"], "guard.break", prior * 0.4)


def wrap_in_condition(site: Site) -> Iterator[Variant]:
    """A statement that needs an `if x:` before it (`if x not in d: d[x] = []`)."""
    node, unit, function = site.node, site.unit, site.function
    if (
        function is None
        or not isinstance(node, cst.SimpleStatementLine)
        or len(node.body) != 1
        or not _is_block_statement(site)
    ):
        return
    if isinstance(node.body[0], cst.Return | cst.Raise) and unit.parents[unit.parents[node]] is function.node:
        return
    small = node.body[0]
    conditions: dict[str, float] = {}
    for name in function.names[:8]:
        conditions[name] = 0.14
        conditions[f"{name} is not None"] = 0.14
    for one in unit.descend(small):
        if isinstance(one, cst.Subscript) and len(one.slice) == 1:
            key = site.text(one.slice[0])
            conditions[f"{key} not in {site.code(one.value)}"] = 0.3
            conditions[f"{key} in {site.code(one.value)}"] = 0.3
        if isinstance(one, cst.Call) and isinstance(one.func, cst.Attribute) and one.args:
            conditions[f"{site.code(one.args[0].value)} not in {site.code(one.func.value)}"] = 0.3
            if one.func.attr.value in ("remove", "pop"):
                conditions[f"{site.code(one.args[0].value)} in {site.code(one.func.value)}"] = 0.3
    if isinstance(small, cst.Assign) and len(small.targets) == 1:
        left, right = site.code(small.targets[0].target), site.code(small.value)
        conditions |= {f"{right} > {left}": 0.2, f"{right} < {left}": 0.2, f"{left} is None": 0.15}
    looped = [name for name in function.names if "looped" in function.kinds.get(name, set())][:6]
    for a, b in combinations(looped, 2):
        conditions |= {f"{a} or {b}": 0.14, f"{a} != {b}": 0.16, f"{a} < {b}": 0.1}
    first, last = unit.first_line(node), unit.last_line(node)
    indent = unit.indent(node)
    body = "".join(unit.step + line + unit.newline for line in unit.lines(first, last).splitlines())
    for condition, prior in conditions.items():
        text = f"{indent}if {condition}:{unit.newline}{body}"
        yield Variant("guard.if", prior, (Edit(unit.line_start(first), unit.line_start(last + 1), text),))


def default_value(site: Site) -> Iterator[Variant]:
    """`def f(x=[])` -> `x=None` and `if x is None: x = []`; and such a line where a parameter may be None."""
    node, function = site.node, site.function
    if function is None:
        return
    if isinstance(node, cst.Param) and node.default is not None:
        first = _starts(function)
        mutable = isinstance(node.default, cst.List | cst.Dict | cst.Set) or (
            isinstance(node.default, cst.Call) and not node.default.args
        )
        if mutable and first is not None and node.name.value in function.names:
            name, text = node.name.value, site.code(node.default)
            start, end = site.unit.span(node.default)
            guard = insert_before(site, first, [f"if {name} is None:", f"{site.unit.step}{name} = {text}"], "", 0)
            yield Variant("default.mutable", 0.8, (Edit(start, end, "None"), *guard.edits))
    if _is_block_statement(site) and _starts(function) is node:
        weight = 1.0 if site.clues.errors & NONE_ERRORS else 0.3
        for name in function.params[:5]:
            for value in ("[]", "{}", "0", "''", "set()", "1"):
                yield insert_before(
                    site,
                    node,
                    [f"if {name} is None:", f"{site.unit.step}{name} = {value}"],
                    "default.none",
                    0.25 * weight,
                )
            for form, prior in (
                (f"list({name})", 0.18),
                (f"{name}.copy()", 0.15),
                (f"sorted({name})", 0.12),
                (f"{name}.strip()", 0.14),
                (f"{name}.lower()", 0.14),
                (f"abs({name})", 0.1),
                (f"dict({name})", 0.1),
            ):
                yield insert_before(site, node, [f"{name} = {form}"], "default.own", prior)


def late_return(site: Site) -> Iterator[Variant]:
    """A forgotten `return x` at the end of the function or of this block; `return` -> `return x`."""
    node, function = site.node, site.function
    if function is None or function.is_generator:
        return
    if isinstance(node, cst.Return) and node.value is None:
        for name in function.names:
            yield site.put(f"return {name}", "return.value", 0.3)
        for text in ("False", "True", "0", "[]", "''", "{}"):
            yield site.put(f"return {text}", "return.value", 0.12)
    if isinstance(node, cst.Assign) and len(node.targets) == 1:
        yield site.put_whole(f"return {site.code(node.value)}", "return.assigned", 0.15)
    body = function.node.body
    if not _is_block_statement(site) or not isinstance(body, cst.IndentedBlock):
        return
    leaves = isinstance(node, cst.SimpleStatementLine) and isinstance(node.body[0], cst.Return | cst.Raise)
    block = site.parent.body if isinstance(site.parent, cst.IndentedBlock) else ()
    if leaves or not block or block[-1] is not node:
        return
    prior = 0.35 if body.body[-1] is node else 0.14
    texts = dict.fromkeys(function.names, prior) | dict.fromkeys(
        ("True", "False", "0", "[]", "None", "1", "''"), prior * 0.6
    )
    if function.self_name:
        texts |= {function.self_name: prior * 0.8} | {
            f"{function.self_name}.{one}": prior * 0.6 for one in function.self_attributes[:6]
        }
    for text, weight in texts.items():
        yield insert_after(site, node, [f"return {text}"], "return.missing", weight)


def returned(site: Site) -> Iterator[Variant]:
    """`return True` -> `return not x`, `return x == 0`; `return x` -> `return x, y`."""
    node, function = site.node, site.function
    if not isinstance(node, cst.Return) or node.value is None or function is None:
        return
    value = site.text(node.value)
    attributes = [f"{function.self_name}.{one}" for one in function.self_attributes[:6]] if function.self_name else []
    for name in [*function.names, *attributes]:
        if name == value:
            continue
        flag = value in ("True", "False")
        if flag:
            for form in (f"not {name}", f"{name} == 0", f"{name} > 0", f"len({name}) == 0", f"bool({name})"):
                yield site.put_whole(form, "return.value", 0.2, node.value)
        elif isinstance(node.value, cst.Integer | cst.List | cst.SimpleString | cst.Dict) or value == "None":
            yield site.put_whole(name, "return.value", 0.2, node.value)
        for form, prior in ((f"{value} and {name}", 0.03), (f"{value} or {name}", 0.06)):
            if "\n" not in value:
                yield site.put_whole(form, "return.value", prior, node.value)
    for text, prior in (("None", 0.1), ("[]", 0.08), ("False", 0.08), ("0", 0.08), ("True", 0.05), ("-1", 0.05)):
        if text != value:
            yield site.put_whole(text, "return.constant", prior, node.value)


def raising(site: Site) -> Iterator[Variant]:
    """A forgotten `raise`: only the exceptions that a failing test waits for."""
    function = site.function
    if function is None or not site.clues.expected:
        return
    node = site.node
    if _is_block_statement(site):
        at_start = _starts(function) is node
        step = site.unit.step
        for error in sorted(site.clues.expected):
            for condition, weight in _refusals(site, function):
                prior = 0.35 * weight * (1.0 if at_start else 0.4)
                message = _message(site)
                yield insert_before(
                    site, node, [f"if {condition}:", f"{step}raise {error}({message})"], "guard.raise", min(0.55, prior)
                )
    if isinstance(node, cst.Return | cst.Pass | cst.Continue):
        for error in sorted(site.clues.expected):
            yield site.put_whole(f"raise {error}({_message(site)})", "raise.instead", 0.35)
    if isinstance(node, cst.Expr) and isinstance(node.value, cst.Call):
        for error in sorted(site.clues.expected):
            if site.code(node.value.func) == error:
                yield site.put_whole(f"raise {site.code(node.value)}", "raise.instead", 0.9)


def _message(site: Site) -> str:
    name = site.function.node.name.value if site.function else ""
    return f'"{name}: not a value that can be used here"' if name else ""


def _refusals(site: Site, function: Function) -> Iterator[tuple[str, float]]:
    seen: set[str] = set()
    for condition, weight in _conditions(site, function):
        if condition not in seen:
            seen.add(condition)
            yield condition, weight
    attributes = [f"{function.self_name}.{one}" for one in function.self_attributes[:8]] if function.self_name else []
    for one in function.params[:4]:
        yield f"{one} < 0", 0.9
        yield f"{one} <= 0", 0.9
        for other in [*attributes, *function.names[:8]]:
            if other != one:
                yield f"{one} > {other}", 0.7
                yield f"{one} < {other}", 0.4
                yield f"{one} >= {other}", 0.4
        for kind in ("int", "str"):
            yield f"not isinstance({one}, {kind})", 0.25


def exception_type(site: Site) -> Iterator[Variant]:
    """`except KeyError` -> the error that really comes; `raise ValueError` -> the error that is waited for."""
    node, parent = site.node, site.parent
    if not isinstance(node, cst.Name) or not node.value[:1].isupper():
        return
    handler = isinstance(parent, cst.ExceptHandler)
    raised = isinstance(parent, cst.Raise) or (
        isinstance(parent, cst.Call) and isinstance(site.unit.parents.get(parent), cst.Raise)
    )
    listed = isinstance(parent, cst.Element) and node.value in EXCEPTIONS
    if not handler and not raised and not listed:
        return
    own = [
        name
        for name, kind in site.unit.globals.items()
        if kind in ("class", "import") and name[:1].isupper() and not name.isupper()
    ]
    for name in dict.fromkeys([*site.clues.expected, *site.clues.errors, *own, *EXCEPTIONS]):
        if name != node.value and name.isidentifier() and name not in ("AssertionError", "Failed", "Killed", "Hung"):
            known = name in site.clues.expected or name in site.clues.errors
            prior = 0.6 if known else 0.3 if name in own else 0.2
            yield site.put(name, "exception.type", prior)
            if handler and known:
                yield site.put_whole(f"({node.value}, {name})", "exception.more", 0.65)
            elif handler:
                yield site.put_whole(f"({node.value}, {name})", "exception.more", 0.1)


def outer_name(site: Site) -> Iterator[Variant]:
    """`global x` and `nonlocal x`, when a name is unbound."""
    function = site.function
    if function is None or "UnboundLocalError" not in site.clues.errors or not _is_block_statement(site):
        return
    if _starts(function) is not site.node:
        return
    for name in function.names:
        if name in site.unit.globals:
            yield insert_before(site, site.node, [f"global {name}"], "name.global_statement", 0.6)
        else:
            yield insert_before(site, site.node, [f"nonlocal {name}"], "name.nonlocal", 0.5)
            for value in ("0", "[]", "None", "''", "{}", "1", "False"):
                yield insert_before(site, site.node, [f"{name} = {value}"], "name.unbound", 0.4)


def missing_attribute(site: Site) -> Iterator[Variant]:
    """`super().__init__()` or `self.x = ...` that the constructor forgot."""
    function = site.function
    if (
        function is None
        or function.cls is None
        or function.node.name.value != "__init__"
        or not _is_block_statement(site)
    ):
        return
    body = function.node.body
    if not isinstance(body, cst.IndentedBlock) or (
        body.body[-1] is not site.node and _starts(function) is not site.node
    ):
        return
    put = insert_after if body.body[-1] is site.node else insert_before
    if function.cls.bases:
        for args in ("", ", ".join(function.params), *function.params):
            yield put(site, site.node, [f"super().__init__({args})"], "init.super", 0.4)
    wanted = {
        word for message in site.clues.messages if "has no attribute" in message for word in message.split("'")[3:4]
    }
    for name in sorted(wanted):
        if name.isidentifier():
            for value in (name, *function.params, "[]", "{}", "0", "None", "set()", "False", "''"):
                if value != name or name in function.params:
                    yield put(site, site.node, [f"self.{name} = {value}"], "init.attribute", 0.5)


OPERATORS: tuple[Operator, ...] = (
    early_return, loop_guard, wrap_in_condition, default_value, late_return, returned, raising, exception_type,
    outer_name, missing_attribute,
)  # fmt: skip
