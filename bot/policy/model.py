"""The policy language: its closed form, from which the published JSON schema is generated.

Validation is strict: a value of another type is an error and not a guess, and so is an empty one (`checks:` alone),
which would silently ask for nothing.
"""

from typing import Annotated, Any, Literal, Self

import pathspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from bot.domain.change import Role

Party = Literal["bot", "requester", "author", "committer"]


def _matches_something(pattern: str) -> str:
    """Refuse a pattern that .gitignore takes for nothing, or for no pattern: it would protect nothing."""
    compiled = list(pathspec.GitIgnoreSpec.from_lines([pattern.casefold()]).patterns)
    if not compiled or compiled[0].include is None:
        raise ValueError("this pattern can match nothing")
    return pattern


def _no_boolean(value: object) -> object:
    """Refuse `true` where 1 is meant: Python takes them for equal."""
    if isinstance(value, bool):
        raise ValueError("Input should be a number")  # noqa: TRY004 - pydantic reports ValueError only
    return value


def _without_null(schema: dict[str, Any]) -> None:
    """Describe what may be left out, not what may be null: null is refused."""
    for name, described in schema["properties"].items():
        schema["properties"][name] = next(kind for kind in described["anyOf"] if kind != {"type": "null"})
    schema["minProperties"] = 1


Pattern = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^#\s]"), AfterValidator(_matches_something)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LabelBy(_Strict):
    """Who must have set the label: at least this role, and none of these parties to the change (the bot never may)."""

    role: Role = Role.WRITE
    never: tuple[Party, ...] = ("bot", "requester", "author", "committer")


class Label(_Strict):
    """The change carries this label, and somebody who counts set it while the present head was there."""

    name: Annotated[str, Field(min_length=1, max_length=50)]
    set_by: LabelBy = LabelBy()


class Checks(_Strict):
    """Every check and status of the head is good, the gate's own left out, and there are at least so many."""

    at_least: Annotated[int, Field(ge=1, le=100)] = 1
    ignore: tuple[str, ...] = ()


class Paths(_Strict):
    """No changed path matches any of these patterns (the syntax of .gitignore)."""

    none: Annotated[tuple[Pattern, ...], Field(min_length=1, max_length=500)]


class Requires(_Strict):
    """What a rule asks for; all that is given must hold, and at least one thing must be given."""

    model_config = ConfigDict(json_schema_extra=_without_null)

    checks: Checks | None = None
    label: Label | None = None
    paths: Paths | None = None

    @model_validator(mode="after")
    def _nothing_is_empty(self) -> Self:
        for name in sorted(self.model_fields_set):
            if getattr(self, name) is None:
                raise ValueError(f"{name} is empty; write `{name}: {{}}` for its defaults, or take it out")
        if not self.model_fields_set:
            raise ValueError("a rule requires checks, a label or paths")
        return self


class Rule(_Strict):
    """One named rule."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    requires: Requires


class Policy(_Strict):
    """A whole policy file. A change may be merged when every rule holds."""

    version: Annotated[Literal[1], BeforeValidator(_no_boolean)]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=100)]
