"""Faults in indexes, slices and loops over them."""

from collections.abc import Iterator

import libcst as cst

from workers.engines.repair.mutate.variant import Operator, Site, Variant


def index(site: Site) -> Iterator[Variant]:
    """`x[0]` -> `x[-1]`; `x[i]` -> `x[-i]`; `d[k]` -> `d.get(k)`; `x[i][j]` -> `x[j][i]`; `x[i, j]` -> `x[j, i]`."""
    node = site.node
    if not isinstance(node, cst.Subscript):
        return
    if len(node.slice) == 1 and isinstance(node.slice[0].slice, cst.Index):
        key = node.slice[0].slice.value
        text = site.text(key)
        if text in ("0", "-1"):
            yield site.put_whole("-1" if text == "0" else "0", "index.end", 0.65, key)
        assigned = isinstance(site.parent, cst.AssignTarget | cst.AugAssign | cst.Del)
        if not assigned and not isinstance(key, cst.Integer):
            wanted = 2.0 if "KeyError" in site.clues.errors else 1.0
            for default, prior in (("", 0.12), (", 0", 0.15), (", []", 0.08), (", ''", 0.05), (f", {text}", 0.05)):
                yield site.put(f"{site.code(node.value)}.get({site.code(key)}{default})", "index.get", prior * wanted)
        inner = node.value
        if isinstance(inner, cst.Subscript) and len(inner.slice) == 1 and isinstance(inner.slice[0].slice, cst.Index):
            other = site.text(inner.slice[0].slice.value)
            if other != text:
                yield site.put(f"{site.code(inner.value)}[{text}][{other}]", "index.exchange", 0.5)
        if not assigned:
            yield site.put(site.code(node.value), "index.drop", 0.1)
    if len(node.slice) == 2:
        first, second = (site.text(one).rstrip(" ,") for one in node.slice)
        yield site.put(f"{site.code(node.value)}[{second}, {first}]", "index.exchange", 0.5)


def slice_bounds(site: Site) -> Iterator[Variant]:
    """`x[a:b]` -> `x[a:]`, `x[:b]`, `x[a:b + 1]`, `x[b:a]`; `x[:n]` -> `x[n:]`; a step."""
    node = site.node
    if not isinstance(node, cst.Slice):
        return
    low, high, step = (site.code(one) if one is not None else "" for one in (node.lower, node.upper, node.step))
    tail = f":{step}" if step else ""
    forms = {
        f"{high}:{low}{tail}": 0.35,
        f"{low}:{tail}": 0.25,
        f":{high}{tail}": 0.25,
        f"{low}:{high}": 0.3,
        f"{low}:{high}:-1": 0.15,
    }
    if low and not high:
        forms |= {
            f"{low}:-1{tail}": 0.25,
            f":-{low}" if low.isalnum() else ":": 0.2,
            f"-{low}:" if low.isalnum() else ":": 0.2,
        }
    if high and not low:
        forms |= {f"1:{high}{tail}": 0.3, f"-{high}:" if high.isalnum() else ":": 0.25}
    if not low and not high:
        forms |= {f"1:{tail}": 0.3, f":-1{tail}": 0.3, "::-1": 0.25}
    for name in site.names():
        if "number" in site.kinds(name) or "key" in site.kinds(name):
            forms |= {f"{low}:{name}{tail}": 0.15, f"{name}:{high}{tail}": 0.15}
    if low and high:
        forms |= {f"{low}:{low} + {high}{tail}": 0.35, f"{low}:{high} - {low}{tail}": 0.12}
    for form, prior in forms.items():
        if form != site.text() and form != ":":
            yield site.put_whole(form, "slice.bounds", prior)
    if any((low, high, step)) is not False and (low or high):
        yield site.put_whole(":", "slice.bounds", 0.2)


def sliced(site: Site) -> Iterator[Variant]:
    """`x` -> `x[1:]`, `x[:-1]`, `x[::-1]`, `x[n:]`, `x[:n]`, `x[0]`, `x[i]`, where a sequence stands."""
    node, parent = site.node, site.parent
    if not isinstance(node, cst.Name | cst.Attribute) or (
        isinstance(node, cst.Name) and node.value in ("self", "cls", "True", "False", "None")
    ):
        return
    places = cst.For | cst.CompFor | cst.Arg | cst.Return | cst.BinaryOperation | cst.Assign | cst.Element
    if (
        not isinstance(parent, places)
        or getattr(parent, "target", None) is node
        or getattr(parent, "keyword", None) is node
    ):
        return
    many = isinstance(parent, cst.For | cst.CompFor) or (
        isinstance(node, cst.Name) and bool(site.kinds(node.value) & {"many", "list", "text"})
    )
    weight = 1.0 if many else 0.4
    text = site.code()
    if isinstance(parent, cst.For | cst.CompFor):
        yield site.put_whole(f"list({text})", "loop.copy", 0.35)
        yield site.put_whole(f"sorted({text})", "loop.sorted", 0.2)
        yield site.put_whole(f"reversed({text})", "loop.reversed", 0.1)
        yield site.put_whole(f"enumerate({text})", "loop.enumerate", 0.08)
        yield site.put_whole(f"{text}.items()", "loop.items", 0.2)
        yield site.put_whole(f"range({text})", "loop.range", 0.15)
        yield site.put_whole(f"range(len({text}))", "loop.range", 0.1)
    for form, prior in (
        ("1:", 0.25),
        (":-1", 0.22),
        ("::-1", 0.08),
        (":", 0.14),
        ("0", 0.12),
        ("-1", 0.12),
        ("1", 0.06),
    ):
        yield site.put(f"{text}[{form}]", "slice.added", prior * weight)
    for name in site.names():
        if (name != text and site.kinds(name) & {"number", "key"}) or (
            name in (site.function.params if site.function else ())
            and name != text
            and not site.kinds(name) & {"list", "many", "map", "text"}
        ):
            for form in (f"{name}:", f":{name}", name):
                yield site.put(f"{text}[{form}]", "slice.added", 0.14 * weight)


