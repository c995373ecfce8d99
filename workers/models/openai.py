"""The OpenAI chat wire: OpenAI itself, vLLM, TensorRT-LLM and whatever else speaks it, through the real SDK."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from json import dumps
from typing import TYPE_CHECKING, Any, Literal

import httpx2

from bot.ports import Answer, Ask, Opaque, Part, Text, ToolCall, ToolResult, Turn
from workers.models.names import ToolNames
from workers.models.parsing import arguments, calls_in_text, scrub
from workers.models.sdk import SdkModel
from workers.models.transcript import Stop, call_id, fit, position
from workers.models.wire import CUT_OFF, bounded_client, count, fields, shown_schema

if TYPE_CHECKING:
    import openai

BASE_URL = "https://api.openai.com/v1"

_STOPS: dict[str, Stop] = {
    "stop": "end",
    "tool_calls": "tool",
    "function_call": "tool",
    "length": "length",
    "content_filter": "filtered",
}
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a server departs from OpenAI's own.

    `lenient` reads near-JSON arguments and calls written as plain text, which models without a tool parser produce.
    """

    max_tokens_field: Literal["max_completion_tokens", "max_tokens"] = "max_completion_tokens"
    force_tool: bool = True
    lenient: bool = False


CLOUD = Quirks()
ON_PREM = Quirks(max_tokens_field="max_tokens", force_tool=False, lenient=True)


class OpenAIModel(SdkModel):
    """One model behind an OpenAI-compatible address; `quirks` are ON_PREM's for any address but OpenAI's own."""

    @property
    def errors(self) -> type[Exception]:
        """What the SDK raises."""
        import openai  # takes seconds, and only a model that is asked needs it

        return openai.OpenAIError

    def __init__(
        self,
        model: str,
        *,
        api_key: str,
        base_url: str | None = None,
        vendor: str = "openai",
        http_client: httpx2.Client | None = None,
        quirks: Quirks | None = None,
    ) -> None:
        super().__init__(vendor, model, api_key)
        self._quirks = quirks or (CLOUD if base_url is None else ON_PREM)
        self._base_url = base_url or BASE_URL
        self._http = http_client

    def close(self) -> None:
        """Close the connections."""
        if "_client" in vars(self):
            self._client.close()

    @cached_property
    def _client(self) -> "openai.OpenAI":
        # Made at the first question, so that naming a candidate costs nothing.
        import openai

        http = self._http or bounded_client()
        return openai.OpenAI(api_key=self._key or "none", base_url=self._base_url, max_retries=0, http_client=http)

    def _list(self, wait: httpx2.Timeout) -> httpx2.Response:
        return self._client.models.with_raw_response.list(timeout=wait).http_response

    def _send(self, body: dict[str, Any], wait: httpx2.Timeout) -> httpx2.Response:
        return self._client.chat.completions.with_raw_response.create(**body, timeout=wait).http_response

    def _request(self, ask: Ask) -> tuple[dict[str, Any], ToolNames]:
        return request(ask, vendor=self.vendor, model=self.model, quirks=self._quirks)

    def _answer(self, ask: Ask, value: dict[str, Any], names: ToolNames) -> Answer:
        choices = value.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None
        message = choice.get("message") if choice else None
        if choice is None or not isinstance(message, dict):
            raise self.broken("the answer holds no message")
        reason = str(choice.get("finish_reason") or "")
        cut = reason == "length"
        reader = _Reader(ask, names, self._quirks, cut)
        parts = reader.parts(message, self.vendor, self.model)
        usage = fields(value, "usage")
        stop, detail = _stop(reason, message, parts)
        return Answer(
            turn=Turn("assistant", tuple(parts)),
            stop=stop,
            vendor=self.vendor,
            model=self.model,
            input_tokens=count(usage.get("prompt_tokens")),
            output_tokens=count(usage.get("completion_tokens")),
            detail=detail,
        )


