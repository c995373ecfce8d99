"""What GitHub's hooks could not deliver, and having it sent again."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from github.Requester import Requester
from msgspec import Struct

from bot.domain.errors import NotFound
from bot.forges.github.errors import translated

OURS = "/webhooks/github"
_MOST = 20
_TRIES = 3


class _Config(Struct):
    url: str = ""


class _Hook(Struct):
    id: int
    active: bool
    config: _Config


class Delivered(Struct):
    """One attempt to deliver; all attempts of one delivery have its guid. `status_code` 0: nobody answered."""

    id: int
    guid: str
    delivered_at: str
    status_code: int
    repository_id: int | None = None


def resend(requester: Requester, place: str, since: float) -> int:
    """Have what our hooks of a repository at `place` could not deliver since then sent again; return how many.

    A delivery that came in a later attempt, or was tried three times, is left. Raises Denied or NotFound where the
    credential may not see hooks.
    """
    hooks = msgspec.convert(_ask(requester, "GET", f"{place}/hooks?per_page=100"), list[_Hook])
    ours = [hook for hook in hooks if hook.active and urlsplit(hook.config.url).path.endswith(OURS)]
    asked = 0
    for hook in ours:
        path = f"{place}/hooks/{hook.id}/deliveries"
        found = msgspec.convert(_ask(requester, "GET", f"{path}?per_page=100"), list[Delivered])
        asked += _again(requester, path, lost(found, since)[: _MOST - asked])
    return asked


def resend_of_app(requester: Requester, repository: int, since: float) -> int:
    """Do the same with an App's own hook, which tells of all its repositories: look at those of one."""
    path = "/app/hook/deliveries"
    found = msgspec.convert(_ask(requester, "GET", f"{path}?per_page=100"), list[Delivered])
    here = [one for one in found if one.repository_id == repository]
    return _again(requester, path, lost(here, since)[:_MOST])


def _again(requester: Requester, path: str, found: list[Delivered]) -> int:
    asked = 0
    for one in found:
        try:
            with translated():
                _ask(requester, "POST", f"{path}/{one.id}/attempts")
        except NotFound:
            continue  # too old by now
        asked += 1
    return asked


def lost(found: list[Delivered], since: float) -> list[Delivered]:
    """Return one attempt of each delivery that never came, the oldest first."""
    tries: dict[str, list[Delivered]] = {}
    for one in found:
        tries.setdefault(one.guid, []).append(one)
    never = [
        made[-1]
        for made in tries.values()
        if len(made) < _TRIES
        and not any(200 <= one.status_code < 300 for one in made)
        and datetime.fromisoformat(made[-1].delivered_at).timestamp() >= since
    ]
    return sorted(never, key=lambda one: one.id)


def _ask(requester: Requester, verb: str, url: str) -> Any:
    return requester.requestJsonAndCheck(verb, url)[1]
