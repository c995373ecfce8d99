"""Who asks, and whether their token is still good and allows it: by its scopes, not by what it is called."""

from bot.devforge.call import Call, bearer
from bot.devforge.gitlab.refusals import TokenRefusal, forbidden, unauthorized
from bot.devforge.model import Token
from bot.devforge.world import World
from bot.domain.change import Role

READING, WRITING = ("api", "read_api"), ("api",)
PEOPLE = (*READING, "read_user")
FILES = (*READING, "read_repository")
ROTATING = ("api", "self_rotate")
ANY = ("any",)
FETCHING, PUSHING = ("api", "read_repository", "write_repository"), ("api", "write_repository")


def caller(world: World, scopes: tuple[str, ...]) -> Call:
    """Read who asks; raises GitLab's 401 or 403 for a token that is not taken, or not for this."""
    token = shown(world)
    if token is None:
        return Call(world, None, Role.READ)
    if token.revoked:
        words = "Token was revoked. You have to re-authorize from the user."
        raise TokenRefusal(401, "invalid_token", words)
    if token.expired(world.now()):
        words = "Token is expired. You can either do re-authorization or token refresh."
        raise TokenRefusal(401, "invalid_token", words)
    if token.user.state == "blocked":
        raise forbidden("Your account has been blocked.")
    if scopes != ANY and not set(scopes) & set(token.scopes):
        words = "The request requires higher privileges than provided by the access token."
        raise TokenRefusal(403, "insufficient_scope", words, scopes)
    return Call(world, token.user, token.access if "api" in token.scopes else Role.ADMIN)


def shown(world: World) -> Token | None:
    """Return the token of the request, good or not; None when none is shown, 401 for one that is unknown."""
    value = bearer()
    if value is None:
        return None
    token = world.tokens.get(value)
    if token is None:
        raise unauthorized()
    return token


def may(token: Token, scopes: tuple[str, ...], now: float) -> bool:
    """Tell whether git may use a token."""
    return token.good(now) and token.user.state == "active" and bool(set(scopes) & set(token.scopes))
