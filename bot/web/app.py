"""The receiver: takes signed webhooks in, says how it is."""

from collections.abc import Callable

from flask import Flask, Response, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import HTTPException

from bot.bootstrap import Receiver
from bot.domain.errors import BadBody, BadSignature, JourneymanError
from bot.forges.registry import read
from bot.services.receive import receive
from bot.web.metrics import Metrics
from bot.web.server import Refuse

STATUS = {"accepted": 202, "known": 200, "uninteresting": 200}


def create_app(receiver: Receiver, log: Callable[..., None]) -> tuple[Flask, Refuse]:
    """Return the WSGI application, and what answers requests that do not get as far as that."""
    app = Flask(__name__, static_folder=None)
    metrics = Metrics(receiver.store)

    @app.post("/webhooks/<forge>")
    def webhook(forge: str) -> tuple[Response, int]:
        secrets = receiver.secrets.get(forge)
        if secrets is None:
            return _answer("no such forge", f"no webhook secret is set for a forge called {forge[:40]!r}", 404)
        try:
            delivery, event = read(forge, dict(request.headers.items()), request.get_data(), secrets)
        except BadSignature as error:
            return _answer("bad signature", str(error), 401)
        except BadBody as error:
            return _answer("bad body", str(error), 400)
        receipt = receive(receiver.store.ledger, receiver.queue, delivery, event)
        return _answer(receipt.outcome, receipt.reason, STATUS[receipt.outcome])

    def _answer(outcome: str, reason: str, status: int) -> tuple[Response, int]:
        metrics.deliveries.labels(outcome).inc()
        log("delivery", outcome=outcome, reason=reason, status=status)
        return jsonify(outcome=outcome, reason=reason), status

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        try:
            receiver.store.jobs.counts()
        except JourneymanError as error:
            return jsonify(status="not ready", database=str(error)), 503
        queue = "configured" if receiver.queue_configured else "none: jobs wait until a worker sweeps"
        return jsonify(status="ready", database="ok", queue=queue), 200

    @app.get("/metrics")
    def show_metrics() -> Response:
        return Response(metrics.render(), content_type=CONTENT_TYPE_LATEST)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[Response, int]:
        return jsonify(outcome="refused", reason=error.description), error.code or 500

    @app.errorhandler(Exception)
    def broken(error: Exception) -> tuple[Response, int]:
        log("crashed", level="error", error=f"{type(error).__name__}: {error}", exc_info=True)
        return jsonify(outcome="failed", reason="an error of ours; the delivery was not stored, send it again"), 500

    limit = f"the body is larger than {receiver.max_body} bytes (JOURNEYMAN_MAX_BODY_BYTES)"
    known = {413: ("too large", limit), 408: ("too slow", "the request did not come whole in time; send it again")}

    def refuse(status: int, reason: str) -> bytes:
        outcome, reason = known.get(status, ("refused", reason))
        with app.app_context():
            return _answer(outcome, reason, status)[0].get_data()

    return app, refuse