def ranges(site: Site) -> Iterator[Variant]:
    """`range(n)` -> `range(1, n + 1)`, `range(1, n)`, `range(n + 1)`, `range(n - 1, -1, -1)`."""
    node = site.node
    if not isinstance(node, cst.Call) or site.code(node.func) != "range":
        return
    args = [site.code(one.value) for one in node.args]
    if len(args) == 1:
        high = args[0]
        forms = {
            f"1, {high}": 0.5,
            f"1, {high} + 1": 0.45,
            f"{high} - 1, -1, -1": 0.25,
            f"{high}, 0, -1": 0.2,
            f"len({high})": 0.25,
            f"2, {high}": 0.2,
            f"2, {high} + 1": 0.2,
        }
    elif len(args) == 2:
        low, high = args
        forms = {
            f"{low}, {high} + 1": 0.5,
            f"{low} + 1, {high}": 0.45,
            f"{low} + 1, {high} + 1": 0.35,
            f"{low} - 1, {high}": 0.3,
            f"{high}": 0.35,
            f"{high}, {low}, -1": 0.3,
            f"{high} - 1, {low} - 1, -1": 0.2,
            f"{low}, {high} - 1": 0.4,
            f"{high}, {low} - 1, -1": 0.2,
            f"{low}, {low} + {high}": 0.15,
        }
        forms |= {f"{low}, {high}, {step}": 0.1 for step in ("2", "-1")}
        forms |= {f"{name}, {high}": 0.12 for name in site.names()}
        forms |= {f"{low}, {high}, {name}": 0.1 for name in site.names()}
    elif len(args) == 3:
        low, high, step = args
        forms = {
            f"{low}, {high} - 1, {step}": 0.5,
            f"{low}, {high} + 1, {step}": 0.5,
            f"{low}, {high}, -{step}": 0.3,
            f"{low}, {high}": 0.3,
            f"{low} - 1, {high}, {step}": 0.4,
            f"{low} + 1, {high}, {step}": 0.3,
        }
        forms |= {f"{low}, {high}, {name}": 0.2 for name in site.names()}
    else:
        return
    for form, prior in forms.items():
        yield site.put(f"range({form})", "loop.range", prior)


def comprehension(site: Site) -> Iterator[Variant]:
    """A filter dropped, negated or added; the wrong kind of comprehension."""
    node = site.node
    if isinstance(node, cst.CompFor):
        start = site.unit.span(node)[0]
        for test in node.ifs:
            first, last = site.unit.span(test)
            begin = last_solid(site, first)
            edit = type(site.put("x", "", 0).edits[0])
            yield Variant("comprehension.unfilter", 0.25, (edit(begin, last, ""),))
        if isinstance(node.target, cst.Name):
            end = site.unit.span(node)[1]
            edit = type(site.put("x", "", 0).edits[0])
            for text, prior in ((f" if {node.target.value}", 0.2), (f" if {node.target.value} is not None", 0.2)):
                yield Variant("comprehension.filter", prior, (edit(end, end, text),))
            for name in site.names()[:6]:
                if name != node.target.value:
                    for sign in ("!=", "not in", "in"):
                        yield Variant(
                            "comprehension.filter", 0.06, (edit(end, end, f" if {node.target.value} {sign} {name}"),)
                        )
        assert start >= 0
    if isinstance(node, cst.ListComp):
        yield site.put_whole(f"{{{site.text()[1:-1]}}}", "comprehension.kind", 0.15)
    if isinstance(node, cst.SetComp):
        yield site.put_whole(f"[{site.text()[1:-1]}]", "comprehension.kind", 0.3)
    if (
        isinstance(node, cst.Call)
        and len(node.args) == 1
        and isinstance(node.args[0].value, cst.Name | cst.Attribute | cst.Subscript)
        and site.code(node.func) in ("len", "sum", "min", "max", "sorted")
    ):
        yield site.put_whole(f"set({site.text(node.args[0].value)})", "call.wrap", 0.18, node.args[0].value)


def last_solid(site: Site, offset: int) -> int:
    """Return the end of the last text before an offset that is not white space."""
    return len(site.unit.data[:offset].rstrip())


OPERATORS: tuple[Operator, ...] = (index, slice_bounds, sliced, ranges, comprehension)
