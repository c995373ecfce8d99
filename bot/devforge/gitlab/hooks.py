"""The hooks of a project: what they are told, how they stand, what was sent, and sending it again."""

import json
from dataclasses import replace

from flask import Blueprint, Response, request

from bot.devforge.call import SENDER, RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import Fields, on_project, page
from bot.devforge.gitlab.hookstate import alert_status
from bot.devforge.gitlab.refusals import Refusal, missing
from bot.devforge.gitvalues import stamp
from bot.devforge.model import Delivery, Hook
from bot.devforge.webhooks import Sender, may_send_to
from bot.devforge.world import World
from bot.domain.change import Role

room = Blueprint("gitlab-hooks", __name__)
FLAGS = {
    "push_events": "push",
    "tag_push_events": "tag_push",
    "issues_events": "issue",
    "confidential_issues_events": "confidential_issue",
    "note_events": "note",
    "confidential_note_events": "confidential_note",
    "merge_requests_events": "merge_request",
    "pipeline_events": "pipeline",
    "job_events": "job",
    "emoji_events": "emoji",
}
_NEVER = ("wiki_page_events", "deployment_events", "releases_events", "feature_flag_events", "milestone_events")
_RANGES = {"successful": range(200, 300), "client_failure": range(400, 500), "server_failure": range(500, 600)}
_SECRETS = ("X-Gitlab-Token", "webhook-signature")


def hook_shape(world: World, project: int, one: Hook) -> shapes.Json:
    """Write a hook; its secrets are never shown."""
    status = alert_status(one, world.now())
    return {
        "id": one.id,
        "url": one.url,
        "name": None,
        "description": None,
        "project_id": project,
        "created_at": stamp(one.created),
        "alert_status": status,
        "disabled_until": stamp(one.disabled_until) if one.disabled_until else None,
        "enable_ssl_verification": True,
        "repository_update_events": False,
        "url_variables": [],
        "custom_headers": [],
        "push_events_branch_filter": None,
        "branch_filter_strategy": "wildcard",
        **{flag: "*" in one.events or name in one.events for flag, name in FLAGS.items()},
        **dict.fromkeys(_NEVER, False),
    }


def event_shape(hook: Hook, one: Delivery) -> shapes.Json:
    """Write what was sent and what came of it."""
    shown = {name: "[REDACTED]" if name in _SECRETS else value for name, value in one.sent_headers.items()}
    return {
        "id": one.id,
        "url": hook.url,
        "trigger": f"{one.event}_hooks",
        "request_headers": shown,
        "request_data": json.loads(one.body),
        "response_headers": one.got_headers,
        "response_body": one.got_body[:8192],
        "response_status": str(one.code) if one.code else "internal error",
        "execution_duration": one.duration,
    }


def _show(call: RepoCall, one: Hook, status: int = 200) -> Response:
    return answer(hook_shape(call.world, call.repo.id, one), status)


def _hook(call: RepoCall, hook_id: int) -> Hook:
    if hook_id not in call.repo.hooks:
        raise missing()
    return call.repo.hooks[hook_id]


def _sender() -> Sender:
    sender: Sender = request.environ[SENDER]
    return sender


@on_project(room, "GET", "/hooks", Role.MAINTAIN)
def listing(call: RepoCall) -> Response:
    return page(list(call.repo.hooks.values()), lambda one: hook_shape(call.world, call.repo.id, one))


@on_project(room, "POST", "/hooks", Role.MAINTAIN)
def create(call: RepoCall) -> Response:
    fields = Fields()
    made = Hook(call.world.next_id(), _url(fields.need("url")), "", ("push",), call.world.now())
    _change(made, fields)
    call.repo.hooks[made.id] = made
    return _show(call, made, 201)


@on_project(room, "GET", "/hooks/<int:hook_id>", Role.MAINTAIN)
def get(call: RepoCall, hook_id: int) -> Response:
    return _show(call, _hook(call, hook_id))


@on_project(room, "PUT", "/hooks/<int:hook_id>", Role.MAINTAIN)
def change(call: RepoCall, hook_id: int) -> Response:
    one, fields = _hook(call, hook_id), Fields()
    one.url = _url(fields.text("url", one.url))
    _change(one, fields)
    return _show(call, one)


def _url(url: str) -> str:
    if not may_send_to(url):
        raise Refusal(422, "Invalid url given")
    return url


def _change(one: Hook, fields: Fields) -> None:
    """Take over the secrets and the events that the body names; the others stay."""
    one.secret, one.signing = fields.text("token", one.secret), fields.text("signing_token", one.signing)
    had = set(FLAGS.values()) if "*" in one.events else set(one.events)
    one.events = tuple(name for flag, name in FLAGS.items() if fields.flag(flag, name in had))


@on_project(room, "DELETE", "/hooks/<int:hook_id>", Role.MAINTAIN)
def delete(call: RepoCall, hook_id: int) -> Response:
    _hook(call, hook_id)
    del call.repo.hooks[hook_id]
    return answer(None, 204)


@on_project(room, "POST", "/hooks/<int:hook_id>/test/<trigger>", Role.MAINTAIN)
def try_out(call: RepoCall, hook_id: int, trigger: str) -> Response:
    """Send the newest event of this kind, also to a hook that is switched off: a good answer switches it on again.

    GitLab makes a sample and waits for the answer; here the answer comes later.
    """
    one, event = _hook(call, hook_id), FLAGS.get(trigger)
    if event is None:
        raise Refusal(400, "trigger does not have a valid value")
    told = [each for hook in call.repo.hooks.values() for each in hook.deliveries if each.event == event]
    if not told:
        raise Refusal(422, f"Ensure the project has {event.replace('_', ' ')} events.")
    _sender().send(one, event, max(told, key=lambda each: each.id).body)
    return answer({"message": "201 Created"}, 201)


# --- what was sent --------------------------------------------------------------------------------------------------
@on_project(room, "GET", "/hooks/<int:hook_id>/events", Role.MAINTAIN)
def events(call: RepoCall, hook_id: int) -> Response:
    one, wanted = _hook(call, hook_id), request.args.get("status", "")
    sent = [each for each in reversed(one.deliveries) if each.status != "pending" and _fits(each.code, wanted)]
    return page(sent, lambda each: event_shape(one, each))


def _fits(code: int, wanted: str) -> bool:
    return not wanted or (code in _RANGES[wanted] if wanted in _RANGES else str(code) == wanted)


@on_project(room, "POST", "/hooks/<int:hook_id>/events/<int:event_id>/resend", Role.MAINTAIN)
def resend(call: RepoCall, hook_id: int, event_id: int) -> Response:
    """Send again what was sent, five times a minute at most; a hook that is switched off gets nothing."""
    one, now = _hook(call, hook_id), call.world.now()
    found = next((each for each in one.deliveries if each.id == event_id), None)
    if found is None:
        raise missing()
    if sum(each.redelivery and each.at > now - 60 for each in one.deliveries) >= call.world.resends_a_minute:
        raise Refusal(429, "This endpoint has been requested too many times. Try again later.")
    if alert_status(one, now) != "executable":
        raise Refusal(422, "Hook disabled")
    _sender().again(one, replace(found))
    return answer({"response_status": 200}, 201)
