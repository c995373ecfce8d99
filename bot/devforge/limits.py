"""The hourly rate limit of each token."""

from dataclasses import dataclass

from flask import Response, request

from bot.devforge.call import bearer
from bot.devforge.world import World

_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Budget:
    """How many requests a token has this hour; `reset` is when the next hour starts."""

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
    reset = (int(world.now()) // _HOUR + 1) * _HOUR
    with world.lock:
        hour, used = world.spent.get(key, (reset, 0))
        used = (used if hour == reset else 0) + spend
        world.spent[key] = (reset, used)
    return Budget(world.hourly_limit, used, reset)


def write_headers(response: Response, rate: Budget) -> None:
    """Put GitHub's rate limit headers on an answer."""
    for name, value in (
        ("Limit", rate.limit),
        ("Remaining", rate.remaining),
        ("Reset", rate.reset),
        ("Used", min(rate.used, rate.limit)),
        ("Resource", "core"),
    ):
        response.headers[f"X-RateLimit-{name}"] = str(value)
