"""Faults in calls: arguments exchanged, dropped or forgotten; the sibling of the right function; a call too many."""

from collections.abc import Iterator

import libcst as cst

from workers.engines.repair.mutate.variant import Operator, Site, Variant

FAMILIES = tuple(
    tuple(line.split())
    for line in """
    min max
    any all
    append extend add insert
    lower upper title capitalize casefold
    startswith endswith
    strip lstrip rstrip
    split rsplit splitlines
    find rfind index
    index rindex
    add discard remove
    discard remove
    keys values items
    pop popleft
    appendleft append
    union intersection difference symmetric_difference
    issubset issuperset
    floor ceil trunc
    isdigit isalpha isalnum isnumeric isdecimal
    isupper islower
    ljust rjust center zfill
    partition rpartition
    removeprefix removesuffix lstrip rstrip
    weekday isoweekday
    days seconds
    seconds total_seconds
    update setdefault
    sum len
    set list tuple sorted
    int float round
    int str
    sort reverse
    get pop setdefault
    bisect_left bisect_right bisect
    insort_left insort_right insort
    match search fullmatch
    search findall finditer
    combinations permutations combinations_with_replacement product
    zip zip_longest
    copy deepcopy
    nlargest nsmallest
    heappush heappushpop
    load loads
    dump dumps
    isinstance issubclass
    abs int
    ord chr
    encode decode
    year month day
    minimum maximum
    mean median
    extend update
    fromtimestamp utcfromtimestamp
    hour minute second
    floordiv truediv
    pstdev stdev
    variance pvariance
    group groups
    takewhile dropwhile
    """.strip().splitlines()
)
WRAPPERS = {
    "int": 0.12,
    "str": 0.12,
    "len": 0.12,
    "list": 0.12,
    "sorted": 0.14,
    "set": 0.1,
    "abs": 0.12,
    "tuple": 0.05,
    "float": 0.06,
    "sum": 0.06,
    "max": 0.05,
    "min": 0.05,
    "bool": 0.05,
    "dict": 0.04,
    "reversed": 0.04,
    "round": 0.06,
}
METHODS = (
    ("strip", 0.12),
    ("lower", 0.12),
    ("copy", 0.1),
    ("upper", 0.05),
    ("items", 0.08),
    ("values", 0.06),
    ("keys", 0.03),
)
SORTERS = ("sorted", "sort", "nlargest", "nsmallest")


def family(site: Site) -> Iterator[Variant]:
    """`min(x)` -> `max(x)`, `x.append(y)` -> `x.extend(y)`."""
    node, parent = site.node, site.parent
    if not isinstance(node, cst.Name):
        return
    called = isinstance(parent, cst.Call) and parent.func is node
    attribute = isinstance(parent, cst.Attribute) and parent.attr is node
    if not called and not attribute:
        return
    for group in FAMILIES:
        if node.value in group:
            for other in group:
                if other != node.value:
                    yield site.put(other, "call.family", 0.65 if len(group) <= 3 else 0.5)


def exchange(site: Site) -> Iterator[Variant]:
    """`f(a, b)` -> `f(b, a)`."""
    node = site.node
    if not isinstance(node, cst.Call) or len(node.args) < 2:
        return
    plain = [one for one in node.args if one.keyword is None and not one.star]
    for first in range(len(plain)):
        for second in range(first + 1, len(plain)):
            one, two = plain[first].value, plain[second].value
            if site.text(one) != site.text(two):
                prior = 0.6 if second == first + 1 else 0.35
                edits = (*site.put(site.code(two), "", 0, one).edits, *site.put(site.code(one), "", 0, two).edits)
                yield Variant("call.exchange", prior, edits)
    named = [one for one in node.args if one.keyword is not None]
    for first in range(len(named) - 1):
        one, two = named[first].value, named[first + 1].value
        if site.text(one) != site.text(two):
            edits = (*site.put(site.code(two), "", 0, one).edits, *site.put(site.code(one), "", 0, two).edits)
            yield Variant("call.exchange", 0.35, edits)


def _spelled(site: Site, node: cst.Call, args: list[str]) -> str:
    return f"{site.code(node.func)}({', '.join(args)})"


def _arguments(site: Site, node: cst.Call) -> list[str]:
    return [site.text(one).rstrip().rstrip(",").rstrip() for one in node.args]


