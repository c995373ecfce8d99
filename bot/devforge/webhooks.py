"""Sends webhooks: signed, in order, one thread behind a bounded queue, ten seconds each, never again by itself."""

import base64
import hashlib
import hmac
import http.client
import json
import queue
import time
import uuid
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from bot.devforge.gitlab.hookstate import alert_status, answered
from bot.devforge.model import Delivery, Hook, Repository
from bot.devforge.world import World

_TIMEOUT = 10.0
_QUEUE = 2000
_KEPT = 65536


def may_send_to(url: str) -> bool:
    """Tell whether this is an http address on loopback, the only kind that this forge sends to."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")


def signature(secret: str, body: bytes) -> str:
    """Return the value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _gitlab_headers(hook: Hook, one: Delivery, instance: str) -> dict[str, str]:
    """Return the headers of GitLab's deliveries: a secret token goes along, a signing token (whsec_...) signs."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/19.0.0",
        "X-Gitlab-Event": f"{one.event.replace('_', ' ').title()} Hook",
        "X-Gitlab-Instance": instance,
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
        "X-Gitlab-Event-UUID": str(uuid.uuid4()),
        "Idempotency-Key": one.guid,
    }
    if hook.secret:
        headers["X-Gitlab-Token"] = hook.secret
    if not hook.signing:
        return headers
    at = str(int(one.at))
    key = base64.b64decode(hook.signing.removeprefix("whsec_"))
    mac = hmac.digest(key, f"{one.guid}.{at}.".encode() + one.body, "sha256")
    signature = "v1," + base64.b64encode(mac).decode()
    return {**headers, "webhook-id": one.guid, "webhook-timestamp": at, "webhook-signature": signature}


@dataclass(frozen=True, slots=True)
class _Letter:
    hook: Hook
    delivery: Delivery


class Sender:
    """The sending thread. `stop` drops what still waits; what is on its way gets its ten seconds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queue: queue.Queue[_Letter | None] = queue.Queue(_QUEUE)
        self._waiting = 0
        self._losses: dict[str, int] = {}
        self._stopping = False
        self._thread = Thread(target=self._work, name="devforge-webhooks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        while True:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
        self._queue.put(None)
        self._thread.join(timeout=_TIMEOUT + 5)

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits; read it under the world's lock."""
        return self._waiting == 0

    def emit(self, repo: Repository, event: str, body: dict[str, Any]) -> None:
        """Queue one event for every active hook of the repository that wants it; the caller holds the lock."""
        data = json.dumps(body).encode()
        for hook in (*repo.hooks.values(), *self._world.apps.hooks(repo)):
            if self._listens(hook) and ("*" in hook.events or event in hook.events):
                self._post(hook, self._delivery(hook, event, body.get("action"), data))

    def _listens(self, hook: Hook) -> bool:
        if self._world.dialect == "gitlab":
            return alert_status(hook, self._world.now()) == "executable"
        return hook.active

    def send(self, hook: Hook, event: str, body: bytes) -> None:
        """Queue one event for one hook, however that stands."""
        self._post(hook, self._delivery(hook, event, None, body))

    def ping(self, hook: Hook, body: dict[str, Any]) -> None:
        """Queue the first delivery of a new hook."""
        self._post(hook, self._delivery(hook, "ping", None, json.dumps(body).encode()))

    def again(self, hook: Hook, old: Delivery) -> None:
        """Queue a delivery once more: same GUID, same bytes, a new id."""
        delivery = self._delivery(hook, old.event, old.action, old.body)
        delivery.guid, delivery.redelivery = old.guid, True
        if self._world.dialect == "gitlab":
            delivery.sent_headers = _gitlab_headers(hook, delivery, self._world.address)
        else:
            delivery.sent_headers["X-GitHub-Delivery"] = old.guid
        self._post(hook, delivery)

    def lose(self, event: str, times: int) -> None:
        """Let the next deliveries of an event (`*`: of any) get lost on their way, as if the receiver were down."""
        self._losses[event] = self._losses.get(event, 0) + times

    def _lost(self, event: str) -> bool:
        for name in (event, "*"):
            if self._losses.get(name, 0) > 0:
                self._losses[name] -= 1
                return True
        return False

    def _delivery(self, hook: Hook, event: str, action: str | None, data: bytes) -> Delivery:
        one = Delivery(self._world.next_id(), str(uuid.uuid4()), event, action, data, self._world.now())
        if self._world.dialect == "gitlab":
            one.sent_headers = _gitlab_headers(hook, one, self._world.address)
            return one
        one.sent_headers = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/devforge",
            "X-GitHub-Delivery": one.guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-Type": "repository",
        }
        if hook.secret:
            one.sent_headers["X-Hub-Signature-256"] = signature(hook.secret, data)
        return one

    def _post(self, hook: Hook, delivery: Delivery) -> None:
        hook.deliveries.append(delivery)
        if self._lost(delivery.event):
            delivery.status = "failed to connect to host: lost on request"
            answered(hook, well=False, now=self._world.now())
            return
        try:
            self._queue.put_nowait(_Letter(hook, delivery))
            self._waiting += 1
        except queue.Full:
            delivery.status = "dropped: too many deliveries wait"

    def _work(self) -> None:
        while (letter := self._queue.get()) is not None and not self._stopping:
            self._send(letter.hook, letter.delivery)
            with self._world.lock:
                self._waiting -= 1
                self._world.moved.notify_all()

    def _send(self, hook: Hook, delivery: Delivery) -> None:
        parts = urlsplit(hook.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        started = time.monotonic()
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_TIMEOUT)
        try:
            connection.request("POST", path, delivery.body, delivery.sent_headers)
            response = connection.getresponse()
            text = response.read(_KEPT).decode(errors="replace")
            code, status, headers = response.status, response.reason or "OK", dict(response.getheaders())
        except TimeoutError:
            code, status, headers, text = 0, "timed out", {}, ""
        except (OSError, http.client.HTTPException) as error:
            code, status, headers, text = 0, f"failed to connect to host: {error}", {}, ""
        finally:
            connection.close()
        with self._world.lock:
            delivery.duration = time.monotonic() - started
            delivery.code, delivery.status = code, status if code == 0 or code >= 400 else "OK"
            delivery.got_headers, delivery.got_body = headers, text
            answered(hook, well=200 <= code < 400, now=self._world.now())
