"""Rulesets: what they ask of a branch, and whether who asks could go round them. They are shown, not enforced."""

from typing import Any

from flask import Blueprint, Response

from bot.devforge.apps import Ruleset
from bot.devforge.call import RepoCall, answer, not_found, on_repo, page
from bot.devforge.gitvalues import stamp
from bot.devforge.shapes.repos import html, root

room = Blueprint("rules", __name__)


def _sets(call: RepoCall) -> list[Ruleset]:
    return call.world.apps.rulesets.get(call.repo.full_name.lower(), [])


@on_repo(room, "GET", "/rules/branches/<path:branch>")
def rules(call: RepoCall, branch: str) -> Response:
    about = {"ruleset_source_type": "Repository", "ruleset_source": call.repo.full_name}
    rows = [
        {**rule, **about, "ruleset_id": one.id} for one in _sets(call) if one.branch == branch for rule in _rules(one)
    ]
    return page(rows, dict)


@on_repo(room, "GET", "/rulesets/<int:number>")
def ruleset(call: RepoCall, number: int) -> Response:
    one = next((found for found in _sets(call) if found.id == number), None)
    if one is None:
        raise not_found()
    login = call.user.login if call.user else ""
    body = {
        "id": one.id,
        "name": one.name,
        "target": "branch",
        "source_type": "Repository",
        "source": call.repo.full_name,
        "enforcement": "active",
        "current_user_can_bypass": "always" if login in one.bypass else "never",
        "node_id": f"RRS_{one.id}",
        "_links": {
            "self": {"href": f"{root(call.world, call.repo)}/rulesets/{one.id}"},
            "html": {"href": f"{html(call.world, call.repo)}/rules/{one.id}"},
        },
        "conditions": {"ref_name": {"include": [f"refs/heads/{one.branch}"], "exclude": []}},
        "rules": _rules(one),
        "created_at": stamp(one.created),
        "updated_at": stamp(one.created),
    }
    return answer(body)


def _rules(one: Ruleset) -> list[dict[str, Any]]:
    source = {} if one.source is None else {"integration_id": one.source}
    checks = [{"context": name, **source} for name in one.contexts]
    rules: list[dict[str, Any]] = [{"type": "deletion"}]
    if checks:
        asked = {"required_status_checks": checks, "strict_required_status_checks_policy": False}
        rules.append({"type": "required_status_checks", "parameters": asked})
    return rules
