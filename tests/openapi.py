"""Holds requests and answers against GitHub's own description of its REST API, which lies beside the project.

The description is read once per process. Where it is absent, `needs_spec` skips the test and says so.
"""

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_schema_validator import OAS30ReadValidator, oas30_format_checker
from referencing import Registry
from referencing.jsonschema import DRAFT4
from werkzeug.datastructures import Headers, ImmutableMultiDict

SPEC = Path(__file__).resolve().parents[2] / "shared" / "specs" / "github-rest-openapi.json.gz"
PREFIX = "/api/v3"
needs_spec = pytest.mark.skipif(not SPEC.exists(), reason=f"GitHub's description is not at {SPEC}")

# these parameters may hold slashes, in GitHub's own usage too
_WIDE = {"ref", "branch", "basehead"}


class SpecViolation(AssertionError):
    """A request or an answer is not as GitHub describes it; the message says which and why."""


@dataclass(frozen=True)
class _Request:
    """What openapi-core wants to know of a request; `path_pattern` is the template that we have found ourselves."""

    host_url: str
    path: str
    path_pattern: str
    method: str
    parameters: RequestParameters
    body: bytes | None = None
    content_type: str = ""


@dataclass(frozen=True)
class _Response:
    """What openapi-core wants to know of an answer."""

    status_code: int
    content_type: str
    data: bytes | None
    headers: Headers = field(default_factory=Headers)


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the description, without the turns of phrase that validators take more literally than GitHub does.

    A nullable enumeration or union does not list null although GitHub sends it, and a discriminator sits on unions
    that hold lists; the union itself stays and is checked.
    """
    with gzip.open(SPEC, "rt", encoding="utf-8") as file:
        loaded: dict[str, Any] = json.load(file)
    _soften(loaded)
    return loaded


def _soften(node: Any) -> None:
    if isinstance(node, list):
        for child in node:
            _soften(child)
    if not isinstance(node, dict):
        return
    if node.get("nullable") is True and isinstance(node.get("enum"), list) and None not in node["enum"]:
        node["enum"].append(None)
    if node.get("nullable") is True and isinstance(node.get("oneOf"), list) and "type" not in node:
        node["oneOf"].append({"type": "object", "nullable": True, "enum": [None]})
    if isinstance(node.get("discriminator"), dict) and ("oneOf" in node or "anyOf" in node):
        del node["discriminator"]
    for child in node.values():
        _soften(child)


@lru_cache
def _api(template: str) -> OpenAPI:
    """Return the description with this path alone: the library looks through all of them for every request."""
    one = {**document(), "paths": {template: document()["paths"][template]}}
    return OpenAPI.from_dict(one, config=Config(spec_validator_cls=None))


@lru_cache(maxsize=1)
def _routes() -> list[tuple[re.Pattern[str], str]]:
    """Return (pattern, template), the most literal template first."""
    rows = []
    for template in document()["paths"]:
        wild = re.sub(
            r"\{(\w+)\}",
            lambda m: f"(?P<{m[1]}>{'.*' if m[1] == 'path' else '.+' if m[1] in _WIDE else '[^/]+'})",
            template,
        )
        rows.append((template.count("{"), -len(template), re.compile(wild + "$"), template))
    return [(pattern, template) for _, _, pattern, template in sorted(rows, key=lambda row: row[:2])]


def operation(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Return the template and the path parameters of a call; raises SpecViolation when GitHub has no such call."""
    bare = urlsplit(path).path.removeprefix(PREFIX)
    if method.upper() == "GET":
        # an old address that GitHub keeps without describing it, and that PyGithub asks
        bare = re.sub(r"^(/repos/[^/]+/[^/]+)/statuses/(.+)$", r"\1/commits/\2/statuses", bare)
    found = [
        (template, {name: unquote(value) for name, value in match.groupdict().items()})
        for pattern, template in _routes()
        if (match := pattern.match(bare)) and method.lower() in document()["paths"][template]
    ]
    if not found:
        raise SpecViolation(f"GitHub's description has no {method} {bare}")
    # the most literal template wins: /commits/{ref}/status, not /commits/{ref}
    return max(found, key=lambda row: len(re.sub(r"\{\w+\}", "", row[0])))


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> _Request:
    template, variables = operation(method, path)
    split = urlsplit(path)
    parameters = RequestParameters(
        query=ImmutableMultiDict(parse_qsl(split.query)), header=Headers(dict(headers)), path=variables
    )
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    kind = kind or ("application/json" if body else "")
    bare = split.path.removeprefix(PREFIX)
    return _Request("https://api.github.com", bare, template, method.lower(), parameters, body, kind)


