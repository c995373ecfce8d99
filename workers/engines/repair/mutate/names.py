"""Faults in names: another variable, another attribute, another function, a forgotten self."""

import builtins
from collections.abc import Iterator

import libcst as cst

from workers.engines.repair.mutate.variant import Operator, Site, Variant, similarity

KEYWORDS = ("True", "False", "None", "self", "cls")


def _is_use(site: Site) -> bool:
    """A name that is read or bound as a variable: no attribute, keyword, parameter's own name or definition."""
    node, parent = site.node, site.parent
    if not isinstance(node, cst.Name) or node.value in KEYWORDS:
        return False
    if isinstance(parent, cst.Attribute) and parent.attr is node:
        return False
    if isinstance(parent, cst.Arg) and parent.keyword is node:
        return False
    definition = (
        cst.Param | cst.FunctionDef | cst.ClassDef | cst.Annotation | cst.ImportAlias | cst.AsName | cst.NameItem
    )
    return not isinstance(parent, definition)


def _is_called(site: Site) -> bool:
    return isinstance(site.parent, cst.Call) and site.parent.func is site.node


def another_local(site: Site) -> Iterator[Variant]:
    """`a` -> `b`, both locals."""
    node = site.node
    if not isinstance(node, cst.Name) or not _is_use(site) or _is_called(site):
        return
    mine = site.kinds(node.value)
    wanted = _parameter_here(site)
    bound = (
        isinstance(site.parent, cst.AssignTarget | cst.For | cst.CompFor)
        and getattr(site.parent, "iter", None) is not node
    )
    for name in site.names():
        if name == node.value:
            continue
        kinds = site.kinds(name)
        fits = 1.0 if mine & kinds else 0.75 if not mine or not kinds else 0.5
        told = 1.0 if wanted not in (name, node.value) else 1.4 if name == wanted else 0.5
        yield site.put(
            name, "name.local", (0.35 if bound else 0.55) * fits * told * (0.7 + 0.3 * similarity(name, node.value))
        )


def _parameter_here(site: Site) -> str:
    """Return the name of the parameter that this argument is for, when the function called is in the same file."""
    argument = site.parent
    call = site.unit.parents.get(argument) if isinstance(argument, cst.Arg) else None
    if not isinstance(argument, cst.Arg) or not isinstance(call, cst.Call):
        return ""
    if argument.keyword is not None:
        return argument.keyword.value
    called = (
        call.func.value
        if isinstance(call.func, cst.Name)
        else call.func.attr.value
        if isinstance(call.func, cst.Attribute)
        else ""
    )
    place = call.args.index(argument)
    for params in site.unit.signatures.get(called, ()):
        return params[place] if place < len(params) else ""
    return ""


def another_global(site: Site) -> Iterator[Variant]:
    """A function, class or constant of the module -> another one of the same sort."""
    node = site.node
    if not isinstance(node, cst.Name) or not _is_use(site):
        return
    kinds = site.unit.globals
    sort = kinds.get(node.value)
    unknown = sort is None and node.value not in site.names() and not hasattr(builtins, node.value)
    for name, kind in kinds.items():
        if name == node.value or (kind == "import" and not unknown):
            continue
        if kind == sort or unknown or (_is_called(site) and kind == "function" and sort is None):
            close = similarity(name, node.value)
            yield site.put(name, "name.global", (0.15 + 0.4 * close) * (1.5 if unknown else 1.0))
    if unknown:
        for name in [*site.names(), *(one for one in dir(builtins) if one.islower())]:
            if similarity(name, node.value) > 0.6:
                yield site.put(name, "name.unknown", 0.8 * similarity(name, node.value))


def from_self(site: Site) -> Iterator[Variant]:
    """`x` -> `self.x`, and a method called as a function -> called on self."""
    node, function = site.node, site.function
    if not isinstance(node, cst.Name) or function is None or not function.self_name or not _is_use(site):
        return
    for attribute in function.self_attributes:
        if attribute == node.value:
            prior = 0.6 if node.value not in function.names else 0.4
            yield site.put(f"{function.self_name}.{attribute}", "name.self", prior)
        elif not _is_called(site) and node.value in function.names:
            yield site.put(
                f"{function.self_name}.{attribute}", "name.self", 0.1 + 0.15 * similarity(attribute, node.value)
            )


