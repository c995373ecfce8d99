"""What GitLab's hooks could not deliver, and having it sent again."""

from urllib.parse import urlsplit

from msgspec import Struct, field

from bot.forges.gitlab.wire import Wire

OURS = "/webhooks/gitlab"
_MOST = 5  # GitLab takes no more in a minute
_TRIES = 3


class Hook(Struct):
    """A hook of a project; GitLab switches one off that fails too often."""

    id: int
    url: str
    alert_status: str = "executable"


class Sent(Struct):
    """One attempt to deliver; all attempts of one delivery have the same idempotency key."""

    id: int
    response_status: str | int | None = None
    request_headers: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return {name.lower(): value for name, value in self.request_headers.items()}.get(
            "idempotency-key", str(self.id)
        )

    @property
    def came(self) -> bool:
        return str(self.response_status or "").startswith("2")


class _Resent(Struct):
    pass


def resend(wire: Wire, place: str) -> int:
    """Have what our hooks of a project could not deliver sent again (GitLab keeps it for a week); return how many.

    A delivery that came in a later attempt, or was tried three times, is left. Raises Denied or NotFound where the
    credential may not see hooks (that takes the Maintainer role).
    """
    hooks = [one for one in wire.list(f"{place}/hooks", Hook) if urlsplit(one.url).path.endswith(OURS)]
    asked = 0
    for hook in hooks:
        path = f"{place}/hooks/{hook.id}/events"
        for one in lost(wire.list(path, Sent))[: _MOST - asked]:
            wire.write("post", f"{path}/{one.id}/resend", _Resent)
            asked += 1
    return asked


def lost(found: list[Sent]) -> list[Sent]:
    """Return one attempt of each delivery that never came, the oldest first."""
    tries: dict[str, list[Sent]] = {}
    for one in found:
        tries.setdefault(one.key, []).append(one)
    never = [made[-1] for made in tries.values() if len(made) < _TRIES and not any(one.came for one in made)]
    return sorted(never, key=lambda one: one.id)
