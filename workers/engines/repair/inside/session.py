"""How pytest is called: the repository's settings, without plugins that change the order, the clock or the workers."""

import configparser
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Generator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

SWITCHED_OFF = (
    "cacheprovider",
    "terminal",
    "faulthandler",
    "randomly",
    "xdist",
    "xdist.looponfail",
    "timeout",
    "pytest_cov",
    "cov",
    "logfire",
)
KEPT = re.compile(
    r"^(--import-mode|--doctest-modules|--doctest-glob|--asyncio-mode|--ds|--pyargs|--ignore|--deselect|-p$|-m$|-k$|-W$)"
)
WITH_VALUE = (
    *("-p", "-m", "-k", "-W", "--import-mode", "--asyncio-mode", "--ds", "--doctest-glob"),
    *("--ignore", "--ignore-glob", "--deselect"),
)


def arguments(root: Path, unused: Sequence[str] = ()) -> list[str]:
    """Return the options that every run of pytest here takes; `unused` are more plugins to do without."""
    off = [part for name in (*SWITCHED_OFF, *unused) for part in ("-p", f"no:{name}")]
    kept = kept_options(_addopts(root))
    seeded = find_spec("_hypothesis_pytestplugin") and "no:hypothesispytest" not in (*off, *kept)
    seed = ["--hypothesis-seed=0"] if seeded else []
    fixed = ["--assert=plain", "--continue-on-collection-errors", "--override-ini=addopts=", f"--rootdir={root}"]
    return [*off, *fixed, *seed, *kept]


def kept_options(tokens: list[str]) -> list[str]:
    """Return those of the repository's own options that decide what its tests mean."""
    kept: list[str] = []
    taken = 0
    for index, token in enumerate(tokens):
        if index < taken or not KEPT.match(token):
            continue
        wide = token in WITH_VALUE and index + 1 < len(tokens)
        taken = index + (2 if wide else 1)
        kept.extend(tokens[index:taken])
    return kept


def _addopts(root: Path) -> list[str]:
    for name, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(root / name)
        except (configparser.Error, UnicodeDecodeError):
            continue
        if parser.has_option(section, "addopts"):
            return _split(parser.get(section, "addopts"))
    try:
        tool = tomllib.loads((root / "pyproject.toml").read_text("utf-8")).get("tool", {})
        found = tool.get("pytest", {}).get("ini_options", {}).get("addopts", "")
    except (OSError, ValueError, AttributeError):
        return []
    return [str(part) for part in found] if isinstance(found, list) else _split(str(found))


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


class AtEnd:
    """A plugin that calls `then` after the last test, as all went well: the end of the session may hang."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Run the tests, then call."""
        done = yield
        self._then()
        return done


def prepare(root: Path) -> None:
    """Make the repository importable, here and in processes that its tests start. Call after pytest is imported."""
    places = [str(root), str(root / "src")] if (root / "src").is_dir() else [str(root)]
    sys.path[:] = [*places, *(path for path in sys.path if path not in ("", *places))]
    os.environ["PYTHONPATH"] = os.pathsep.join(places)
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    os.chdir(root)
