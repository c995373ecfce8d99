"""The command `journeyman`: sub-commands are entry points (group `journeyman.commands`), loaded only when called.

So the receiver's image needs no worker code, and `--help` is quick. Exit codes that all commands share: 0 done,
1 failed, 2 wrong usage, 78 the settings cannot work (EX_CONFIG of sysexits.h); each command's help lists its own. With
`--json` there is one document on standard output however it ends; where a command could not do what was asked, it is
`{"status": "failed", "code": EXIT CODE, "error": ONE LINE}`.
"""

import sys
from importlib.metadata import entry_points, version
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from bot.cli.failing import document
from bot.config import EX_CONFIG
from bot.domain.errors import ConfigError, JourneymanError

GROUP = "journeyman.commands"

SUMMARIES = {
    "demo": "Watch an issue become a merged, policy-gated change on a forge of your own machine.",
    "up": "Run receiver, broker, agent and beat on this machine.",
    "web": "Serve the receiver of webhooks.",
    "worker": "Run the worker of one zone.",
    "beat": "Run the clock that wakes what was forgotten.",
    "repair": "Repair a directory of Python code whose tests fail; no model needed.",
    "init": "Prepare a forge for this installation: an App, a hook, labels.",
    "migrate": "Bring the database's tables up to date.",
    "keys": "Make the zones' signing keys.",
    "runs": "List runs and tell their stories.",
    "audit": "Export and verify the ledger.",
    "doctor": "Check this installation, line by line, with the next step.",
    "model-server": "Serve a scripted model over the OpenAI and the Anthropic wire.",
}


class LazyCommands(TyperGroup):
    """Finds commands by entry point and imports one only to run it."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all installed commands, the usual ones first."""
        del ctx
        found = {point.name for point in entry_points(group=GROUP)}
        known = [name for name in SUMMARIES if name in found]
        return [*known, *sorted(found - set(known))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load one command; None for an unknown name."""
        found = [point for point in entry_points(group=GROUP) if point.name == cmd_name]
        if not found:
            return None
        listing = ctx is not None and ctx.resilient_parsing
        if (listing or _is_overview()) and cmd_name in SUMMARIES:
            return _stub(cmd_name)
        target = found[0].load()
        command = get_command(target if isinstance(target, typer.Typer) else _app(target))
        command.name = cmd_name
        return command


def _is_overview() -> bool:
    return len(sys.argv) <= 1 or sys.argv[1].startswith("-")


def _stub(name: str) -> Any:
    def stub() -> None:
        raise AssertionError(name)

    stub.__doc__ = SUMMARIES[name]
    command = get_command(_app(stub))
    command.name = name
    return command


def _app(function: Any) -> typer.Typer:
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(function)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"journeyman {version('journeyman')}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyCommands, add_completion=False, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.callback()
def root(
    show_version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """Turn issues into reviewed, policy-gated changes. Example: journeyman demo"""
    del show_version


USAGE: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""What a wrong usage is raised as: newer releases of typer have click's classes inside them."""


def main() -> None:
    """Run the command line; errors that we raise on purpose become one line and an exit code."""
    try:
        ended = app(prog_name="journeyman", standalone_mode=False)
    except USAGE as error:
        error.show()
        _end(error.format_message(), error.exit_code)
    except ConfigError as error:
        typer.echo(f"journeyman: {error}", err=True)
        _end(str(error), EX_CONFIG)
    except JourneymanError as error:
        typer.echo(f"journeyman: {error}", err=True)
        _end(str(error), 1)
    sys.exit(ended if isinstance(ended, int) else 0)


def _end(message: str, code: int) -> NoReturn:
    if "--json" in sys.argv:
        typer.echo(document(message, code))
    sys.exit(code)
