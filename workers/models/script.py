"""Scripts for the scripted model: a dialogue and its mishaps, from a YAML or JSON file.

A file is a list of turns, or `{turns: [...], repeat: N}`: the list again and again, N turns in all. A turn is one of

    {say: TEXT, calls: [{name: files.read, arguments: {path: a.py}}], stop_reason: WORD}     (each key optional)
    {call: {tool, args}}            one call
    {raw_call: {tool, args: TEXT}}  one call whose arguments are this text, valid or not
    {cut_after: {call: {tool, args}, bytes: N}}      the answer breaks off
    {http: {status: N, retry_after: SECONDS}}        the server answers with an error
    {hang_seconds: N}                                the server does not answer

The last three are faults: they use up an attempt, not a turn of the dialogue. `${OUTPUT}` in any text stands for the
result of the call before, `${OUTPUT:base64}` for its disguise (workers/models/encodings.py lists them).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from json import dumps, loads
from pathlib import Path
from threading import Lock
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bot.domain.errors import ConfigError
from workers.models import encodings

_TURN_KEYS = {"say", "calls", "stop_reason", "call", "raw_call", "cut_after", "http", "hang_seconds"}


@dataclass(frozen=True, slots=True)
class ScriptCall:
    """A tool call; `raw` is its arguments as text where the script gives them so."""

    name: str
    arguments: dict[str, Any]
    raw: str | None = None

    @property
    def text(self) -> str:
        """The arguments as text."""
        return dumps(self.arguments) if self.raw is None else self.raw


@dataclass(frozen=True, slots=True)
class Reply:
    """A turn of the dialogue; `stop` is a vendor's or our own word for why it ended, "" for the natural one."""

    say: str = ""
    calls: tuple[ScriptCall, ...] = ()
    stop: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """The answer breaks off after this many bytes."""

    reply: Reply
    bytes: int


@dataclass(frozen=True, slots=True)
class HttpError:
    """The server answers with an error status."""

    status: int
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """The server keeps silent for this long, then closes."""

    seconds: float


Fault = Cut | HttpError | Hang
Act = Reply | Fault


@dataclass(frozen=True, slots=True)
class Script:
    """What a scripted model does. `total` turns are played, `turns` again and again."""

    turns: tuple[Act, ...]
    total: int

    def at(self, position: int, attempt: int) -> Act:
        """Return what happens when the dialogue has `position` answers and the next is asked for the `attempt`th time.

        Attempts count from 0 and meet the faults that stand before the answer, one each. After the end the model
        finishes.
        """
        faults: list[Fault] = []
        passed = 0
        for act in islice(self._played(), self.total):
            if isinstance(act, Reply):
                if passed == position:
                    return faults[attempt] if attempt < len(faults) else act
                passed += 1
            elif passed == position:
                faults.append(act)
        end = Reply(calls=(ScriptCall("finish", {"summary": "The script has ended."}),))
        return faults[attempt] if attempt < len(faults) else end

    def _played(self) -> Iterator[Act]:
        while self.turns:
            yield from self.turns


class Attempts:
    """Counts how often the next answer of each dialogue was asked for, so that faults pass."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def next(self, beginning: str, position: int) -> int:
        """Return 0 for the first attempt, 1 for the second, ... `beginning` names the dialogue."""
        key = sha256(f"{position}:{beginning}".encode("utf-8", "surrogatepass")).hexdigest()
        with self._lock:
            self._counts[key] += 1
            return self._counts[key] - 1


def fill(act: Act, output: str) -> Act:
    """Put the previous tool result in the place of `${OUTPUT}`."""
    match act:
        case Reply(say, calls, stop):
            filled = tuple(
                replace(call, arguments=encodings.fill(call.arguments, output), raw=encodings.fill(call.raw, output))
                for call in calls
            )
            return Reply(encodings.fill(say, output), filled, stop)
        case _:
            return act


def load(path: Path) -> Script:
    """Read a script file (.json, else YAML); raises ConfigError naming the file and the turn."""
    try:
        text = path.read_text(encoding="utf-8")
        value = loads(text) if path.suffix == ".json" else YAML(typ="safe", pure=True).load(text)
    except (OSError, ValueError, YAMLError) as error:
        raise ConfigError(f"The script {path.name} cannot be read: {error}") from error
    try:
        return parse(value)
    except ConfigError as error:
        raise ConfigError(f"The script {path.name} cannot be used: {error}") from error


def parse(value: Any) -> Script:
    """Read a script from plain data; raises ConfigError naming the turn (from 1)."""
    rows = value.get("turns") if isinstance(value, Mapping) else value
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise ConfigError("a script is a list of turns, or {turns: [...], repeat: N}")
    acts = []
    for number, row in enumerate(rows, 1):
        try:
            acts.append(_act(row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(f"turn {number} is not a turn ({error!r}); docs/models.md shows the form") from error
    repeat = value.get("repeat", len(acts)) if isinstance(value, Mapping) else len(acts)
    if not isinstance(repeat, int) or repeat < 0:
        raise ConfigError("repeat is the number of turns in all, a whole number")
    return Script(tuple(acts), repeat)


def _act(row: Any) -> Act:
    if unknown := set(row) - _TURN_KEYS or not row:
        raise ValueError(f"unknown keys {unknown}")
    if "http" in row:
        wait = row["http"].get("retry_after")
        return HttpError(int(row["http"]["status"]), None if wait is None else float(wait))
    if "hang_seconds" in row:
        return Hang(float(row["hang_seconds"]))
    if "cut_after" in row:
        return Cut(Reply(calls=(_call(row["cut_after"]["call"]),)), int(row["cut_after"]["bytes"]))
    listed = [*row.get("calls", ()), *(row[key] for key in ("call",) if key in row)]
    calls = [_call(item) for item in listed]
    if "raw_call" in row:
        calls.append(ScriptCall(str(row["raw_call"]["tool"]), {}, _content(row["raw_call"]["args"])))
    return Reply(_content(row.get("say", "")), tuple(calls), str(row.get("stop_reason", "")))


def _call(item: Any) -> ScriptCall:
    name = item["name"] if "name" in item else item["tool"]
    given = item["arguments"] if "arguments" in item else item.get("args", {})
    if isinstance(given, str):
        return ScriptCall(str(name), {}, given)
    return ScriptCall(str(name), dict(given))


def _content(value: Any) -> str:
    """Read text, or {"parts": [text | {"repeat": text, "times": n}]}."""
    if isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else part["repeat"] * part["times"] for part in value["parts"])
