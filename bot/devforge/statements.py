"""Reads the statement (a JSON Web Token) by which an app says who it is, as strictly as GitHub does."""

import jwt

from bot.devforge.apps import App, Apps
from bot.devforge.call import Problem

_LONGEST = 600


def app_of(apps: Apps, statement: str, now: float) -> App:
    """Return the app that signed a statement; raises GitHub's 401s, and its 404 for an app that is unknown."""
    unread = Problem(401, "A JSON web token could not be decoded")
    try:
        issuer = jwt.decode(statement, options={"verify_signature": False}).get("iss")
    except jwt.InvalidTokenError:
        raise unread from None
    if issuer is None:
        raise Problem(401, "Missing 'issuer' claim ('iss') in assertion")
    app = apps.by_issuer(str(issuer))
    if app is None:
        raise Problem(404, "Integration not found")
    try:  # the times are checked by the forge's own clock, below
        claims = jwt.decode(
            statement, app.public_key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
        )
    except jwt.InvalidTokenError:
        raise unread from None
    _check_times(claims.get("iat"), claims.get("exp"), now)
    return app


def _check_times(made: object, until: object, now: float) -> None:
    if not isinstance(made, int | float) or made > now:
        raise Problem(
            401,
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        )
    if not isinstance(until, int | float) or until <= now:
        raise Problem(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires",
        )
    if until > now + _LONGEST:
        raise Problem(401, "'Expiration time' claim ('exp') is too far in the future")
