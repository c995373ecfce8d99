"""What both SDKs have in common: one question is one request, in time, with errors in our words."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import httpx2

from bot.ports import Answer, Ask
from workers.models.errors import CallFailed
from workers.models.names import ToolNames
from workers.models.wire import Caller, first_listed, parse, timeout


class SdkModel(ABC):
    """One model behind one address. It never retries: the gateway does.

    With an empty `model` the first one that the server lists is used.
    """

    def __init__(self, vendor: str, model: str, api_key: str) -> None:
        self.vendor = vendor
        self.model = model
        self._key = api_key

    def ask(self, ask: Ask, *, deadline: float) -> Answer:
        """Answer within `deadline` seconds; raises CallFailed."""
        caller, wait = Caller(self.vendor, self.model, self._key), timeout(deadline)
        if not self.model:
            self.model = first_listed(caller, self._said(caller, lambda: self._list(wait)))
        body, names = self._request(ask)
        return self._answer(ask, parse(caller, self._said(caller, lambda: self._send(body, wait))), names)

    @property
    @abstractmethod
    def errors(self) -> type[Exception]:
        """The root of the SDK's errors; those with a `response` are HTTP statuses."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    def broken(self, why: str) -> CallFailed:
        """Return the error for an answer that cannot be read."""
        return Caller(self.vendor, self.model, self._key).broken(why)

    def _said(self, caller: Caller, call: Callable[[], httpx2.Response]) -> str:
        try:
            return call().text
        except httpx2.HTTPError as error:
            raise caller.broken(error) from error
        except self.errors as error:
            response = getattr(error, "response", None)
            if isinstance(response, httpx2.Response):
                raise caller.failed(response, getattr(error, "body", None)) from error
            raise caller.broken(error) from error

    @abstractmethod
    def _list(self, wait: httpx2.Timeout) -> httpx2.Response: ...

    @abstractmethod
    def _send(self, body: dict[str, Any], wait: httpx2.Timeout) -> httpx2.Response: ...

    @abstractmethod
    def _request(self, ask: Ask) -> tuple[dict[str, Any], ToolNames]: ...

    @abstractmethod
    def _answer(self, ask: Ask, value: dict[str, Any], names: ToolNames) -> Answer: ...
