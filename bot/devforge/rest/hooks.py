"""Webhooks of a repository, what became of their deliveries, and sending one again."""

from flask import Blueprint, Response, request

from bot.devforge.call import SENDER, Body, Problem, RepoCall, answer, invalid, not_found, on_repo, page
from bot.devforge.model import Delivery, Hook
from bot.devforge.shapes import hooks as shapes
from bot.devforge.shapes.people import simple_user
from bot.devforge.shapes.repos import repository
from bot.devforge.webhooks import Sender, may_send_to
from bot.domain.change import Role

room = Blueprint("hooks", __name__)


def _hook(call: RepoCall, hook_id: int) -> Hook:
    hook = call.repo.hooks.get(hook_id)
    if hook is None:
        raise not_found()
    return hook


def _sender() -> Sender:
    sender: Sender = request.environ[SENDER]
    return sender


def _delivery(hook: Hook, delivery_id: int) -> Delivery:
    for delivery in hook.deliveries:
        if delivery.id == delivery_id:
            return delivery
    raise Problem(404, "Delivery not found")


@on_repo(room, "GET", "/hooks", Role.ADMIN)
def listing(call: RepoCall) -> Response:
    return page(list(call.repo.hooks.values()), lambda hook: shapes.hook(call.world, call.repo, hook))


@on_repo(room, "POST", "/hooks", Role.ADMIN)
def create(call: RepoCall) -> Response:
    body = Body("Hook")
    config = body.get("config", dict, {})
    url, secret = str(config.get("url") or ""), str(config.get("secret") or "")
    if not may_send_to(url):
        raise invalid("Hook", "config", "custom", "this forge only sends to http addresses on loopback")
    events = tuple(str(name) for name in body.get("events", list, ["push"]))
    hook = Hook(call.world.next_id(), url, secret, events, call.world.now(), body.get("active", bool, True))
    call.repo.hooks[hook.id] = hook
    shape = shapes.hook(call.world, call.repo, hook)
    about = {"repository": repository(call.world, call.repo), "sender": simple_user(call.world, call.actor)}
    _sender().ping(hook, {"zen": "A hook is a promise to call back.", "hook_id": hook.id, "hook": shape, **about})
    return answer(shapes.hook(call.world, call.repo, hook), 201)


@on_repo(room, "GET", "/hooks/<int:hook_id>", Role.ADMIN)
def get(call: RepoCall, hook_id: int) -> Response:
    return answer(shapes.hook(call.world, call.repo, _hook(call, hook_id)))


@on_repo(room, "DELETE", "/hooks/<int:hook_id>", Role.ADMIN)
def delete(call: RepoCall, hook_id: int) -> Response:
    _hook(call, hook_id)
    del call.repo.hooks[hook_id]
    return answer(None, 204)


@on_repo(room, "GET", "/hooks/<int:hook_id>/deliveries", Role.ADMIN)
def deliveries(call: RepoCall, hook_id: int) -> Response:
    newest = list(reversed(_hook(call, hook_id).deliveries))
    return page(newest, lambda one: shapes.delivery_item(call.repo, one))


@on_repo(room, "GET", "/hooks/<int:hook_id>/deliveries/<int:delivery_id>", Role.ADMIN)
def delivery(call: RepoCall, hook_id: int, delivery_id: int) -> Response:
    one = _delivery(_hook(call, hook_id), delivery_id)
    return answer(shapes.delivery(call.world, call.repo, hook_id, one))


@on_repo(room, "POST", "/hooks/<int:hook_id>/deliveries/<int:delivery_id>/attempts", Role.ADMIN)
def again(call: RepoCall, hook_id: int, delivery_id: int) -> Response:
    hook = _hook(call, hook_id)
    _sender().again(hook, _delivery(hook, delivery_id))
    return answer({}, 202)
