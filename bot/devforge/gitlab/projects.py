"""Projects, labels and protected branches."""

from flask import Blueprint, Response

from bot.devforge.call import RepoCall, answer
from bot.devforge.gitlab import shapes
from bot.devforge.gitlab.call import LEVELS, Fields, on_project, page
from bot.devforge.gitlab.refusals import Refusal, missing
from bot.domain.change import Role

room = Blueprint("gitlab-projects", __name__)


@on_project(room, "GET", "")
def project(call: RepoCall) -> Response:
    return answer(shapes.project(call.world, call.repo, call.user))


@on_project(room, "PUT", "", Role.MAINTAIN)
def change_project(call: RepoCall) -> Response:
    fields = Fields()
    call.repo.only_green = fields.flag("only_allow_merge_if_pipeline_succeeds", call.repo.only_green)
    resolved = "only_allow_merge_if_all_discussions_are_resolved"
    call.repo.only_resolved = fields.flag(resolved, call.repo.only_resolved)
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
