"""What a tool is: a closed contract that a model sees, and a function that keeps it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bot.policy.evaluate import protected
from bot.ports import Limits, Sandbox, ToolSpec
from workers.sandbox.workspace import PathRefused, parts_of
from workers.tools.report import TestReport

Risk = Literal["read", "write", "execute"]

PATH_FAILURES: Mapping[str, str] = {
    "outside": "the path is absolute or leaves the workspace",
    "link": "the path is, or leads through, a symbolic link",
    "missing": "there is no such file",
    "not_a_file": "it is a directory, a pipe, a device, or may not be opened",
    "too_large": "the file is over the size limit",
    "binary": "the file is not UTF-8 text",
}
_REFUSALS = frozenset({"outside", "link"})


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a call came to. `code` is "" when it went well; `refused` marks what a rule forbids.

    `content` is untrusted text for the model, cut to size. `report` is there after tests were run.
    """

    content: str
    is_error: bool = False
    code: str = ""
    refused: bool = False
    report: TestReport | None = None


class ToolFailure(Exception):
    """Ends a call with a code of the tool's contract; it is an answer, and never leaves the tool box."""

    def __init__(self, code: str, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.refused = refused

    @classmethod
    def of(cls, error: PathRefused) -> "ToolFailure":
        """Make the same answer of what the workspace refused."""
        return cls(error.code, str(error), refused=error.code in _REFUSALS)


@dataclass(frozen=True, slots=True)
class Room:
    """Where a call works: the sandbox, the workspace, the bounds, and the paths that may not be written."""

    sandbox: Sandbox
    workspace: Path
    limits: Limits
    protected: tuple[str, ...]

    def writable(self, path: str) -> str:
        """Return the path in its plain form; raises ToolFailure where writing is forbidden."""
        try:
            parts = parts_of(path)
        except PathRefused as error:
            raise ToolFailure.of(error) from error
        plain = "/".join(parts)
        if any(part.lower() == ".git" for part in parts):
            raise ToolFailure("protected", f"{plain} belongs to git itself; it may not be written", refused=True)
        if protected(self.protected, (plain,)):
            raise ToolFailure("protected", f"{plain} is a protected path; a person must change it", refused=True)
        return plain


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool with its declared contract. `run` gets arguments that fit the schema; it may raise ToolFailure.

    `risk` says what a call can do at most, always within the sandbox's workspace. `idempotent`: the same call again
    leaves the same state. `reversible`: what it did can be undone by other calls. `failures` are the codes of its own
    that it can answer with; any call can also come to `unknown_tool`, `invalid_arguments` or `budget_spent`.
    """

    name: str
    description: str
    schema: dict[str, Any]
    risk: Risk
    idempotent: bool
    reversible: bool
    run: Callable[[Room, dict[str, Any]], ToolOutcome] = field(repr=False)
    preconditions: tuple[str, ...] = ()
    postconditions: tuple[str, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)

    def spec(self) -> ToolSpec:
        """Return what a model is shown."""
        return ToolSpec(self.name, self.description, self.schema)


def arguments(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    """Return a closed object schema."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def string(description: str, *, most: int, least: int = 1) -> dict[str, Any]:
    """Return the schema of a string with bounds on its length."""
    return {"type": "string", "minLength": least, "maxLength": most, "description": description}


def integer(description: str, *, least: int, most: int) -> dict[str, Any]:
    """Return the schema of a whole number within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most, "description": description}


PATH = string("Path relative to the repository's root, with forward slashes.", most=1000)