def request(ask: Ask, *, vendor: str, model: str, quirks: Quirks) -> tuple[dict[str, Any], ToolNames]:
    """Return the body of a chat completion request, and the names used in it. Pure."""
    turns = fit(ask.turns, vendor=vendor, model=model)
    seen = [part.name for turn in turns for part in turn.parts if isinstance(part, ToolCall)]
    names = ToolNames([tool.name for tool in ask.tools], seen)
    messages: list[dict[str, Any]] = [{"role": "system", "content": scrub(ask.system)}] if ask.system else []
    for turn in turns:
        messages += _assistant(turn, names) if turn.role == "assistant" else _user(turn.parts)
    body: dict[str, Any] = {"model": model, "messages": messages, quirks.max_tokens_field: ask.max_tokens}
    if ask.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": names.to_wire(tool.name),
                    "description": scrub(tool.description),
                    "parameters": shown_schema(tool.schema),
                },
            }
            for tool in ask.tools
        ]
        if ask.force_tool and quirks.force_tool:
            body["tool_choice"] = "required"
    return body, names


def _assistant(turn: Turn, names: ToolNames) -> list[dict[str, Any]]:
    message: dict[str, Any] = {"role": "assistant", "content": _joined(turn.parts)}
    for part in turn.parts:
        if isinstance(part, Opaque):
            message |= part.data
    calls = [
        {
            "id": part.id,
            "type": "function",
            "function": {"name": names.to_wire(part.name), "arguments": dumps(part.arguments)},
        }
        for part in turn.parts
        if isinstance(part, ToolCall)
    ]
    return [message | {"tool_calls": calls} if calls else message]


def _user(parts: Sequence[Part]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [
        {
            "role": "tool",
            "tool_call_id": part.id,
            # This wire has no flag for a failed call.
            "content": f"[error] {part.content}" if part.is_error else part.content,
        }
        for part in parts
        if isinstance(part, ToolResult)
    ]
    text = _joined(parts)
    return [*messages, {"role": "user", "content": text}] if text else messages


def _joined(parts: Sequence[Part]) -> str:
    return "\n\n".join(part.text for part in parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class _Reader:
    ask: Ask
    names: ToolNames
    quirks: Quirks
    cut: bool

    def parts(self, message: dict[str, Any], vendor: str, model: str) -> list[Part]:
        found: list[Part] = []
        if reasoning := message.get("reasoning_content"):
            found.append(Opaque(vendor, model, {"reasoning_content": reasoning}))
        text = _content(message.get("content")) or str(message.get("refusal") or "")
        calls = self._calls(message)
        if not calls and self.quirks.lenient and not self.cut:
            spoken = _THOUGHT.sub("", text)
            offered = {name for tool in self.ask.tools for name in (tool.name, self.names.to_wire(tool.name))}
            calls = [(name, given, "") for name, given in calls_in_text(spoken, offered)]
            text = "" if calls else text
        if text:
            found.append(Text(scrub(text)))
        number = position(self.ask.turns)
        last = len(calls) - 1
        for index, (name, given, problem) in enumerate(calls):
            told = problem or (CUT_OFF if self.cut and index == last else "")
            arguments_ = {} if told else given
            found.append(ToolCall(call_id(number, index), self.names.from_wire(scrub(name)), arguments_, told))
        return found

    def _calls(self, message: dict[str, Any]) -> list[tuple[str, dict[str, Any], str]]:
        listed = message.get("tool_calls")
        rows = [row.get("function") for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        if not rows and message.get("function_call"):
            rows = [message["function_call"]]
        read = []
        for row in rows:
            function = row if isinstance(row, dict) else {}
            given, problem = arguments(function.get("arguments"), lenient=self.quirks.lenient)
            read.append((str(function.get("name") or ""), given, problem))
        return read


def _content(content: object) -> str:
    if isinstance(content, list):
        return "".join(str(piece.get("text") or "") for piece in content if isinstance(piece, dict))
    return content if isinstance(content, str) else ""


def _stop(reason: str, message: dict[str, Any], parts: Sequence[Part]) -> tuple[Stop, str]:
    if message.get("refusal"):
        return "refusal", str(message["refusal"])[:300]
    stop = _STOPS.get(reason, "other")
    if stop in ("end", "tool", "other"):
        # Servers disagree on the reason when there are calls; the calls themselves do not lie.
        if any(isinstance(part, ToolCall) for part in parts):
            return "tool", ""
        stop = "end" if stop == "tool" else stop
    return stop, "" if stop != "other" else f"finish_reason {reason!r}"