def drop(site: Site) -> Iterator[Variant]:
    """`f(a, b)` -> `f(a)`; `f(a, key=b)` -> `f(a)`."""
    node = site.node
    if isinstance(node, cst.Call) and node.args and len(node.args) <= 6:
        args = _arguments(site, node)
        for index, argument in enumerate(node.args):
            prior = 0.3 if argument.keyword is not None else 0.22 if len(args) > 1 else 0.12
            yield site.put(_spelled(site, node, [*args[:index], *args[index + 1 :]]), "call.drop", prior)


def add(site: Site) -> Iterator[Variant]:
    """`f(a)` -> `f(a, b)` with a local; `sorted(x)` -> `sorted(x, reverse=True)`; `sum(x)` -> `sum(x, 0)`."""
    node = site.node
    if not isinstance(node, cst.Call) or len(node.args) > 5:
        return
    args = _arguments(site, node)
    called = (
        node.func.value
        if isinstance(node.func, cst.Name)
        else node.func.attr.value
        if isinstance(node.func, cst.Attribute)
        else ""
    )
    if called in SORTERS and "reverse=" not in "".join(args):
        yield site.put(_spelled(site, node, [*args, "reverse=True"]), "call.reverse", 0.4)
    if called in (*SORTERS, "min", "max"):
        for text in ("key=len", "key=abs", "key=lambda item: item[1]", "key=lambda item: item[0]", "key=str.lower"):
            if "key=" not in "".join(args):
                yield site.put(_spelled(site, node, [*args, text]), "call.key", 0.15)
    constants = {
        "pop": ("0", "None"),
        "get": ("0", "None", "[]", "''"),
        "split": ("','", "' '"),
        "enumerate": ("1",),
        "round": ("2", "1"),
        "max": ("default=0", "default=None"),
        "min": ("default=0", "default=None"),
        "next": ("None",),
        "sum": ("0",),
        "strip": ("'\\n'",),
        "int": ("2",),
        "join": (),
    }
    if called in ("split", "rsplit", "replace") and len(args) == (2 if called == "replace" else 1):
        yield site.put(_spelled(site, node, [*args, "1"]), "call.constant", 0.3)
    for text in constants.get(called, ()):
        yield site.put(_spelled(site, node, [*args, text]), "call.constant", 0.3)
    known = site.unit.globals.get(called) in ("function", "class") or (
        site.function is not None and called == site.function.node.name.value
    )
    method = isinstance(node.func, cst.Attribute)
    for name in site.names():
        if name not in args and (known or method):
            yield site.put(_spelled(site, node, [*args, name]), "call.add", 0.14 if known else 0.05)
            if known and args:
                yield site.put(_spelled(site, node, [name, *args]), "call.add", 0.07)


def unwrap(site: Site) -> Iterator[Variant]:
    """`f(x)` -> `x`, `x.strip()` -> `x`."""
    node = site.node
    if not isinstance(node, cst.Call) or isinstance(site.parent, cst.Expr):
        return
    own = site.code(node.func) in site.unit.globals or (
        site.function is not None and site.code(node.func) == site.function.node.name.value
    )
    for argument in node.args[:3]:
        if argument.keyword is None and not argument.star:
            yield site.put_whole(site.code(argument.value), "call.unwrap", (0.12 if own else 0.3) / len(node.args))
    if isinstance(node.func, cst.Attribute) and len(node.args) <= 1:
        yield site.put_whole(site.code(node.func.value), "call.unwrap", 0.2)


def wrap(site: Site) -> Iterator[Variant]:
    """`x` -> `int(x)`, `sorted(x)`, `x.strip()`, `x()`."""
    node, parent = site.node, site.parent
    if not isinstance(
        node, cst.Name | cst.Attribute | cst.Subscript | cst.Call | cst.BinaryOperation | cst.ListComp | cst.SetComp
    ):
        return
    if isinstance(node, cst.Name) and node.value in ("True", "False", "None", "self", "cls"):
        return
    places = (
        cst.Return
        | cst.Assign
        | cst.Arg
        | cst.For
        | cst.Comparison
        | cst.ComparisonTarget
        | cst.Index
        | cst.BinaryOperation
        | cst.CompFor
        | cst.Element
        | cst.AugAssign
    )
    if (
        not isinstance(parent, places)
        or getattr(parent, "target", None) is node
        or getattr(parent, "keyword", None) is node
    ):
        return
    inner = (
        site.text()
        if not (isinstance(parent, cst.Arg) and site.code(getattr(site.unit.parents[parent], "func", node)) in WRAPPERS)
        else ""
    )
    if inner:
        for name, prior in WRAPPERS.items():
            yield site.put_whole(
                f"{name}({inner})", "call.wrap", prior * (1.3 if isinstance(parent, cst.Return) else 0.8)
            )
    if not isinstance(node, cst.BinaryOperation):
        text = site.code()
        for name, prior in METHODS:
            yield site.put(f"{text}.{name}()", "call.method", prior)
        if not isinstance(node, cst.Call):
            yield site.put(f"{text}()", "call.missing", 0.2 if isinstance(node, cst.Attribute) else 0.1)


