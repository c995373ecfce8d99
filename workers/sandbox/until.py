"""A sandbox with an end: whatever is run in it, and however often, ends by one deadline."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from bot.ports import Finished, Limits, Sandbox

LEAST = 1.0


@dataclass(frozen=True, slots=True)
class UntilSandbox:
    """Implements `bot.ports.Sandbox`: gives each command what is left until `end` (monotonic), one second at least."""

    inner: Sandbox
    end: float

    def check(self) -> None:
        """Raise SandboxUnavailable, with the fix in the message, when isolation cannot be had."""
        self.inner.check()

    def run(
        self,
        argv: Sequence[str],
        *,
        workspace: Path,
        limits: Limits,
        stdin: bytes = b"",
        env: Mapping[str, str] = {},
        read_only: Sequence[Path] = (),
        on_line: Callable[[bytes], None] | None = None,
    ) -> Finished:
        """Run argv within its limits and the time that is left; see `bot.ports.Sandbox.run`."""
        left = max(LEAST, min(limits.wall_seconds, self.end - time.monotonic()))
        return self.inner.run(
            argv,
            workspace=workspace,
            limits=replace(limits, wall_seconds=left),
            stdin=stdin,
            env=env,
            read_only=read_only,
            on_line=on_line,
        )

    def workspace(self) -> AbstractContextManager[Path]:
        """Make an empty directory that the sandbox may write to; it is removed afterwards."""
        return self.inner.workspace()

    @property
    def python(self) -> str:
        """The interpreter to use inside."""
        return self.inner.python
