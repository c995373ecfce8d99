"""`journeyman init github | gitlab`: what an installation needs on a forge, made once."""

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from bot.bootstrap import policies_of
from bot.cli.click import wait_for_click
from bot.cli.failing import fail
from bot.config import Settings, load
from bot.domain.change import Repo
from bot.domain.errors import ConfigError, ForgeError

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)
DEVELOPER, MAINTAINER = 30, 40
COLOR, WHY = "#0e8a16", "A human with write access approves this change"


@app.callback()
def init() -> None:
    """Prepare a forge for this installation. Example: journeyman init gitlab team/shop --url https://bot.example"""


@app.command()
def gitlab(
    project: Annotated[str, typer.Argument(help="The project's path, such as team/tools/shop.")],
    url: Annotated[str, typer.Option(help="Where GitLab reaches the receiver, such as https://bot.example.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make the hook and the approval label in a project, and look at the token. Can be said twice.

    Needs JOURNEYMAN_GITLAB_TOKEN (Maintainer) and JOURNEYMAN_GITLAB_WEBHOOK_SECRET, the one that the receiver has.
    Exit 0 done, 1 GitLab refused, 2 wrong usage, 78 the settings cannot work.

    Example: journeyman init gitlab team/shop --url https://bot.example
    """
    from bot.forges.gitlab.setup import GitLabSetup

    settings = load()
    token, secret = settings.gitlab_token, settings.gitlab_webhook_secret
    if token is None:
        raise ConfigError("set JOURNEYMAN_GITLAB_TOKEN (or ..._FILE) to a token with the scope api, of a Maintainer")
    if secret is None:
        made = secrets.token_hex(32)
        raise ConfigError(
            f"set JOURNEYMAN_GITLAB_WEBHOOK_SECRET (or ..._FILE), here and for the receiver; such as {made}"
        )
    repo = Repo("gitlab", project.strip("/"))
    ca_file = settings.gitlab_ca_file or None
    setup = GitLabSetup(token.get_secret_value(), repo, url=settings.gitlab_url, ca_file=ca_file)
    try:
        facts = setup.token()
        rows = [("token", _level(facts.level), _advice(facts.level, facts.scopes))]
        rows.append(("token ends", facts.ends or "not said", ""))
        hook = setup.ensure_hook(f"{url.rstrip('/')}/webhooks/gitlab", secret.get_secret_value())
        rows.append(("hook", hook, ""))
        for label in _labels(settings):
            rows.append((f"label {label}", setup.ensure_label(label, COLOR, WHY), ""))
    except ForgeError as error:
        fail(f"{project}: {error}", 1, as_json=as_json)
    finally:
        setup.close()
    if as_json:
        keys = ("what", "is", "next")
        typer.echo(
            json.dumps({"status": "done", "steps": [dict(zip(keys, row, strict=True)) for row in rows]}, indent=2)
        )
        return
    for what, state, then in rows:
        typer.echo(f"{what:28} {state}{f': {then}' if then else ''}")


def _level(level: int) -> str:
    names = {50: "Owner", 40: "Maintainer", 30: "Developer", 20: "Reporter", 15: "Planner", 10: "Guest"}
    return names.get(level, "no member")


def _advice(level: int, scopes: tuple[str, ...]) -> str:
    if scopes and "api" not in scopes:
        return f"it lacks the scope api (it has {', '.join(scopes)}); make one that has it"
    if level < DEVELOPER:
        return "the bot cannot push or comment; make its account at least a Developer"
    return "" if level >= MAINTAINER else "enough to work; to make hooks and merge into protected branches: Maintainer"


def _labels(settings: Settings) -> list[str]:
    """Return the labels that the installation's policy asks for."""
    rules = policies_of(settings)(settings.policy).policy.rules
    return [rule.requires.label.name for rule in rules if rule.requires.label is not None]


@app.command()
def github(
    url: Annotated[str, typer.Option(help="Where GitHub reaches the receiver, such as https://bot.example.")],
    to: Annotated[Path, typer.Option(help="The directory that the keys are written to, readable by you alone.")],
    name: Annotated[str, typer.Option(help="The App's name; it must be new on that GitHub.")] = "journeyman",
    organization: Annotated[str | None, typer.Option(help="The organization that owns the App; else you.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the local page; 0 takes a free one.")] = 0,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long to wait for the click.")] = 900.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a GitHub App by one click on a local page, and store its keys (0600). Nothing is overwritten.

    Exit 0 done, 1 GitHub refused or nobody clicked in time, 2 wrong usage, 78 the settings cannot work.

    Example: journeyman init github --url https://bot.example --to /etc/journeyman
    """
    from bot.forges.github.manifest import form_address, manifest, pages_of, take_over

    settings = load()
    files = {part: to / f"github-{part}" for part in ("app-id", "app-key.pem", "webhook-secret")}
    there = [str(path) for path in files.values() if path.exists()]
    if there:
        raise typer.BadParameter(
            f"{there[0]} is there already; take it away, or name another directory", param_hint="--to"
        )
    state = secrets.token_urlsafe(24)
    try:
        code = wait_for_click(
            lambda back: (form_address(pages_of(settings.github_url), organization, state), manifest(name, url, back)),
            state,
            port=port,
            seconds=seconds,
            tell=lambda address: typer.echo(f"open {address} and click; then GitHub asks you once", err=True),
        )
        made = take_over(settings.github_url, code, settings.github_ca_file or None)
    except ForgeError as error:
        fail(str(error), 1, as_json=as_json)
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part, value in (("app-id", str(made.id)), ("app-key.pem", made.pem), ("webhook-secret", made.webhook_secret)):
        _store(files[part], value)
    lines = {
        "JOURNEYMAN_GITHUB_APP_ID_FILE": str(files["app-id"]),
        "JOURNEYMAN_GITHUB_APP_KEY_FILE": str(files["app-key.pem"]),
        "JOURNEYMAN_GITHUB_WEBHOOK_SECRET_FILE": str(files["webhook-secret"]),
    }
    install = f"{made.html_url}/installations/new"
    if as_json:
        typer.echo(json.dumps({"status": "done", "app": made.slug, "settings": lines, "install": install}, indent=2))
        return
    typer.echo(f"the App {made.slug} is made; install it on repositories: {install}")
    for variable, path in lines.items():
        typer.echo(f"export {variable}={path}")


def _store(path: Path, value: str) -> None:
    """Write a secret into a new file that only its owner reads."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(f"{value.strip()}\n", encoding="utf-8")