def extreme(site: Site) -> Iterator[Variant]:
    """`best = x` -> `best = max(best, x)`; `x` -> `max(0, x)`."""
    node = site.node
    if isinstance(node, cst.Assign) and len(node.targets) == 1 and not isinstance(node.targets[0].target, cst.Tuple):
        target, value = site.code(node.targets[0].target), node.value
        if isinstance(value, cst.Integer | cst.List | cst.Dict | cst.SimpleString | cst.Tuple) or site.function is None:
            return
        text = site.text(value)
        for name, prior in (("max", 0.3), ("min", 0.3)):
            yield site.put_whole(f"{name}({target}, {text})", "call.extreme", prior, value)
        for name, prior in (("max", 0.2), ("min", 0.06)):
            yield site.put_whole(f"{name}(0, {text})", "call.extreme", prior, value)
    if isinstance(node, cst.Return) and isinstance(node.value, cst.BinaryOperation | cst.Call | cst.Name):
        yield site.put_whole(f"max(0, {site.text(node.value)})", "call.extreme", 0.12, node.value)
        for name in site.names():
            if "number" in site.kinds(name) and name != site.text(node.value):
                for kind in ("max", "min"):
                    yield site.put_whole(f"{kind}({name}, {site.text(node.value)})", "call.extreme", 0.05, node.value)


def lost_result(site: Site) -> Iterator[Variant]:
    """`x.strip()` as a statement -> `x = x.strip()`; `f(x)` -> `return f(x)`; `x = l.sort()` -> `x = sorted(l)`."""
    node, parent = site.node, site.parent
    if isinstance(node, cst.Call) and isinstance(parent, cst.Expr):
        yield site.put_whole(f"return {site.code()}", "call.lost_result", 0.35, parent)
        if isinstance(node.func, cst.Attribute) and isinstance(node.func.value, cst.Name | cst.Attribute):
            yield site.put_whole(f"{site.code(node.func.value)} = {site.code()}", "call.lost_result", 0.4, parent)
        for name in site.names():
            yield site.put_whole(f"{name} = {site.code()}", "call.lost_result", 0.1, parent)
            yield site.put_whole(f"{name} += {site.code()}", "call.lost_result", 0.08, parent)
    in_place = isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and not isinstance(parent, cst.Expr)
    if (
        in_place
        and isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and node.func.attr.value in ("sort", "reverse")
    ):
        owner = site.code(node.func.value)
        rest = "".join(f", {one}" for one in _arguments(site, node))
        made = f"sorted({owner}{rest})" if node.func.attr.value == "sort" else f"{owner}[::-1]"
        yield site.put(made, "call.in_place", 0.7)


def waiting(site: Site) -> Iterator[Variant]:
    """`f()` -> `await f()` in a coroutine; `yield x` -> `yield from x` and back; `return x` -> `yield x`."""
    node, function = site.node, site.function
    if (
        isinstance(node, cst.Call)
        and function is not None
        and function.node.asynchronous
        and not isinstance(site.parent, cst.Await)
    ):
        yield site.put_whole(
            f"(await {site.code()})"
            if not isinstance(site.parent, cst.Assign | cst.Return | cst.Expr | cst.Arg)
            else f"await {site.code()}",
            "call.await",
            0.35,
        )
    if isinstance(node, cst.Yield) and node.value is not None:
        if isinstance(node.value, cst.From):
            yield site.put_whole(f"yield {site.code(node.value.item)}", "call.yield", 0.5)
        else:
            yield site.put_whole(f"yield from {site.code(node.value)}", "call.yield", 0.5)


OPERATORS: tuple[Operator, ...] = (family, exchange, drop, add, unwrap, wrap, extreme, lost_result, waiting)
