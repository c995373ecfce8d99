"""`journeyman demo`."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from workers.demo import example
from workers.demo.source import NotTaken, take
from workers.demo.stage import Dialect
from workers.demo.story import Plot, Story, Wire


def demo(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, progress on standard error.")] = False,
    repo: Annotated[
        Path | None, typer.Option(help="A local git repository of Python code; its last commit is copied.")
    ] = None,
    issue: Annotated[str, typer.Option(help="The issue's text; its first line is the title.")] = "",
    model: Annotated[
        Wire,
        typer.Option(help="none: the repair engine; else a scripted model on that vendor's wire, example only."),
    ] = "none",
    forge: Annotated[Dialect, typer.Option(help="Whose API the forge of this machine speaks.")] = "github",
    seconds: Annotated[float, typer.Option(min=10, max=3600, help="How long each phase may take.")] = 300.0,
) -> None:
    """Watch an issue become a merged, policy-gated change on a forge of your own machine. No key, no account.

    On a terminal it stays up with links until Ctrl-C. Exit 0 when the story came to its good end, 1 when not (the
    reason is said), 2 for wrong usage. For 1 and 2 --json prints {"status": "failed", "code": EXIT CODE, "error": ONE
    LINE}.

    Example: journeyman demo --repo ../shop --issue "Total is wrong for empty orders"
    """
    plot = replace(_plot(repo, issue, model), forge=forge, seconds=seconds)
    screen = Console(stderr=as_json)
    begun = time.monotonic()

    def tell(phase: str, text: str) -> None:
        screen.print(f"[dim]{time.monotonic() - begun:6.1f} s[/dim]  [bold]{phase:8}[/bold]", end="")
        screen.print(text, markup=False, highlight=False)

    with Story(plot, tell) as story:
        result = story.play()
        if as_json:
            sys.stdout.write(json.dumps(result, indent=2) + "\n")
        else:
            screen.print(f"\nchange {story.mark} merged as {result['merged_sha']}", highlight=False)
            screen.print(f"approved by {result['approved_by']}; audit {result['audit']}", highlight=False)
        if sys.stdout.isatty() and not as_json:
            _stay(story, screen)


def _plot(repo: Path | None, issue: str, model: Wire) -> Plot:
    if repo is None:
        if issue:
            raise typer.BadParameter("goes with --repo", param_hint="--issue")
        return Plot("shop", example.FILES, example.ISSUE_TITLE, example.ISSUE_BODY, model)
    if not issue.strip():
        raise typer.BadParameter("say what is wrong, in quotes; the first line is the title", param_hint="--issue")
    if model != "none":
        raise typer.BadParameter("the script fits the example only; leave --repo out", param_hint="--model")
    try:
        taken = take(repo)
    except NotTaken as error:
        raise typer.BadParameter(str(error), param_hint="--repo") from None
    for note in taken.notes:
        typer.echo(f"note: {note}", err=True)
    title, _, _ = issue.strip().partition("\n")
    return Plot(taken.name, taken, title[:200], issue, model)


def _stay(story: Story, screen: Console) -> None:
    screen.print("\nStill up; look around, open issues, comment `/agent help`. Ctrl-C ends.")
    for name, link in story.links.items():
        screen.print(f"  {name:9} {link}", highlight=False)
    try:
        story.stage.installation.run(lambda: False)
    except KeyboardInterrupt:
        screen.print("stopping")
