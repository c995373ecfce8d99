"""What a person's text (an issue, a pasted traceback, a log) says about where the fault is."""

import re
from dataclasses import dataclass

NODE = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)*[\w.-]+\.py(?:::[\w.]+)+(?:\[[^\]\n]{0,200}\])?)")
PATH = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)*[\w-]+\.py)(?![\w:]*::)\b(?::(\d{1,6}))?")
FRAME = re.compile(r'File "([^"\n]{1,300})", line (\d{1,6})(?:, in (\w+))?')
TEST_NAME = re.compile(r"\b(test_\w{1,120}|Test[A-Z]\w{0,80})\b")
CODE = re.compile(r"`([^`\n]{1,120})`")
CALL = re.compile(r"\b([A-Za-z_]\w{1,60})\(")
WORD = re.compile(r"[A-Za-z_]\w*")
MOST = 100
MOST_TEXT = 100_000


@dataclass(frozen=True, slots=True)
class Hint:
    """The places and names that a text mentions, each in order of appearance and once."""

    tests: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    frames: tuple[tuple[str, int], ...] = ()
    names: tuple[str, ...] = ()

    def picks(self, test: str) -> bool:
        """Tell whether the text names this test (a node id), its function, its class or its file."""
        file, _, inner = test.partition("::")
        function = inner.split("[")[0].split("::")
        for told in self.tests:
            told_file, _, told_inner = told.partition("::")
            if "::" in told and _same_file(told_file, file) and (inner + "::").startswith(told_inner.rstrip(":")):
                return True
            if "::" not in told and told in function:
                return True
        return any(_same_file(path, file) for path in self.paths)


def read_hint(text: str) -> Hint:
    """Read a text; never raises, and reads at most its first 100,000 characters."""
    text = text[:MOST_TEXT]
    nodes = [match.group(1) for match in NODE.finditer(text)]
    frames = [(match.group(1), int(match.group(2))) for match in FRAME.finditer(text)]
    paths = [match.group(1) for match in PATH.finditer(text)]
    frames += [(match.group(1), int(match.group(2))) for match in PATH.finditer(text) if match.group(2)]
    functions = [match.group(3) for match in FRAME.finditer(text) if match.group(3)]
    quoted = [word for match in CODE.finditer(text) for word in WORD.findall(match.group(1))]
    called = [match.group(1) for match in CALL.finditer(text)]
    tests = TEST_NAME.findall(text)
    inside = {part for node in nodes for part in re.split(r"::|\[", node)}
    names = [name for name in [*functions, *quoted, *called] if not name.startswith("test_")]
    return Hint(
        tests=_once([*nodes, *(name for name in tests if name not in inside and not _is_file(name, paths))]),
        paths=_once(paths),
        frames=tuple(dict.fromkeys(frames))[:MOST],
        names=_once(names),
    )


def _once(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))[:MOST]


def _is_file(name: str, paths: list[str]) -> bool:
    return any(path.rsplit("/", 1)[-1] == f"{name}.py" for path in paths)


def _same_file(told: str, real: str) -> bool:
    told = told.replace("\\", "/")
    return told == real or told.endswith("/" + real) or real.endswith("/" + told)
