"""Webhooks and what became of their deliveries."""

import json
from typing import Any

from bot.devforge.gitvalues import stamp
from bot.devforge.model import Delivery, Hook, Repository
from bot.devforge.shapes.repos import root
from bot.devforge.world import World

Json = dict[str, Any]


def hook(world: World, repo: Repository, one: Hook) -> Json:
    """Write a `hook`; the secret is never shown."""
    url = f"{root(world, repo)}/hooks/{one.id}"
    last = one.deliveries[-1] if one.deliveries else None
    return {
        "type": "Repository",
        "id": one.id,
        "name": "web",
        "active": one.active,
        "events": list(one.events),
        "config": {"url": one.url, "content_type": "json", "insecure_ssl": "0", "secret": "********"},
        "updated_at": stamp(one.created),
        "created_at": stamp(one.created),
        "url": url,
        "test_url": f"{url}/tests",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": {
            "code": last.code if last and last.code else None,
            "status": last.status if last else "unused",
            "message": None,
        },
    }


def delivery_item(repo: Repository, one: Delivery) -> Json:
    """Write a `hook-delivery-item`."""
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
        "repository_id": repo.id,
    }


def delivery(world: World, repo: Repository, hook_id: int, one: Delivery) -> Json:
    """Write a `hook-delivery`."""
    return {
        **delivery_item(repo, one),
        "url": f"{root(world, repo)}/hooks/{hook_id}/deliveries/{one.id}",
        "request": {"headers": dict(one.sent_headers), "payload": json.loads(one.body)},
        "response": {"headers": dict(one.got_headers), "payload": one.got_body},
    }
