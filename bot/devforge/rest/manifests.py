"""Making an app from a manifest: the page that the form is sent to, and trading the code for the app's keys."""

import json
import secrets
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as AnyResponse

from bot.devforge.appseeding import AppSeeding
from bot.devforge.call import Call, answer, not_found, on, world_of_app
from bot.devforge.shapes.apps import integration
from bot.devforge.visits import chosen
from bot.devforge.webhooks import may_send_to

room = Blueprint("manifests", __name__)
pages = Blueprint("app-pages", __name__)


@pages.post("/settings/apps/new")
@pages.post("/organizations/<organization>/settings/apps/new")
def new(organization: str = "") -> AnyResponse:
    """Take a manifest, as if the person who visits had said yes, and lead back with a code."""
    world = world_of_app()
    try:
        given: dict[str, Any] = json.loads(request.form.get("manifest", ""))
        back, hook = str(given["redirect_url"]), str(given["hook_attributes"]["url"])
        names = str(given["name"]), str(given["url"])
    except (ValueError, KeyError, TypeError):
        raise BadRequest("The manifest is not valid.") from None
    if not all(names) or not may_send_to(hook):
        raise BadRequest("The manifest names no app, or a webhook that is not on this machine.")
    code = secrets.token_hex(20)
    with world.lock:
        owner = organization or chosen(world).login
        world.apps.manifests[code] = {**given, "owner": owner}
    return redirect(f"{back}?{urlencode({'code': code, 'state': request.args.get('state', '')})}", 302)


@on(room, "POST", "/app-manifests/<code>/conversions")
def convert(call: Call, code: str) -> Response:
    """Make the app, once; its key and secrets are shown here and never again."""
    given = call.world.apps.manifests.pop(code, None)
    if given is None:
        raise not_found()
    slug, seeding = str(given["name"]).lower().replace(" ", "-"), AppSeeding(call.world)
    permissions = {name: level for name, level in given["default_permissions"].items() if name != "metadata"}
    made = seeding.add_app(
        slug, permissions={**permissions, "metadata": "read"}, events=given["default_events"], owner=given["owner"]
    )
    secret = secrets.token_hex(20)
    seeding.app_hook(slug, str(given["hook_attributes"]["url"]), secret)
    shape = integration(call.world, call.world.apps.apps[slug])
    keys = {"client_id": f"Iv1.{secrets.token_hex(8)}", "client_secret": secrets.token_hex(20)}
    return answer({**shape, **keys, "webhook_secret": secret, "pem": made["key"]}, 201)
