"""Users, projects, members, labels and hooks."""

from flask import Blueprint, Response, request

from bot.devforge.call import SENDER, Call, RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import LEVELS, Fields, Refusal, missing, on, on_project, page
from bot.devforge.gitvalues import stamp
from bot.devforge.model import Delivery, Hook, User
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


@on(room, "GET", "/user")
def me(call: Call) -> Response:
    return answer(shapes.own_user(call.world, _somebody(call)))


@on(room, "GET", "/users")
def users(call: Call) -> Response:
    wanted = request.args.get("username", "").lower()
    found = [one for one in call.world.users.values() if not wanted or one.login.lower() == wanted]
    return page(found, lambda one: shapes.user(call.world, one))


@on(room, "GET", "/users/<int:user_id>")
def user(call: Call, user_id: int) -> Response:
    return answer(shapes.full_user(call.world, _user(call, user_id)))


@on(room, "GET", "/personal_access_tokens/self")
def token(call: Call) -> Response:
    one = _somebody(call)
    scopes = ["api"] if call.access.at_least(Role.WRITE) else ["read_api", "read_repository"]
    return answer(
        {
            "id": one.id,
            "name": "token",
            "revoked": False,
            "active": True,
            "created_at": stamp(one.created),
            "scopes": scopes,
            "user_id": one.id,
            "last_used_at": None,
            "expires_at": stamp(one.created + 86400 * 300)[:10],
        }
    )


def _somebody(call: Call) -> User:
    if call.user is None:
        raise Refusal(401, "401 Unauthorized")
    return call.user


def _user(call: Call, user_id: int) -> User:
    for one in call.world.users.values():
        if one.id == user_id:
            return one
    raise missing("User")


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


@on_project(room, "GET", "/members/all")
def members(call: RepoCall) -> Response:
    ids = {int(part) for part in request.args.get("user_ids", "").split(",") if part.isdigit()}
    found = [one for one in _members(call) if not ids or one.id in ids]
    return page(found, lambda one: shapes.member(call.world, call.repo, one))


@on_project(room, "GET", "/members/all/<int:user_id>")
def member(call: RepoCall, user_id: int) -> Response:
    for one in _members(call):
        if one.id == user_id:
            return answer(shapes.member(call.world, call.repo, one))
    raise missing()


def _members(call: RepoCall) -> list[User]:
    names = {call.repo.owner.login, *(name for name, role in call.repo.roles.items() if role is not Role.NONE)}
    return [call.world.users[name] for name in sorted(names)]


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
