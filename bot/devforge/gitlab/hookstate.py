"""When GitLab sends to a hook and when not: after four failures in a row it pauses, after forty it is switched off."""

from typing import Literal

from bot.devforge.model import Hook

_GRACE, _LAST = 3, 39
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 86400.0


def alert_status(hook: Hook, now: float) -> Literal["executable", "temporarily_disabled", "disabled"]:
    """Return how a hook stands."""
    if hook.failures > _LAST:
        return "disabled"
    paused = hook.failures > _GRACE and hook.disabled_until is not None and hook.disabled_until >= now
    return "temporarily_disabled" if paused else "executable"


def answered(hook: Hook, *, well: bool, now: float) -> None:
    """Count an answer (2xx and 3xx are good ones): each failure past the third doubles the pause."""
    if well:
        hook.failures, hook.disabled_until = 0, None
    elif alert_status(hook, now) == "executable":
        if hook.failures >= _GRACE:
            doubled = _FIRST_PAUSE * 2.0 ** (hook.failures - _GRACE)
            hook.disabled_until = now + min(doubled, _LONGEST_PAUSE)
        hook.failures += 1
