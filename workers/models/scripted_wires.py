"""Both vendors' wires seen from the server: what a request says, whether it is lawful, and how an answer is written."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from json import dumps, loads
from typing import Any, Literal, Protocol

from workers.models.script import Reply, ScriptCall

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OPENAI_STOPS = {
    "end": "stop", "end_turn": "stop", "stop_sequence": "stop", "tool": "tool_calls", "tool_use": "tool_calls",
    "max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "stop", "filtered": "content_filter",
}  # fmt: skip
_ANTHROPIC_STOPS = {
    "end": "end_turn", "stop": "end_turn", "tool": "tool_use", "tool_calls": "tool_use", "length": "max_tokens",
    "filtered": "refusal", "content_filter": "refusal",
}  # fmt: skip
Stream = Iterator[tuple[str, dict[str, Any] | str]]


@dataclass(frozen=True, slots=True)
class Heard:
    """What a request says, whatever its wire. `beginning` names the dialogue, `wire_names` are the tools offered."""

    position: int
    beginning: str
    output: str
    wire_names: tuple[str, ...]
    model: str
    stream: bool


class Wire(Protocol):
    """One vendor's wire."""

    def hear(self, body: Mapping[str, Any]) -> Heard:
        """Read a request; raises ValueError saying what the real server would refuse."""
        ...

    def answer(self, reply: Reply, heard: Heard) -> dict[str, Any]:
        """Return the body of an answer."""
        ...

    def events(self, reply: Reply, heard: Heard) -> Stream:
        """Return the (name, data) events of a streamed answer; the name is "" where the wire has none."""
        ...

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return the body of an error."""
        ...


class OpenAIWire:
    """Chat completions."""

    def hear(self, body: Mapping[str, Any]) -> Heard:
        """Read a request; raises ValueError."""
        messages = _list(body, "messages")
        open_calls: set[str] = set()
        for message in messages:
            if message["role"] == "tool":
                _need(message["tool_call_id"] in open_calls, "a tool message answers no open call")
                open_calls.remove(message["tool_call_id"])
                continue
            _need(not open_calls, f"tool calls without a result: {sorted(open_calls)}")
            calls = message.get("tool_calls", [])
            for call in calls:
                _legal(call["function"]["name"])
                _need(isinstance(loads(call["function"]["arguments"]), dict), "arguments are not an object")
            open_calls = {call["id"] for call in calls}
            _need(len(open_calls) == len(calls), "two calls have the same id")
        _need(not open_calls, f"tool calls without a result: {sorted(open_calls)}")
        return Heard(
            position=sum(message["role"] == "assistant" for message in messages),
            beginning=next((str(message["content"]) for message in messages if message["role"] == "user"), ""),
            output=next((str(message["content"]) for message in reversed(messages) if message["role"] == "tool"), ""),
            wire_names=tuple(_legal(tool["function"]["name"]) for tool in body.get("tools") or ()),
            model=str(body["model"]),
            stream=bool(body.get("stream")),
        )

    def answer(self, reply: Reply, heard: Heard) -> dict[str, Any]:
        """Return a chat completion."""
        message: dict[str, Any] = {"role": "assistant", "content": reply.say or None}
        if reply.stop == "refusal":
            message = {"role": "assistant", "content": None, "refusal": reply.say or "I cannot help with that."}
        if reply.calls:
            message["tool_calls"] = [self._call(call, number, heard) for number, call in enumerate(reply.calls)]
        choice = {"index": 0, "message": message, "finish_reason": self._stop(reply), "logprobs": None}
        usage = _tokens(reply)
        return {
            "id": f"chatcmpl-{heard.position}", "object": "chat.completion", "created": 0, "model": heard.model,
            "choices": [choice],
            "usage": {"prompt_tokens": 100, "completion_tokens": usage, "total_tokens": 100 + usage},
        }  # fmt: skip

    def events(self, reply: Reply, heard: Heard) -> Stream:
        """Return chat completion chunks, the usage and [DONE]."""
        whole = self.answer(reply, heard)
        message = whole["choices"][0]["message"]
        yield self._chunk(heard, {"role": "assistant", "content": message["content"] or ""})
        if message.get("refusal"):
            yield self._chunk(heard, {"refusal": message["refusal"]})
        for index, call in enumerate(message.get("tool_calls", ())):
            head = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
            yield self._chunk(heard, {"tool_calls": [head]})
            for piece in _pieces(call["function"]["arguments"]):
                yield self._chunk(heard, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield self._chunk(heard, {}, whole["choices"][0]["finish_reason"])
        yield "", {**self._chunk(heard, {})[1], "choices": [], "usage": whole["usage"]}
        yield "", "[DONE]"

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return the vendor's error object."""
        kind = "invalid_request_error" if status < 500 else "server_error"
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}

    def _chunk(self, heard: Heard, delta: dict[str, Any], stop: str | None = None) -> tuple[str, dict[str, Any]]:
        choice = {"index": 0, "delta": delta, "finish_reason": stop, "logprobs": None}
        head = {"id": f"chatcmpl-{heard.position}", "object": "chat.completion.chunk", "created": 0}
        return "", {**head, "model": heard.model, "choices": [choice]}

    def _call(self, call: ScriptCall, number: int, heard: Heard) -> dict[str, Any]:
        function = {"name": _wire_name(call.name, heard.wire_names), "arguments": call.text}
        return {"id": f"call_{heard.position}_{number}", "type": "function", "function": function}

    def _stop(self, reply: Reply) -> str:
        natural = "tool_calls" if reply.calls else "stop"
        return _OPENAI_STOPS.get(reply.stop, reply.stop) if reply.stop else natural


