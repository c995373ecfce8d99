"""GitHub's App manifest flow: what we ask for, and taking over the keys of the App that somebody made by one click.

https://docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

import re
from typing import Any
from urllib.parse import quote

import msgspec
import requests
from msgspec import Struct

from bot.domain.errors import Invalid, Unavailable
from bot.forges.github.credentials import wanted

EVENTS = (
    "check_run",
    "check_suite",
    "issue_comment",
    "issues",
    "pull_request",
    "pull_request_review",
    "push",
    "status",
)
_CODE = re.compile(r"[A-Za-z0-9_-]{1,200}")
_SECONDS = 20


class NewApp(Struct):
    """What GitHub gives once, and never again: the App's number, name, key (PEM) and its webhook's secret."""

    id: int
    slug: str
    html_url: str
    pem: str
    webhook_secret: str


def manifest(name: str, url: str, back: str) -> dict[str, Any]:
    """Return the manifest of an App whose receiver is at `url` and that leads back to `back` when it is made."""
    return {
        "name": name,
        "url": url,
        "hook_attributes": {"url": f"{url.rstrip('/')}/webhooks/github", "active": True},
        "redirect_url": back,
        "public": False,
        "default_permissions": wanted(),
        "default_events": list(EVENTS),
    }


def form_address(pages: str, organization: str | None, state: str) -> str:
    """Return where the manifest is sent by the click."""
    where = f"organizations/{quote(organization, safe='')}/settings" if organization else "settings"
    return f"{pages.rstrip('/')}/{where}/apps/new?state={quote(state, safe='')}"


def pages_of(api: str) -> str:
    """Return the address of the pages that belong to an API's."""
    if api.rstrip("/") == "https://api.github.com":
        return "https://github.com"
    return re.sub(r"/api/v3/?$", "", api.rstrip("/"))


def take_over(api: str, code: str, ca_file: str | None = None) -> NewApp:
    """Trade the code that GitHub sent back for the App's keys; raises Invalid for a code that is none, or used."""
    if not _CODE.fullmatch(code):
        raise Invalid("GitHub sent no code that could be one; begin again")
    url = f"{api.rstrip('/')}/app-manifests/{code}/conversions"
    headers = {"Accept": "application/vnd.github+json", "User-Agent": "journeyman"}
    try:
        answer = requests.post(url, headers=headers, timeout=_SECONDS, verify=ca_file or True, allow_redirects=False)
        if answer.status_code != 201:
            raise Invalid(f"GitHub said {answer.status_code}: the code is used up or older than an hour; begin again")
        return msgspec.json.decode(answer.content, type=NewApp)
    except requests.RequestException as error:
        raise Unavailable(f"GitHub could not be reached ({type(error).__name__}); begin again") from error
    except msgspec.MsgspecError as error:
        raise Unavailable(f"GitHub's answer could not be read ({type(error).__name__}); begin again") from error
