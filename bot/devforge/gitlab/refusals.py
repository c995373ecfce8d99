"""Answers that are errors, in GitLab's words and forms."""

from flask import Response

from bot.devforge.call import Problem, answer
from bot.devforge.faults import Fault

_WORDS = {
    400: "400 Bad request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not found",
    405: "405 Method Not Allowed",
    409: "409 Conflict",
    422: "422 Unprocessable Entity",
    500: "500 Internal Server Error",
}


class Refusal(Problem):
    """An error with GitLab's `message`: words, a list of them, or lists by the field that they are about."""

    def __init__(self, status: int, words: str, told: object = None) -> None:
        super().__init__(status, words or str(told))
        self._told = words if told is None else told

    def response(self) -> Response:
        """Write the error as GitLab does."""
        return answer({"message": self._told}, self.status)


class TokenRefusal(Problem):
    """An error about the token itself, in the form of OAuth."""

    def __init__(self, status: int, error: str, description: str, scopes: tuple[str, ...] = ()) -> None:
        super().__init__(status, description)
        self._error = error
        self._scopes = scopes

    def response(self) -> Response:
        """Write the error as GitLab does."""
        body = {"error": self._error, "error_description": self.message}
        return answer({**body, "scope": " ".join(self._scopes)} if self._scopes else body, self.status)


def missing(what: str = "") -> Refusal:
    """Return the answer for what is not there or must not be seen."""
    return Refusal(404, f"404 {what} Not Found" if what else "404 Not found")


def unauthorized() -> Refusal:
    """Return the answer for nobody, and for who may not merge."""
    return Refusal(401, "401 Unauthorized")


def forbidden(reason: str = "") -> Refusal:
    """Return the answer for what somebody may not do."""
    return Refusal(403, f"403 Forbidden - {reason}" if reason else "403 Forbidden")


def bad_request(reason: str) -> Refusal:
    """Return the answer for a request that cannot be meant."""
    return Refusal(400, f"400 Bad request - {reason}")


def throttled(retry_after: int | None) -> Response:
    """Write what GitLab's throttle says, which is no JSON."""
    response = Response("Retry later\n", 429, content_type="text/plain")
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def fault_answer(fault: Fault) -> Response:
    """Write the error of a fault the way GitLab, or the proxy before it, words it."""
    if fault.status == 429:
        return throttled(fault.retry_after)
    if fault.status > 500:
        page = f"<html><head><title>GitLab is not responding ({fault.status})</title></head></html>\n"
        response = Response(page, fault.status, content_type="text/html; charset=utf-8")
    else:
        response = Refusal(fault.status, _WORDS.get(fault.status, str(fault.status))).response()
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response