class AnthropicWire:
    """Messages."""

    def hear(self, body: Mapping[str, Any]) -> Heard:
        """Read a request; raises ValueError."""
        messages = _list(body, "messages")
        _need(isinstance(body.get("max_tokens"), int), "max_tokens: Field required")
        roles: list[Literal["user", "assistant"]] = [message["role"] for message in messages]
        _need(roles[0] == "user" and roles[-1] == "user", "the first and the last message must be the user's")
        _need(all(a != b for a, b in pairwise(roles)), "roles must alternate")
        open_calls: list[str] = []
        for message in messages:
            blocks = _blocks(message["content"])
            results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
            _need(sorted(results) == sorted(open_calls), f"tool_use without tool_result: {open_calls} {results}")
            kinds = [block["type"] == "tool_result" for block in blocks]
            _need(kinds == sorted(kinds, reverse=True), "tool_result blocks must come first")
            _need(bool(blocks), "a message needs content")
            _need(all(block["text"].strip() for block in blocks if block["type"] == "text"), "empty text block")
            calls = [block for block in blocks if block["type"] == "tool_use"]
            for call in calls:
                _legal(call["name"])
                _need(isinstance(call["input"], dict), "input is not an object")
            open_calls = [call["id"] for call in calls]
            _need(len(set(open_calls)) == len(calls), "two calls have the same id")
        return self._heard(body, messages)

    def answer(self, reply: Reply, heard: Heard) -> dict[str, Any]:
        """Return a message."""
        blocks: list[dict[str, Any]] = [{"type": "text", "text": reply.say}] if reply.say else []
        for number, call in enumerate(reply.calls):
            name = _wire_name(call.name, heard.wire_names)
            block_id = f"toolu_{heard.position}_{number}"
            blocks.append({"type": "tool_use", "id": block_id, "name": name, "input": _object_or_text(call)})
        return {
            "id": f"msg_{heard.position}", "type": "message", "role": "assistant", "model": heard.model,
            "content": blocks, "stop_reason": self._stop(reply), "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": _tokens(reply)},
        }  # fmt: skip

    def events(self, reply: Reply, heard: Heard) -> Stream:
        """Return message_start, the blocks, message_delta and message_stop."""
        whole = self.answer(reply, heard)
        usage = whole["usage"]
        start = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        yield _event("message_start", message=start)
        texts = iter(call.text for call in reply.calls)
        for index, block in enumerate(whole["content"]):
            if block["type"] == "text":
                yield _event("content_block_start", index=index, content_block={"type": "text", "text": ""})
                deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
            else:
                yield _event("content_block_start", index=index, content_block={**block, "input": {}})
                deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in _pieces(next(texts))]
            for delta in deltas:
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
        yield _event("message_delta", delta=ending, usage={"output_tokens": usage["output_tokens"]})
        yield _event("message_stop")

    def error(self, status: int, message: str) -> dict[str, Any]:
        """Return the vendor's error object."""
        kind = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}}

    def _heard(self, body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> Heard:
        blocks = [block for message in messages for block in _blocks(message["content"])]
        results = [str(block["content"]) for block in blocks if block["type"] == "tool_result"]
        texts = [str(block["text"]) for block in blocks if block["type"] == "text"]
        return Heard(
            position=sum(message["role"] == "assistant" for message in messages),
            beginning=next(iter(texts), ""),
            output=results[-1] if results else "",
            wire_names=tuple(_legal(tool["name"]) for tool in body.get("tools") or ()),
            model=str(body["model"]),
            stream=bool(body.get("stream")),
        )

    def _stop(self, reply: Reply) -> str:
        natural = "tool_use" if reply.calls else "end_turn"
        return _ANTHROPIC_STOPS.get(reply.stop, reply.stop) if reply.stop else natural


def _wire_name(name: str, offered: Sequence[str]) -> str:
    """Return the wire name under which a script's tool was offered; an unknown one is called as it is written."""
    wanted = name.replace(".", "__")
    return next((wire for wire in offered if wire in (name, wanted)), wanted)


def _event(name: str, **data: Any) -> tuple[str, dict[str, Any]]:
    return name, {"type": name, **data}


def _pieces(text: str, size: int = 4096) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def _tokens(reply: Reply) -> int:
    return 1 + (len(reply.say) + sum(len(call.text) for call in reply.calls)) // 4


def _object_or_text(call: ScriptCall) -> Any:
    try:
        return loads(call.text)
    except ValueError:
        return call.text


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _list(body: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = body.get(key)
    _need(isinstance(value, list) and bool(value), f"{key}: a list with at least one entry is required")
    return list(value or ())


def _legal(name: str) -> str:
    _need(_NAME.fullmatch(name) is not None, f"the tool name {name!r} is not legal")
    return name


def _need(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(otherwise)


def line(name: str, data: dict[str, Any] | str) -> bytes:
    """Return one server-sent event."""
    text = data if isinstance(data, str) else dumps(data)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
