"""Projects, labels, protected branches and hooks."""

from flask import Blueprint, Response, request

from bot.devforge.call import SENDER, RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import LEVELS, Fields, on_project, page
from bot.devforge.gitlab.refusals import Refusal, missing
from bot.devforge.gitvalues import stamp
from bot.devforge.model import Delivery, Hook
from bot.devforge.webhooks import Sender, may_send_to
from bot.domain.change import Role

room = Blueprint("gitlab-projects", __name__)
FLAGS = {
    "push_events": "push",
    "issues_events": "issue",
    "note_events": "note",
    "merge_requests_events": "merge_request",
    "pipeline_events": "pipeline",
    "job_events": "job",
}


@on_project(room, "GET", "")
def project(call: RepoCall) -> Response:
    return answer(shapes.project(call.world, call.repo, call.user))


@on_project(room, "PUT", "", Role.MAINTAIN)
def change_project(call: RepoCall) -> Response:
    fields = Fields()
    call.repo.only_green = fields.flag("only_allow_merge_if_pipeline_succeeds", call.repo.only_green)
    methods, options = ("merge", "rebase_merge", "ff"), ("never", "always", "default_on", "default_off")
    call.repo.merge_method = fields.one_of("merge_method", methods, call.repo.merge_method)  # type: ignore[assignment]
    call.repo.squash_option = fields.one_of("squash_option", options, call.repo.squash_option)  # type: ignore[assignment]
    return answer(shapes.project(call.world, call.repo, call.user))


@on_project(room, "GET", "/labels")
def labels(call: RepoCall) -> Response:
    return page(list(call.repo.labels.values()), shapes.label)


@on_project(room, "POST", "/labels", Role.TRIAGE)
def make_label(call: RepoCall) -> Response:
    fields = Fields()
    name = fields.need("name")
    if name.lower() in call.repo.labels:
        raise Refusal(409, "Label already exists")
    one = call.world.label(call.repo, name)
    one.color, one.description = fields.need("color").removeprefix("#"), fields.text("description")
    return answer(shapes.label(one), 201)


@on_project(room, "GET", "/protected_branches/<name_of>", Role.WRITE)
def protected(call: RepoCall, name_of: str) -> Response:
    if name_of not in call.repo.protected:
        raise missing()
    nobody, mergers = [{"access_level": 0}], [{"access_level": LEVELS[call.repo.protected[name_of].mergers]}]
    return answer({"name": name_of, "push_access_levels": nobody, "merge_access_levels": mergers})


# --- hooks ----------------------------------------------------------------------------------------------------------
def _hook(call: RepoCall, hook_id: int) -> Hook:
    if hook_id not in call.repo.hooks:
        raise missing()
    return call.repo.hooks[hook_id]


def _sender() -> Sender:
    sender: Sender = request.environ[SENDER]
    return sender


def hook_shape(one: Hook) -> shapes.Json:
    """Write a hook; its secrets are never shown."""
    return {
        "id": one.id,
        "url": one.url,
        "created_at": stamp(one.created),
        "alert_status": "executable" if one.active else "disabled",
        "disabled_until": None,
        "enable_ssl_verification": True,
        **{flag: "*" in one.events or name in one.events for flag, name in FLAGS.items()},
    }


@on_project(room, "GET", "/hooks", Role.MAINTAIN)
def hooks(call: RepoCall) -> Response:
    return page(list(call.repo.hooks.values()), hook_shape)


@on_project(room, "POST", "/hooks", Role.MAINTAIN)
def make_hook(call: RepoCall) -> Response:
    fields = Fields()
    url = fields.need("url")
    if not may_send_to(url):
        raise Refusal(422, "Invalid url given")
    events = tuple(name for flag, name in FLAGS.items() if fields.flag(flag, flag == "push_events"))
    secret = fields.text("signing_token") or fields.text("token")
    one = Hook(call.world.next_id(), url, secret, events, call.world.now())
    call.repo.hooks[one.id] = one
    return answer(hook_shape(one), 201)


@on_project(room, "GET", "/hooks/<int:hook_id>", Role.MAINTAIN)
def hook(call: RepoCall, hook_id: int) -> Response:
    return answer(hook_shape(_hook(call, hook_id)))


@on_project(room, "DELETE", "/hooks/<int:hook_id>", Role.MAINTAIN)
def delete_hook(call: RepoCall, hook_id: int) -> Response:
    _hook(call, hook_id)
    del call.repo.hooks[hook_id]
    return answer(None, 204)


def event_shape(one: Delivery) -> shapes.Json:
    """Write what became of a delivery."""
    return {
        "id": one.id,
        "trigger": f"{one.event}_hooks",
        "url": "",
        "request_headers": {},
        "request_data": {},
        "response_headers": one.got_headers,
        "response_body": one.got_body,
        "response_status": str(one.code) if one.code else "internal error",
        "execution_duration": one.duration,
    }


@on_project(room, "GET", "/hooks/<int:hook_id>/events", Role.MAINTAIN)
def hook_events(call: RepoCall, hook_id: int) -> Response:
    return page(list(reversed(_hook(call, hook_id).deliveries)), event_shape)


@on_project(room, "POST", "/hooks/<int:hook_id>/events/<int:event_id>/resend", Role.MAINTAIN)
def resend(call: RepoCall, hook_id: int, event_id: int) -> Response:
    one = _hook(call, hook_id)
    for delivery in list(one.deliveries):
        if delivery.id == event_id:
            _sender().again(one, delivery)
            return answer({"response_status": 200}, 201)
    raise missing()
