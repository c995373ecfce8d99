"""The policy language: its closed form, from which the published JSON schema is generated."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.change import Role

Party = Literal["bot", "requester", "author", "committer"]
Pattern = Annotated[str, Field(min_length=1, max_length=400)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabelBy(_Strict):
    """Who must have set the label: at least this role, and none of these parties to the change."""

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
    """What a rule asks for; all that is given must hold."""

    checks: Checks | None = None
    label: Label | None = None
    paths: Paths | None = None


class Rule(_Strict):
    """One named rule."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    requires: Requires


class Policy(_Strict):
    """A whole policy file. A change may be merged when every rule holds."""

    version: Literal[1]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=100)]
