"""The rate limit of each token: by the hour on GitHub, by the minute on GitLab."""

from dataclasses import dataclass

from flask import Response, request
from werkzeug.http import http_date

from bot.devforge.call import bearer
from bot.devforge.world import World

_HOUR, _MINUTE = 3600, 60


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests a token has in this hour or minute; `reset` is when the next one starts."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    @property
    def exhausted(self) -> bool:
        return self.used > self.limit


def caller(world: World) -> str:
    """Return what the limit is counted by: a token that is known, or the address."""
    value = bearer()
    return value if value and value in world.tokens else request.remote_addr or ""


def budget(world: World, key: str, *, spend: int) -> Budget:
    """Count requests of a token and return where it stands."""
    github = world.dialect == "github"
    period = _HOUR if github else _MINUTE
    reset = (int(world.now()) // period + 1) * period
    with world.lock:
        end, used = world.spent.get(key, (reset, 0))
        used = (used if end == reset else 0) + spend
        world.spent[key] = (reset, used)
    return Budget(world.hourly_limit if github else world.minute_limit, used, reset)


def write_headers(response: Response, rate: Budget, *, gitlab: bool) -> None:
    """Put the forge's rate limit headers on an answer."""
    common = {"Limit": rate.limit, "Remaining": rate.remaining, "Reset": rate.reset}
    told = {"Observed": rate.used} if gitlab else {"Used": min(rate.used, rate.limit), "Resource": "core"}
    for name, value in {**common, **told}.items():
        response.headers[f"{'' if gitlab else 'X-'}RateLimit-{name}"] = str(value)
    if gitlab:
        response.headers["RateLimit-Name"] = "throttle_authenticated_api"
        response.headers["RateLimit-ResetTime"] = http_date(rate.reset)
