"""One parsed file: its nodes with their places in the text, their parents and the names in scope."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import libcst as cst
from libcst.metadata import ByteSpanPositionProvider, CodeSpan, MetadataWrapper

from workers.engines.repair.text import Text, Unreadable, read

MOST_BYTES = 400_000
Statement = (cst.SimpleStatementLine, cst.If, cst.For, cst.While, cst.With, cst.Try, cst.FunctionDef, cst.ClassDef)


@dataclass(frozen=True, slots=True)
class Clues:
    """What the failing tests say: error types raised, exceptions they wait for, literals that they contain.

    `attributes` are the names that objects of the whole project have, whatever file defines them.
    """

    errors: frozenset[str] = frozenset()
    expected: frozenset[str] = frozenset()
    literals: frozenset[str] = frozenset()
    messages: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


class Unit:
    """A file as libcst sees it. Offsets are bytes of `data`, the view of the source; lines count from 1."""

    def __init__(self, path: str, source: Text, module: cst.Module, spans: dict[cst.CSTNode, CodeSpan]) -> None:
        self.path = path
        self.source = source
        self.data = data = source.view
        self.module = module
        self.spans = spans
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.nodes: list[cst.CSTNode] = []
        self._starts = [0, *(match.end() for match in re.finditer(rb"\r\n|\n|\r", data))]
        self._walk(module)
        self._functions: dict[cst.CSTNode, Function] = {}

    def _walk(self, root: cst.CSTNode) -> None:
        todo = [root]
        while todo:
            node = todo.pop()
            self.nodes.append(node)
            children = node.children
            for child in children:
                self.parents[child] = node
            todo.extend(reversed(children))

    # --- places -------------------------------------------------------------------------------------------------------
    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return where a node's text is, its own parentheses left out."""
        place = self.spans[node]
        return place.start, place.start + place.length

    def text(self, node: cst.CSTNode) -> str:
        """Return a node's text without its own parentheses."""
        start, end = self.span(node)
        return self.data[start:end].decode()

    def code(self, node: cst.CSTNode) -> str:
        """Return a node's text with its own parentheses."""
        text = self.text(node)
        return f"({text})" if getattr(node, "lpar", ()) else text

    def line_at(self, offset: int) -> int:
        """Return the line of a byte offset."""
        low, high = 0, len(self._starts)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._starts[middle] <= offset else (low, middle)
        return low + 1

    def first_line(self, node: cst.CSTNode) -> int:
        """Return the line where a node begins."""
        return self.line_at(self.span(node)[0])

    def last_line(self, node: cst.CSTNode) -> int:
        """Return the line where a node's last character is."""
        start, end = self.span(node)
        return self.line_at(max(start, end - 1))

    def line_start(self, line: int) -> int:
        """Return the offset of a line's first character (the end of the file for the line after the last)."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.data)

    def lines(self, first: int, last: int) -> str:
        """Return whole lines, with their ends; the last line of the file gets one if it had none."""
        text = self.data[self.line_start(first) : self.line_start(last + 1)].decode()
        return text if text.endswith("\n") else text + self.newline

    def indent(self, node: cst.CSTNode) -> str:
        """Return the white space before a statement."""
        start = self.span(node)[0]
        line = self.line_start(self.line_at(start))
        return self.data[line:start].decode() if self.data[line:start].isspace() or line == start else ""

    @property
    def newline(self) -> str:
        """Return the line end to write into the view."""
        return "\n" if self.source.newline == "\r" else self.source.newline

    @cached_property
    def step(self) -> str:
        """Return one level of indentation."""
        return self.module.default_indent

    # --- relations ----------------------------------------------------------------------------------------------------
    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield parents, nearest first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def statement(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return the innermost statement that holds a node (or is it)."""
        if isinstance(node, Statement):
            return node
        return next((one for one in self.ancestors(node) if isinstance(one, Statement)), None)

    def header_lines(self, node: cst.CSTNode) -> range:
        """Return the lines that stand for a node: its simple statement, or the head of its compound one."""
        statement = self.statement(node)
        if statement is None:
            return range(self.first_line(node), self.first_line(node) + 1)
        first = self.first_line(statement)
        if isinstance(statement, cst.SimpleStatementLine):
            return range(first, self.last_line(statement) + 1)
        body = getattr(statement, "body", None)
        last = self.first_line(body) - 1 if isinstance(body, cst.IndentedBlock) and body.body else first
        own = self.first_line(node)
        return range(first, max(first, last, own if node is not statement else first) + 1)

    def function(self, node: cst.CSTNode) -> "Function | None":
        """Return the innermost function whose body or head holds a node."""
        for one in (node, *self.ancestors(node)):
            if isinstance(one, cst.FunctionDef):
                if one not in self._functions:
                    self._functions[one] = Function.of(self, one)
                return self._functions[one]
        return None

    def descend(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """Yield a node and all below it, in text order."""
        todo = [node]
        while todo:
            one = todo.pop()
            yield one
            todo.extend(reversed(one.children))

    @cached_property
    def strings(self) -> list[str]:
        """Return the file's string literals as written, once each."""
        return list(dict.fromkeys(self.text(one) for one in self.nodes if isinstance(one, cst.SimpleString)))

    @cached_property
    def attributes(self) -> dict[str, int]:
        """Return attribute names used or methods defined in the file, with how often."""
        count: dict[str, int] = {}
        for one in self.nodes:
            if isinstance(one, cst.Attribute):
                count[one.attr.value] = count.get(one.attr.value, 0) + 1
            elif isinstance(one, cst.FunctionDef) and isinstance(self.parents.get(self.parents[one]), cst.ClassDef):
                count[one.name.value] = count.get(one.name.value, 0) + 1
        return count

    @cached_property
    def fields(self) -> list[str]:
        """Return the names that class bodies annotate (fields of dataclasses)."""
        annotated = (one.target for one in self.nodes if isinstance(one, cst.AnnAssign))
        return [target.value for target in annotated if isinstance(target, cst.Name)]

    @cached_property
    def signatures(self) -> dict[str, list[list[str]]]:
        """Return the parameter names (without self and cls) of the functions of this file, by function name."""
        found: dict[str, list[list[str]]] = {}
        for one in self.nodes:
            if isinstance(one, cst.FunctionDef):
                params = [param.name.value for param in one.params.params]
                found.setdefault(one.name.value, []).append(params[1:] if params[:1] in (["self"], ["cls"]) else params)
        return found

    @cached_property
    def globals(self) -> dict[str, str]:
        """Return module-level names with what they are: function, class, import or value."""
        found: dict[str, str] = {}
        for statement in self.module.body:
            if isinstance(statement, cst.FunctionDef):
                found[statement.name.value] = "function"
            elif isinstance(statement, cst.ClassDef):
                found[statement.name.value] = "class"
            elif isinstance(statement, cst.SimpleStatementLine):
                for one in statement.body:
                    found.update(_bound_by(one))
        return found


def _bound_by(statement: cst.CSTNode) -> dict[str, str]:
    if isinstance(statement, cst.Import | cst.ImportFrom):
        names = statement.names if isinstance(statement.names, list | tuple) else ()
        return {(one.evaluated_alias or one.evaluated_name).split(".")[0]: "import" for one in names}
    if isinstance(statement, cst.Assign):
        return {one.target.value: "value" for one in statement.targets if isinstance(one.target, cst.Name)}
    if isinstance(statement, cst.AnnAssign) and isinstance(statement.target, cst.Name):
        return {statement.target.value: "value"}
    return {}


@dataclass(slots=True)
class Function:
    """A function's names: parameters, locals (in order of binding), what its locals seem to be, its class."""

    node: cst.FunctionDef
    params: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kinds: dict[str, set[str]] = field(default_factory=dict)
    self_name: str = ""
    self_attributes: list[str] = field(default_factory=list)
    cls: cst.ClassDef | None = None
    is_generator: bool = False

    @classmethod
    def of(cls, unit: Unit, node: cst.FunctionDef) -> "Function":
        """Look through a function once."""
        made = cls(node)
        holder = next((one for one in unit.ancestors(node) if isinstance(one, cst.ClassDef | cst.FunctionDef)), None)
        params = [*node.params.posonly_params, *node.params.params, *node.params.kwonly_params]
        names = [one.name.value for one in params]
        if isinstance(holder, cst.ClassDef):
            made.cls = holder
            if names and names[0] in ("self", "cls"):
                made.self_name = names.pop(0)
        for star in (node.params.star_arg, node.params.star_kwarg):
            if isinstance(star, cst.Param):
                names.append(star.name.value)
        made.params = names
        made.names = list(dict.fromkeys([*names, *_bound_in(unit, node)]))
        _read_kinds(unit, node, made)
        if made.cls is not None and made.self_name:
            made.self_attributes = _self_attributes(unit, made.cls, made.self_name)
        made.is_generator = any(isinstance(one, cst.Yield) for one in unit.descend(node.body))
        return made


def _bound_in(unit: Unit, function: cst.FunctionDef) -> Iterator[str]:
    for one in unit.descend(function.body):
        target: cst.CSTNode | None = None
        if isinstance(one, cst.AssignTarget | cst.For | cst.CompFor | cst.NamedExpr | cst.AnnAssign):
            target = one.target
        elif isinstance(one, cst.AsName):
            target = one.name
        elif isinstance(one, cst.FunctionDef):
            yield one.name.value
        if target is None:
            continue
        for part in unit.descend(target):
            if isinstance(part, cst.Name) and part.value != "_" and _is_plain(unit, part, target):
                yield part.value


def _is_plain(unit: Unit, part: cst.CSTNode, target: cst.CSTNode) -> bool:
    while part is not target:
        part = unit.parents[part]
        if isinstance(part, cst.Attribute | cst.Subscript):
            return False
    return True


GROWING = {
    "append": "list",
    "extend": "list",
    "insert": "list",
    "add": "set",
    "appendleft": "list",
    "update": "map",
    "get": "map",
    "popleft": "queue",
    "items": "map",
}
TEXTUAL = {
    "split",
    "strip",
    "lower",
    "upper",
    "startswith",
    "endswith",
    "isdigit",
    "join",
    "replace",
    "lstrip",
    "rstrip",
}


def _read_kinds(unit: Unit, function: cst.FunctionDef, made: Function) -> None:
    def note(node: cst.CSTNode, kind: str) -> None:
        if isinstance(node, cst.Name):
            made.kinds.setdefault(node.value, set()).add(kind)

    for one in unit.descend(function.body):
        if isinstance(one, cst.Attribute):
            note(one.value, GROWING.get(one.attr.value, "text" if one.attr.value in TEXTUAL else "object"))
        elif isinstance(one, cst.Subscript):
            note(one.value, "many")
            for element in one.slice:
                if isinstance(element.slice, cst.Index):
                    note(element.slice.value, "key")
        elif isinstance(one, cst.BinaryOperation):
            note(one.left, "number")
            note(one.right, "number")
        elif isinstance(one, cst.AugAssign):
            note(one.target, "number")
        elif isinstance(one, cst.For | cst.CompFor):
            note(one.iter, "many")
            for part in unit.descend(one.target):
                note(part, "looped")
        elif isinstance(one, cst.Call) and isinstance(one.func, cst.Name) and len(one.args) >= 1:
            note(one.func, "function")
            if one.func.value in ("len", "sum", "sorted", "max", "min", "list", "set") and len(one.args) == 1:
                note(one.args[0].value, "many")
            elif one.func.value in ("range", "abs"):
                note(one.args[0].value, "number")
        elif isinstance(one, cst.Assign) and len(one.targets) == 1:
            _note_value(one.targets[0].target, one.value, note)


def _note_value(target: cst.CSTNode, value: cst.CSTNode, note: "object") -> None:
    assert callable(note)
    if isinstance(value, cst.List | cst.ListComp):
        note(target, "list")
    elif isinstance(value, cst.Dict | cst.DictComp):
        note(target, "map")
    elif isinstance(value, cst.Set | cst.SetComp):
        note(target, "set")
    elif isinstance(value, cst.Integer | cst.Float):
        note(target, "number")
    elif isinstance(value, cst.SimpleString | cst.FormattedString):
        note(target, "text")
    elif isinstance(value, cst.Name) and value.value in ("True", "False"):
        note(target, "flag")
    elif (
        isinstance(value, cst.Call) and isinstance(value.func, cst.Name) and value.func.value in ("set", "list", "dict")
    ):
        note(target, value.func.value.replace("dict", "map"))


def _self_attributes(unit: Unit, holder: cst.ClassDef, self_name: str) -> list[str]:
    found: dict[str, None] = {}
    for one in unit.descend(holder):
        if isinstance(one, cst.Attribute) and isinstance(one.value, cst.Name) and one.value.value == self_name:
            found[one.attr.value] = None
        elif isinstance(one, cst.AnnAssign) and isinstance(one.target, cst.Name):
            found[one.target.value] = None
    return list(found)


def parse(path: str, data: bytes) -> Unit:
    """Parse a file; raises Unreadable when it is no Python that could be written back byte for byte."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"it has more than {MOST_BYTES} bytes")
    source = read(data)
    try:
        module = cst.parse_module(source.view.decode())
    except cst.ParserSyntaxError as error:
        raise Unreadable(f"it does not parse at line {error.raw_line}") from None
    if module.code.encode() != source.view:
        raise Unreadable("its line ends or form feeds are too mixed: save it with one kind of line end")
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    return Unit(path, source, module, dict(wrapper.resolve(ByteSpanPositionProvider)))
