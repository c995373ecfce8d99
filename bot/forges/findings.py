"""What looking at a forge finds: for the doctor."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from bot.domain.change import Repo
from bot.domain.errors import ForgeError, Unavailable

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it is, what was found, and the next step (empty when it is well)."""

    check: str
    state: State
    found: str
    next: str = ""


Look = Callable[[], Iterator[Finding]]


def looked(check: str, look: Look) -> Iterator[Finding]:
    """Return what a look finds; an error of the forge is a finding as well."""
    try:
        yield from look()
    except Unavailable as error:
        yield Finding(check, "fail", "no answer that counts", f"mend this and run the doctor again: {error}")
    except ForgeError as error:
        yield Finding(check, "fail", type(error).__name__.lower(), str(error))


@runtime_checkable
class Examinable(Protocol):
    """An adapter that can look at its own credential."""

    def examine(self, repo: Repo | None) -> Iterator[Finding]:
        """Look at the credential and, where one is named, at a repository; changes nothing and raises nothing."""
        ...
