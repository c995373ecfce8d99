"""Read a policy strictly: YAML text in, a policy and its digest out; anything odd is an error with its place."""

from dataclasses import dataclass
from hashlib import sha256

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from bot.domain.errors import PolicyError
from bot.policy.model import Policy

MAX_BYTES = 64 * 1024


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
        policy = Policy.model_validate(_plain(document))
    except ValidationError as error:
        raise PolicyError(describe(error, document, source)) from None
    if all(_is_empty(rule) for rule in policy.rules):
        raise PolicyError(f"{source}:1:1: no rule requires anything, so everything would be permitted")
    return LoadedPolicy(policy, source, sha256(text.encode()).hexdigest())


def parse_yaml(text: str, source: str) -> object:
    """Parse YAML 1.2 with places kept; raises PolicyError (also for duplicate keys and oversized text)."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise PolicyError(f"{source}: larger than {MAX_BYTES} bytes")
    yaml = YAML(typ="rt")
    try:
        document: object = yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "not readable as YAML"
        raise PolicyError(f"{source}{place}: {problem}") from None
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{source}: not readable as YAML: {error}") from None
    return document


def describe(error: ValidationError, document: object, source: str) -> str:
    """Say the first validation error with line and column."""
    first = error.errors(include_url=False)[0]
    path = first["loc"]
    line, column = _place(document, path)
    where = ".".join(str(part) for part in path) or "the file"
    message = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
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


def _is_empty(rule: object) -> bool:
    requires = getattr(rule, "requires", None)
    return requires is None or all(value is None for _, value in requires)
