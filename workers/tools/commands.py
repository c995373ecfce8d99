"""The tool that runs a command in the sandbox."""

from dataclasses import replace
from typing import Any

from bot.ports import Finished
from workers.tools.contracts import Room, Tool, ToolOutcome, arguments, integer, string
from workers.tools.output import cut, readable

_SHOWN = 16_000
_MOST_SECONDS = 600


def _run(room: Room, given: dict[str, Any]) -> ToolOutcome:
    seconds = min(given.get("seconds", room.limits.wall_seconds), room.limits.wall_seconds)
    done = room.sandbox.run(
        ["sh", "-c", given["command"]], workspace=room.workspace, limits=replace(room.limits, wall_seconds=seconds)
    )
    if done.timed_out:
        said = f"Stopped after {done.seconds:.0f} seconds, with everything that it had started.\n{_output(done)}"
        return ToolOutcome(said, is_error=True, code="timeout")
    return ToolOutcome(f"{_ended(done)}\n{_output(done)}".rstrip())


def _ended(done: Finished) -> str:
    if done.exit_code < 0:
        return f"Killed by signal {-done.exit_code} (9 often means: too much memory) after {done.seconds:.1f} s."
    return f"Exit code {done.exit_code} after {done.seconds:.1f} s."


def _output(done: Finished) -> str:
    out, err = readable(done.stdout).rstrip(), readable(done.stderr).rstrip()
    share = _SHOWN if not (out and err) else _SHOWN // 2
    parts = [cut(out, share)] if out else []
    if err:
        parts.append(f"Standard error:\n{cut(err, share)}")
    if done.truncated:
        parts.append("[there was more output than is kept]")
    return "\n".join(parts) or "No output."


COMMAND_TOOLS = (
    Tool(
        name="shell.run",
        description=(
            "Run a shell command (sh) in the repository's root, in a sandbox without a network. "
            "Nothing keeps running after it. Answers with exit code and output, long output cut in the middle."
        ),
        schema=arguments(
            {
                "command": string("The command line.", most=20_000),
                "seconds": integer("Stop it after this long.", least=1, most=_MOST_SECONDS),
            },
            "command",
        ),
        risk="execute",
        idempotent=False,
        reversible=False,
        run=_run,
        postconditions=("no process is left", "only the workspace can have changed"),
        failures={"timeout": "it did not end in time and was killed"},
    ),
)
