"""Apps, installations and their tokens."""

import json
from typing import Any

from bot.devforge.apps import App, Grant, Installation, client_id
from bot.devforge.gitvalues import stamp
from bot.devforge.model import Delivery, Hook, Repository
from bot.devforge.shapes.people import simple_user
from bot.devforge.shapes.repos import repository
from bot.devforge.world import World

Json = dict[str, Any]


def integration(world: World, app: App) -> Json:
    """Write an `integration`: what an app sees of itself."""
    return {
        "id": app.id,
        "slug": app.slug,
        "node_id": f"A_{app.id}",
        "client_id": client_id(app),
        "owner": simple_user(world, app.owner),
        "name": app.slug,
        "description": "",
        "external_url": f"{world.address}/",
        "html_url": f"{world.address}/apps/{app.slug}",
        "created_at": stamp(app.created),
        "updated_at": stamp(app.created),
        "permissions": app.permissions,
        "events": list(app.events),
        "installations_count": sum(one.app is app for one in world.apps.installations.values()),
    }


def installation(world: World, one: Installation) -> Json:
    """Write an `installation`."""
    api = f"{world.api}/app/installations/{one.id}"
    return {
        "id": one.id,
        "client_id": client_id(one.app),
        "account": simple_user(world, one.account),
        "repository_selection": "selected",
        "access_tokens_url": f"{api}/access_tokens",
        "repositories_url": f"{world.api}/installation/repositories",
        "html_url": f"{world.address}/settings/installations/{one.id}",
        "app_id": one.app.id,
        "app_slug": one.app.slug,
        "target_id": one.account.id,
        "target_type": "User",
        "permissions": one.permissions,
        "events": list(one.app.events),
        "created_at": stamp(one.created),
        "updated_at": stamp(one.created),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": simple_user(world, one.account) if one.suspended else None,
        "suspended_at": stamp(one.suspended) if one.suspended else None,
    }


def token(world: World, value: str, grant: Grant, repos: list[Repository], *, narrowed: bool) -> Json:
    """Write an `installation-token`; the repositories are named when they were asked for."""
    body: Json = {
        "token": value,
        "expires_at": stamp(grant.until),
        "permissions": grant.permissions,
        "repository_selection": "selected",
    }
    if narrowed:
        body["repositories"] = [repository(world, repo) for repo in repos]
    return body


def hook_config(hook: Hook | None) -> Json:
    """Write a `webhook-config`."""
    shown = {"content_type": "json", "insecure_ssl": "0"}
    if hook is None:
        return shown
    return {**shown, "url": hook.url, **({"secret": "********"} if hook.secret else {})}


def delivery(one: Delivery) -> Json:
    """Write a `hook-delivery-item` of an app."""
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": stamp(one.at),
        "redelivery": one.redelivery,
        "duration": round(one.duration, 3),
        "status": one.status,
        "status_code": one.code,
        "event": one.event,
        "action": one.action,
        "installation_id": None,
        "repository_id": (json.loads(one.body).get("repository") or {}).get("id"),
    }
