"""Faults in literals: one off, the wrong sign, the wrong flag, a string that is nearly right, an empty container."""

from collections.abc import Iterator

import libcst as cst

from workers.engines.repair.mutate.variant import Operator, Site, Variant, similarity


def numbers(site: Site) -> Iterator[Variant]:
    """`1` -> `0`, `2`, `-1`; and other numbers of the same file. `a - 1` -> `a` where that would be `a - 0`."""
    node = site.node
    if not isinstance(node, cst.Integer):
        return
    value = node.evaluated_value
    near = {value + 1: 0.6, value - 1: 0.6, 0: 0.55, 1: 0.55, -1: 0.3, -value: 0.3, 2: 0.25}
    near |= {value * 10: 0.12, value // 10: 0.12, value * 2: 0.12} if value > 1 else {}
    digits = str(value)
    if value > 9:
        turned = (f"{digits[:at]}{digits[at + 1]}{digits[at]}{digits[at + 2 :]}" for at in range(len(digits) - 1))
        near |= {int(number): 0.3 for number in turned if number != digits and int(number) not in near}
    for number, prior in near.items():
        if number != value:
            yield _dropped(site, number, prior) or site.put(str(number), "constant.number", prior)
    others = {one.evaluated_value for one in site.unit.nodes if isinstance(one, cst.Integer)} - {value, *near}
    for number in sorted(others)[:12]:
        yield site.put(str(number), "constant.number", 0.2)
    for known in (7, 10, 12, 24, 30, 31, 60, 100, 365, 366, 1000, 3600, 86400):
        if known not in near and known not in others and known != value and value >= 6:
            yield site.put(str(known), "constant.number", 0.08)


def _dropped(site: Site, number: int, prior: float) -> Variant | None:
    """Leave out a number, with its operator, that would change nothing: a 0 added or taken away, a factor of 1."""
    whole = site.parent
    if not isinstance(whole, cst.BinaryOperation):
        return None
    sign = site.text(whole.operator).strip()
    if (number, sign) not in ((0, "+"), (0, "-"), (1, "*"), (1, "//")):
        return None
    if whole.right is not site.node and sign in ("-", "//"):
        return None
    rest = whole.left if whole.right is site.node else whole.right
    loose = isinstance(rest, cst.BinaryOperation | cst.UnaryOperation | cst.Await) and not rest.lpar
    put = site.put if whole.lpar and loose else site.put_whole
    return put(site.code(rest), "constant.number", prior, whole)


def floats(site: Site) -> Iterator[Variant]:
    """`0.1` -> `1.0`, `0.0`, `0.01`, `10.0`..."""
    node = site.node
    if isinstance(node, cst.Float):
        value = node.evaluated_value
        for number in dict.fromkeys((0.0, 1.0, value * 10, value / 10, -value, 1 - value, value / 100, value * 100)):
            if number != value and abs(number) != float("inf"):
                yield site.put(repr(round(number, 12)), "constant.float", 0.2)


def flags(site: Site) -> Iterator[Variant]:
    """`True` -> `False`; `None` -> an empty value."""
    node = site.node
    if not isinstance(node, cst.Name) or node.value not in ("True", "False", "None"):
        return
    if node.value == "None":
        if isinstance(site.parent, cst.ComparisonTarget | cst.Comparison | cst.Annotation):
            return
        for text, prior in (
            ("0", 0.25),
            ("[]", 0.25),
            ("''", 0.2),
            ("{}", 0.2),
            ("False", 0.15),
            ("True", 0.08),
            ("set()", 0.08),
        ):
            yield site.put(text, "constant.none", prior)
        return
    yield site.put("False" if node.value == "True" else "True", "constant.flag", 0.7)
    if isinstance(site.parent, cst.Return | cst.Assign):
        yield site.put("None", "constant.flag", 0.12)


def to_name(site: Site) -> Iterator[Variant]:
    """A literal -> a local, or a constant of the module."""
    node = site.node
    if not isinstance(node, cst.Integer | cst.Float | cst.SimpleString) and not (
        isinstance(node, cst.Name) and node.value == "None"
    ):
        return
    if isinstance(site.parent, cst.Expr | cst.ConcatenatedString) or site.function is None:
        return
    for name in site.names():
        weight = 0.14 if not isinstance(node, cst.Integer) or site.kinds(name) & {"number", "key"} else 0.07
        yield site.put(name, "constant.name", weight)
    for attribute in site.function.self_attributes[:8]:
        yield site.put(f"{site.function.self_name}.{attribute}", "constant.name", 0.06)
    for name, kind in list(site.unit.globals.items())[:30]:
        if kind == "value":
            yield site.put(name, "constant.name", 0.1)


def strings(site: Site) -> Iterator[Variant]:
    """`"a"` -> other strings of the file, another case, without its spaces, empty or a space."""
    node = site.node
    if not isinstance(node, cst.SimpleString) or isinstance(site.parent, cst.Expr):
        return
    text = site.text()
    prefix, quote = node.prefix, node.quote
    value = node.raw_value
    if not isinstance(value, str) or len(value) > 200:
        return
    forms = {value.lower(): 0.35, value.upper(): 0.3, value.capitalize(): 0.3, value.title(): 0.25, value.strip(): 0.35}
    forms |= {"": 0.3, " ": 0.25} if len(value) <= 3 else {"": 0.1}
    forms |= {f"{value} ": 0.2, f" {value}": 0.15} if value.strip() else {}
    forms |= {value.rstrip("s"): 0.12, f"{value}s": 0.12} if value.isidentifier() else {}
    forms |= {value[:-1]: 0.08, value[1:]: 0.08} if len(value) > 1 else {}
    forms |= {known: 0.15 for known in (",", ";", ".", ":", "-", "_", "/", "\\n") if len(value) <= 2}
    forms |= _date_forms(value)
    for form, prior in forms.items():
        if form != value:
            yield site.put(f"{prefix}{quote}{form}{quote}", "constant.string", prior)
    for other in site.unit.strings[:40]:
        if other != text and not other.startswith(('"""', "'''")):
            yield site.put(other, "constant.string", 0.12 + 0.25 * similarity(other, text))


def _date_forms(value: str) -> dict[str, float]:
    swaps = (("%m", "%M"), ("%d", "%m"), ("%H", "%I"), ("%y", "%Y"), ("%d", "%D"), ("%S", "%s"))
    found: dict[str, float] = {}
    for one, two in swaps:
        if one in value or two in value:
            found[value.replace(one, "\0").replace(two, one).replace("\0", two)] = 0.35
    return found


def containers(site: Site) -> Iterator[Variant]:
    """`[]` -> `[[]]`, `[n]`; `{}` -> `set()`."""
    node = site.node
    if isinstance(node, cst.List) and not node.elements:
        for text, prior in (
            ("[[]]", 0.3),
            ("[0]", 0.2),
            ("[1]", 0.15),
            ("set()", 0.12),
            ("{}", 0.1),
            ("None", 0.1),
            ("()", 0.05),
        ):
            yield site.put(text, "constant.container", prior)
        for name in site.names():
            yield site.put(f"[{name}]", "constant.container", 0.2)
    if isinstance(node, cst.List) and len(node.elements) == 1:
        yield site.put("[]", "constant.container", 0.25)
    if isinstance(node, cst.Dict) and not node.elements:
        for text, prior in (("[]", 0.15), ("set()", 0.2), ("None", 0.1)):
            yield site.put(text, "constant.container", prior)
    if isinstance(node, cst.Call) and not node.args and site.code(node.func) == "set":
        for name in site.names():
            yield site.put(f"{{{name}}}", "constant.container", 0.15)


def aliased_rows(site: Site) -> Iterator[Variant]:
    """`[[0] * n] * m` -> `[[0] * n for _ in range(m)]`: rows that are not one and the same list."""
    node = site.node
    if isinstance(node, cst.BinaryOperation) and isinstance(node.left, cst.List) and len(node.left.elements) == 1:
        inner = node.left.elements[0].value
        if isinstance(inner, cst.Integer | cst.Float | cst.SimpleString):
            return
        yield site.put(f"[{site.code(inner)} for _ in range({site.code(node.right)})]", "constant.rows", 0.6)
    if isinstance(node, cst.Call) and site.code(node.func) == "dict.fromkeys" and len(node.args) == 2:
        keys, value = (site.code(one.value) for one in node.args)
        yield site.put(f"{{key: {value} for key in {keys}}}", "constant.rows", 0.5)


def element(site: Site) -> Iterator[Variant]:
    """`(a, b)` -> `(b, a)` in tuples and lists, and a pair of names on the left of an assignment."""
    node = site.node
    if isinstance(node, cst.Tuple | cst.List) and 2 <= len(node.elements) <= 5:
        codes = [site.code(one.value) if isinstance(one, cst.Element) else site.text(one) for one in node.elements]
        if len(set(codes)) < 2:
            return
        for index in range(len(codes) - 1):
            swapped = [*codes[:index], codes[index + 1], codes[index], *codes[index + 2 :]]
            text = ", ".join(swapped)
            yield site.put(f"[{text}]" if isinstance(node, cst.List) else text, "constant.element", 0.3)


def format_number(site: Site) -> Iterator[Variant]:
    """`{x:.1f}` -> `{x:.2f}`."""
    node = site.node
    if isinstance(node, cst.FormattedStringText) and isinstance(site.parent, cst.FormattedStringExpression):
        for index, letter in enumerate(node.value):
            if letter.isdigit():
                for digit in (int(letter) + 1, int(letter) - 1, 2, 0):
                    if 0 <= digit <= 9 and str(digit) != letter:
                        yield site.put(f"{node.value[:index]}{digit}{node.value[index + 1 :]}", "constant.format", 0.25)


OPERATORS: tuple[Operator, ...] = (
    numbers, floats, flags, to_name, strings, containers, aliased_rows, element, format_number,
)  # fmt: skip