def validate_request(method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> None:
    """Raise SpecViolation when a request (path with its query, with or without /api/v3) is not as GitHub takes it."""
    request = _request(method, path, headers, body)
    api = _api(request.path_pattern)
    errors = [error for error in api.iter_request_errors(request) if "Security" not in type(error).__name__]
    if errors:
        raise SpecViolation(f"request {method} {path}: {_explain(errors)}")


def validate_response(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise SpecViolation when an answer is not as GitHub gives it.

    Errors that GitHub gives everywhere without describing them (401, 404, 5xx ...) are held against `basic-error`.
    """
    template, _ = operation(method, path)
    described = document()["paths"][template][method.lower()]["responses"]
    if status == 304 or (status >= 400 and str(status) not in described):
        _check_undescribed(method, path, status, body)
        return
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    response = _Response(status, kind.partition(";")[0], body or None, Headers(dict(headers)))
    if status == 204 or (status >= 400 and "content" not in _resolve(described[str(status)])):
        return
    errors = list(_api(template).iter_response_errors(_request(method, path, {}, None), response))
    if errors:
        raise SpecViolation(f"answer {status} to {method} {path}: {_explain(errors)}")


def _resolve(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    target: Any = document()
    for part in node["$ref"].removeprefix("#/").split("/"):
        target = target[part]
    return dict(target)


def _check_undescribed(method: str, path: str, status: int, body: bytes) -> None:
    if status == 304:
        if body:
            raise SpecViolation(f"answer 304 to {method} {path} has a body")
        return
    error = json.loads(body)
    if not isinstance(error.get("message"), str) or not isinstance(error.get("documentation_url"), str):
        raise SpecViolation(f"answer {status} to {method} {path} is no error of GitHub's: {body[:200]!r}")


def _explain(errors: list[Any]) -> str:
    lines = []
    for error in errors:
        cause = error.__cause__
        for one in getattr(cause, "schema_errors", None) or [cause or error]:
            where = "/".join(str(part) for part in getattr(one, "absolute_path", ()))
            deeper = "; ".join(
                f"{'/'.join(str(p) for p in inner.absolute_path)}: {inner.message[:120]}"
                for inner in list(getattr(one, "context", None) or [])[:6]
            )
            lines.append(f"{where or type(error).__name__}: {getattr(one, 'message', str(one))[:300]} {deeper}".strip())
    return "\n  ".join(lines[:8])


@lru_cache(maxsize=1)
def _registry() -> Registry[Any]:
    return Registry().with_resource("urn:github", DRAFT4.create_resource(document()))


def validate_webhook(event: str, body: dict[str, Any]) -> None:
    """Raise SpecViolation when a webhook's body is not as GitHub sends it."""
    action = body.get("action")
    name = event.replace("_", "-") + (f"-{action.replace('_', '-')}" if action else "")
    schemas = document()["components"]["schemas"]
    if f"webhook-{name}" not in schemas:
        raise SpecViolation(f"GitHub's description has no webhook {name}")
    validator = OAS30ReadValidator(
        {"$ref": f"urn:github#/components/schemas/webhook-{name}"},
        registry=_registry(),
        format_checker=oas30_format_checker,
    )
    errors = list(validator.iter_errors(body))
    if errors:
        raise SpecViolation(f"webhook {name}: {_explain(errors)}")