def without_self(site: Site) -> Iterator[Variant]:
    """`self.x` -> a parameter or a local."""
    node, function = site.node, site.function
    if not isinstance(node, cst.Attribute) or function is None or not isinstance(node.value, cst.Name):
        return
    if node.value.value != function.self_name or not function.self_name:
        return
    for name in function.names:
        yield site.put(name, "name.local_for_self", 0.35 if name == node.attr.value else 0.15)


def another_attribute(site: Site) -> Iterator[Variant]:
    """`a.x` -> `a.y`, for attributes that the file uses."""
    node, function = site.node, site.function
    if not isinstance(node, cst.Attribute):
        return
    owner = site.code(node.value)
    mine = node.attr.value
    if function is not None and owner == function.self_name:
        pool = dict.fromkeys(function.self_attributes, 0.4)
        pool |= dict.fromkeys(_methods(function.cls), 0.15) if isinstance(site.parent, cst.Call) else {}
    else:
        pool = dict.fromkeys(site.unit.attributes, 0.18)
        pool = dict.fromkeys(site.clues.attributes, 0.25) | pool
        pool |= dict.fromkeys(_attributes_of(site, owner), 0.4)
    for name, prior in list(pool.items())[:60]:
        if name != mine:
            yield site.put(name, "name.attribute", prior * (0.5 + 0.7 * similarity(name, mine)), node.attr)


def _methods(holder: cst.ClassDef | None) -> list[str]:
    if holder is None:
        return []
    return [one.name.value for one in holder.body.body if isinstance(one, cst.FunctionDef)]


def _attributes_of(site: Site, owner: str) -> list[str]:
    same = (one for one in site.unit.nodes if isinstance(one, cst.Attribute) and site.code(one.value) == owner)
    return list(dict.fromkeys(one.attr.value for one in same))


def owner_swap(site: Site) -> Iterator[Variant]:
    """`x` -> `x.attr` and `x.attr` -> `x`, for attributes that others of its kind have here."""
    node = site.node
    plain = isinstance(node, cst.Attribute) and not _is_called(site)
    if (
        plain
        and isinstance(node, cst.Attribute)
        and isinstance(node.value, cst.Name)
        and node.value.value not in KEYWORDS
    ):
        yield site.put(node.value.value, "name.owner", 0.15)
    if (
        isinstance(node, cst.Name)
        and _is_use(site)
        and not _is_called(site)
        and not isinstance(site.parent, cst.Attribute)
    ):
        for name in _attributes_of(site, node.value)[:6]:
            yield site.put(f"{node.value}.{name}", "name.owner", 0.2)


def borrowed(site: Site) -> Iterator[Variant]:
    """An attribute, an item or a name -> another such expression of the same function."""
    node, function = site.node, site.function
    if function is None or not isinstance(node, cst.Attribute | cst.Subscript | cst.Name | cst.Call):
        return
    if (
        (isinstance(node, cst.Name) and not _is_use(site))
        or _is_called(site)
        or isinstance(site.parent, cst.Decorator | cst.Expr)
    ):
        return
    seen = {site.text()}
    for one in site.unit.descend(function.node.body):
        if not isinstance(one, cst.Attribute | cst.Subscript | cst.Call) or len(seen) > 14:
            continue
        if isinstance(site.unit.parents[one], cst.Call) and site.unit.parents[one].func is one:  # type: ignore[attr-defined]
            continue
        text = site.text(one)
        if text in seen or len(text) > 40 or isinstance(site.unit.parents[one], cst.Expr):
            continue
        seen.add(text)
        target = isinstance(site.parent, cst.AssignTarget) and isinstance(one, cst.Call)
        if not target:
            alike = type(one) is type(node)
            yield site.put(
                text, "name.borrowed", (0.16 if alike else 0.08) * (0.6 + 0.6 * similarity(text, site.text()))
            )


OPERATORS: tuple[Operator, ...] = (
    another_local, another_global, from_self, without_self, another_attribute, owner_swap, borrowed,
)  # fmt: skip
