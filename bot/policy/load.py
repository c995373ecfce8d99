"""Read a policy strictly: YAML text in, a policy and its digest out; anything odd is an error with its place."""

from dataclasses import dataclass
from hashlib import sha256
from json import dumps

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from bot.domain.errors import PolicyError
from bot.policy.model import Policy

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class LoadedPolicy:
    """A policy with where it came from; `digest` (SHA-256, hex) is of its text and binds verdicts to it."""

    policy: Policy
    source: str
    digest: str


def load(text: str, source: str) -> LoadedPolicy:
    """Read a policy; raises PolicyError with source, line and column for the first thing that is wrong."""
    document = parse_yaml(text, source)
    if not isinstance(document, CommentedMap):
        raise PolicyError(f"{source}:1:1: a policy is a mapping with the keys version and rules")
    try:
        policy = Policy.model_validate_json(dumps(_plain(document), default=str))
    except ValidationError as error:
        raise PolicyError(describe(error, document, source)) from None
    return LoadedPolicy(policy, source, sha256(text.encode()).hexdigest())


def parse_yaml(text: str, source: str) -> object:
    """Parse YAML 1.2 with places kept; raises PolicyError.

    Also for what can make a small text a huge or odd document: anchors, aliases, tags, duplicate keys, depth, size.
    """
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise PolicyError(f"{source}: larger than {MAX_BYTES} bytes")
    try:
        _check_events(text, source)
        document: object = YAML(typ="rt").load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not readable as YAML"
        raise PolicyError(f"{source}{place}: {problem}") from None
    except (ValueError, TypeError, RecursionError) as error:  # TypeError: a mapping within a mapping as a key
        raise PolicyError(f"{source}: not readable as YAML: {error}") from None
    return document


def _check_events(text: str, source: str) -> None:
    depth = 0
    for event in YAML(typ="rt").parse(text):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        place = f"{source}:{event.start_mark.line + 1}:{event.start_mark.column + 1}"
        if depth > MAX_DEPTH:
            raise PolicyError(f"{place}: more than {MAX_DEPTH} levels deep")
        if getattr(event, "anchor", None) is not None or getattr(event, "tag", None) is not None:
            raise PolicyError(f"{place}: anchors, aliases and tags are not accepted")


def describe(error: ValidationError, document: object, source: str) -> str:
    """Say the first validation error with line and column."""
    first = error.errors(include_url=False)[0]
    path = first["loc"]
    line, column = _place(document, path)
    where = ".".join(str(part) for part in path) or "the file"
    message = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    return f"{source}:{line}:{column}: {where}: {message}"


def _place(document: object, path: tuple[str | int, ...]) -> tuple[int, int]:
    line, column, here = 1, 1, document
    for part in path:
        if isinstance(here, CommentedMap) and part in here:
            row, col = here.lc.key(part)
        elif isinstance(here, CommentedSeq) and isinstance(part, int) and part < len(here):
            row, col = here.lc.item(part)
        else:
            break
        line, column, here = row + 1, col + 1, here[part]
    return line, column


def _plain(node: object) -> object:
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    return node
