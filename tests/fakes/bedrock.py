"""Amazon Bedrock's runtime: Converse whole and streamed, InvokeModel for embeddings, signatures checked."""

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from tests.fakes.aws_signature import Refused, check_signature
from tests.fakes.completion import Billed
from tests.fakes.converse import Invalid, validate
from tests.fakes.sample import sample
from tests.fakes.server import Cut, FakeServer, Received, Reply

EVENT_STREAM = "application/vnd.amazon.eventstream"


@dataclass(kw_only=True, eq=False)
class FakeBedrock(FakeServer):
    """Every field is a setting, to be given or changed at any time.

    With `api_key` it takes that bearer, else requests signed with the credentials. `tool_call` is a name and an input,
    asked for after the answer, and with `uses_tools` it asks for all that there are until one has answered; `thinking`
    goes before the answer. `cut_after_chunks` resets a stream after so many pieces of
    text; `exception` ends it there with an event instead. `models` None has any.
    """

    access_key_id: str = "AKIDEXAMPLE"
    secret_access_key: str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    session_token: str = ""
    api_key: str | None = None
    region: str = "us-east-1"
    models: frozenset[str] | None = None
    answer: str = "The toll is paid; the gate is open."
    tool_call: tuple[str, dict[str, Any]] | None = None
    uses_tools: bool = False
    thinking: str = ""
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    chunk_count: int = 4
    chunk_delay_seconds: float = 0.0
    cut_after_chunks: int | None = None
    exception: tuple[str, str] | None = None
    latency_seconds: float = 0.0
    embedding: tuple[float, ...] = (0.25, -0.5)
    port: int = 0
    billed: list[Billed] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        super().__init__(port=self.port)

    def clear(self) -> None:
        super().clear()
        self.billed.clear()

    def respond(self, received: Received) -> Reply:
        try:
            self._authenticate(received)
            model, action = _address(received, self.models)
            asked = received.json()
            if action == "invoke":
                return self._embed(model, asked)
            validate(asked)
        except Refused as refused:
            return aws_error(403, refused.kind, refused.message)
        except Invalid as invalid:
            return aws_error(400, "ValidationException", str(invalid))
        except (UnicodeDecodeError, json.JSONDecodeError):
            return aws_error(400, "SerializationException", "Unexpected token")
        return self._stream(model, asked) if action == "converse-stream" else self._whole(model, asked)

    def _authenticate(self, received: Received) -> None:
        given = received.headers.get("authorization", "")
        if self.api_key is not None:
            if given != f"Bearer {self.api_key}":
                message = "Authentication failed: Please make sure your API Key is valid."
                raise Refused("AccessDeniedException", message)
            return
        check_signature(
            received,
            access_key_id=self.access_key_id,
            secret=self.secret_access_key,
            token=self.session_token,
            region=self.region,
            service="bedrock",
        )

    def _whole(self, model: str, asked: dict[str, Any]) -> Reply:
        content: list[dict[str, Any]] = []
        if self.thinking:
            content.append({"reasoningContent": {"reasoningText": {"text": self.thinking, "signature": "c2lnbmVk"}}})
        content.append({"text": self._text(asked)})
        calls = self._calls(asked)
        content += [{"toolUse": call} for call in calls]
        usage = self._usage(asked)
        body = {
            "metrics": {"latencyMs": 437},
            "output": {"message": {"content": content, "role": "assistant"}},
            "stopReason": _stop_reason(asked, usage, calls),
            "usage": usage,
        }
        return Reply(
            body=body,
            headers={"x-amzn-RequestId": str(uuid4())},
            delay_seconds=self.latency_seconds,
            before_body=lambda: self._bill(model, usage, stream=False),
        )

    def _stream(self, model: str, asked: dict[str, Any]) -> Reply:
        return Reply(
            chunks=self._events(model, asked, self._usage(asked)),
            headers={"Content-Type": EVENT_STREAM, "x-amzn-RequestId": str(uuid4())},
            delay_seconds=self.latency_seconds,
        )

    def _events(self, model: str, asked: dict[str, Any], usage: dict[str, int]) -> Iterator[bytes]:
        calls = self._calls(asked)
        sent, finished = 0, False
        try:
            yield event("messageStart", {"role": "assistant"})
            yield from self._thoughts()
            for piece in _split(self._text(asked), self.chunk_count):
                if sent == self.cut_after_chunks or self.pause(self.chunk_delay_seconds):
                    if self.exception:
                        yield exception(*self.exception)
                        return
                    raise Cut
                yield event("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"text": piece}})
                sent += 1
            yield event("contentBlockStop", {"contentBlockIndex": 1})
            for index, call in enumerate(calls, start=2):
                yield from _tool_use(call, index)
            yield event("messageStop", {"stopReason": _stop_reason(asked, usage, calls)})
            yield event("metadata", {"metrics": {"latencyMs": 437}, "usage": usage})
            finished = True
        finally:
            self._bill(model, usage, stream=True, share=1.0 if finished else sent / self.chunk_count, finished=finished)

    def _thoughts(self) -> Iterator[bytes]:
        if self.thinking:
            for delta in ({"text": self.thinking}, {"signature": "c2lnbmVk"}):
                yield event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": delta}})
            yield event("contentBlockStop", {"contentBlockIndex": 0})

    def _text(self, asked: dict[str, Any]) -> str:
        wanted = asked.get("outputConfig", {}).get("textFormat", {})
        if wanted.get("type") != "json_schema":
            return self.answer
        return json.dumps(sample(json.loads(wanted["structure"]["jsonSchema"]["schema"])))

    def _calls(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        answered = any("toolResult" in block for block in asked["messages"][-1]["content"])
        wanted = [self.tool_call] if self.tool_call else []
        if self.uses_tools and not answered:
            tools = [tool["toolSpec"] for tool in asked.get("toolConfig", {}).get("tools", []) if "toolSpec" in tool]
            wanted += [(tool["name"], sample(tool["inputSchema"]["json"])) for tool in tools]
        return [
            {"toolUseId": f"tooluse_{number}", "name": name, "input": given}
            for number, (name, given) in enumerate(wanted, start=1)
        ]

    def _usage(self, asked: dict[str, Any]) -> dict[str, int]:
        wanted = len(self.answer) // 4 + 1
        counted = {
            "inputTokens": len(json.dumps(asked["messages"])) // 8 + 3,
            "outputTokens": min(wanted, _allowed(asked) or wanted),
            "cacheReadInputTokens": self.cache_read_tokens,
            "cacheWriteInputTokens": self.cache_write_tokens,
        }
        return {**counted, "totalTokens": sum(counted.values())}

    def _embed(self, model: str, asked: Any) -> Reply:
        if "titan-embed" in model:
            if not isinstance(asked, dict) or not isinstance(asked.get("inputText"), str) or "input" in asked:
                raise Invalid("Malformed input request: #: required key [inputText] not found.")
            tokens = len(asked["inputText"]) // 4 + 1
            return Reply(
                body={"embedding": self.embedding, "inputTextTokenCount": tokens},
                before_body=lambda: self._bill(model, _embedded(tokens), stream=False),
            )
        if not asked.get("texts") or asked.get("input_type") not in {"search_document", "search_query"}:
            raise Invalid("Malformed input request: #: required key [input_type] not found.")
        vectors = [self.embedding for _ in asked["texts"]]
        body = {
            "embeddings": vectors,
            "id": str(uuid4()),
            "response_type": "embeddings_floats",
            "texts": asked["texts"],
        }
        return Reply(
            body=body,
            headers={"X-Amzn-Bedrock-Input-Token-Count": "5"},
            before_body=lambda: self._bill(model, _embedded(5), stream=False),
        )

    def _bill(
        self, model: str, usage: dict[str, int], *, stream: bool, share: float = 1.0, finished: bool = True
    ) -> None:
        billed = Billed(
            id="",
            model=model,
            prompt_tokens=usage["totalTokens"] - usage["outputTokens"],
            completion_tokens=int(usage["outputTokens"] * share),
            stream=stream,
            finished=finished,
            cached_tokens=usage["cacheReadInputTokens"],
            cache_creation_tokens=usage["cacheWriteInputTokens"],
        )
        with self._changed:
            self.billed.append(billed)
            self._changed.notify_all()


def aws_error(status: int, kind: str, message: str) -> Reply:
    """In AWS's shape, for `script`."""
    qualified = f"{kind}:http://internal.amazon.com/coral/com.amazon.bedrock/"
    return Reply(
        status, {"message": message}, headers={"x-amzn-ErrorType": qualified, "x-amzn-RequestId": str(uuid4())}
    )


def event(kind: str, payload: dict[str, Any]) -> bytes:
    """One event of a stream; `p` is the padding that Bedrock adds against guessing by length."""
    padded = {**payload, "p": "abcdefghijklmnopqrstuvwxyz"[: len(kind)]}
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, json.dumps(padded).encode())


def exception(kind: str, message: str) -> bytes:
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return frame(headers, json.dumps({"message": message}).encode())


def frame(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of the binary protocol."""
    block = b"".join(
        bytes([len(name.encode())]) + name.encode() + b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", len(block) + len(payload) + 16, len(block))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return message + struct.pack(">I", zlib.crc32(message))


def _allowed(asked: dict[str, Any]) -> int:
    """Tokens of an answer; 0 when nothing is said of them."""
    most: int = asked.get("inferenceConfig", {}).get("maxTokens", 0)
    return most


def _stop_reason(asked: dict[str, Any], usage: dict[str, int], calls: list[dict[str, Any]]) -> str:
    if usage["outputTokens"] == _allowed(asked):
        return "max_tokens"
    return "tool_use" if calls else "end_turn"


def _embedded(tokens: int) -> dict[str, int]:
    return {"totalTokens": tokens, "outputTokens": 0, "cacheReadInputTokens": 0, "cacheWriteInputTokens": 0}


def _tool_use(call: dict[str, Any], index: int) -> Iterator[bytes]:
    start = {"toolUse": {"name": call["name"], "toolUseId": call["toolUseId"]}}
    yield event("contentBlockStart", {"contentBlockIndex": index, "start": start})
    for piece in _split(json.dumps(call["input"]), 2) if call["input"] else ():
        yield event("contentBlockDelta", {"contentBlockIndex": index, "delta": {"toolUse": {"input": piece}}})
    yield event("contentBlockStop", {"contentBlockIndex": index})


def _address(received: Received, models: frozenset[str] | None) -> tuple[str, str]:
    match received.method, received.path.split("/"):
        case "POST", ["", "model", model, "converse" | "converse-stream" | "invoke" as action]:
            if models is not None and unquote(model) not in models:
                raise Invalid("The provided model identifier is invalid.")
            return unquote(model), action
    raise Refused("UnknownOperationException", f"{received.method} {received.path}")


def _split(text: str, count: int) -> list[str]:
    size = -(-len(text) // count)
    return [text[position * size : (position + 1) * size] for position in range(count)]
