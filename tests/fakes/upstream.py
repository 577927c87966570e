"""A provider that speaks OpenAI's API and writes down what it would bill."""

import argparse
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.fakes.completion import Billed, Completion, tool_calls
from tests.fakes.openai_others import OTHERS, Others
from tests.fakes.sample import sample
from tests.fakes.server import Cut, FakeServer, Received, Reply
from tests.fakes.texts import SHAPES, Event, Shape

DATED_NAMES = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "o4-mini": "o4-mini-2025-04-16",
}
REQUESTS_PER_MINUTE = 10_000
TOKENS_PER_MINUTE = 2_000_000


@dataclass(kw_only=True, eq=False)
class FakeUpstream(FakeServer):
    """Every field is a setting, to be given or changed at any time.

    `completion_tokens` None counts the answer; `max_tokens` of a request caps it. `cut_after_chunks` resets a stream
    after so many chunks of content, and a broken stream is billed for what it had sent. `api_key` None takes any key.
    `tells_usage`: with the last chunk of a stream, and refuses to be asked for it, as Mistral and its like do.
    With `keeps_prompts` a line of the bill says what it was asked last, by which a test finds its request again.
    `others` are the settings of embeddings, images, audio and rankings. It calls tools when told to, or when
    `uses_tools` and none has answered yet; `thoughts` go before the answer, under the name `thought_as`.
    """

    answer: str = "The toll is paid; the gate is open."
    completion_tokens: int | None = None
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    uses_tools: bool = False
    thoughts: str = ""
    thought_as: str = "reasoning_content"
    service_tier: str = "default"
    chunk_count: int = 4
    chunk_delay_seconds: float = 0.0
    cut_after_chunks: int | None = None
    latency_seconds: float = 0.0
    omit_usage: bool = False
    tells_usage: bool = False
    api_key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    others: Others = field(default_factory=Others)
    billing_file: Path | None = None
    keeps_prompts: bool = False
    port: int = 0
    billed: list[Billed] = field(default_factory=list, init=False)
    _tokens_spent: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__init__(port=self.port)

    def clear(self) -> None:
        super().clear()
        self.billed.clear()
        self.others.forms.clear()

    def wait_for_billed(self, count: int, timeout: float = 5.0) -> list[Billed]:
        """Return the first `count` lines of the bill or more; raises AssertionError after `timeout` seconds."""
        if not self.wait_until(lambda: len(self.billed) >= count, timeout=timeout):
            raise AssertionError(f"waited {timeout} s for {count} billed requests, there are: {self.billed}")
        return list(self.billed)

    def respond(self, received: Received) -> Reply:
        if self.api_key and received.headers.get("authorization") != f"Bearer {self.api_key}":
            return openai_error(401, "Incorrect API key provided.", "invalid_request_error", code="invalid_api_key")
        match received.method, re.sub(r"^/v\d", "", received.path):
            case "GET", "/models":
                return Reply(body=_models(), headers=self._headers())
            case "POST", "/chat/completions":
                return self._complete(received)
            case "POST", path if path in SHAPES:
                return self._complete_text(received, SHAPES[path])
            case "POST", path if path in OTHERS:
                return self._answer_other(received, path)
        message = f"Unknown request URL: {received.method} {received.path}."
        return openai_error(404, message, "invalid_request_error", code="unknown_url")

    def _complete(self, received: Received) -> Reply:
        try:
            asked = received.json()
            completion = self._generate(asked)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return _unreadable(error)
        headers = self._headers()
        if self.tells_usage and "stream_options" in asked:
            return openai_error(422, "stream_options: Extra inputs are not permitted", "invalid_request_error")
        if asked.get("stream"):
            include_usage = bool((asked.get("stream_options") or {}).get("include_usage")) and not self.omit_usage
            return Reply(
                chunks=self._stream(completion, include_usage=include_usage),
                headers={"Content-Type": "text/event-stream; charset=utf-8", **headers},
                delay_seconds=self.latency_seconds,
            )
        return Reply(
            body=completion.whole(with_usage=not self.omit_usage),
            headers=headers,
            delay_seconds=self.latency_seconds,
            before_body=lambda: self._bill(completion.billed(stream=False)),
        )

    def _complete_text(self, received: Received, shape: Shape) -> Reply:
        try:
            asked = received.json()
            completion = self._generate(shape.chat(asked))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return _unreadable(error)
        headers = self._headers()
        if asked.get("stream"):
            # Of responses the usage always comes; of completions when it was asked for.
            wanted = "input" in asked or bool((asked.get("stream_options") or {}).get("include_usage"))
            pieces = _split(completion.text, self.chunk_count)
            events = shape.events(completion, pieces, with_usage=wanted and not self.omit_usage)
            return Reply(
                chunks=self._stream_events(completion, events),
                headers={"Content-Type": "text/event-stream; charset=utf-8", **headers},
                delay_seconds=self.latency_seconds,
            )
        return Reply(
            body=shape.whole(completion, with_usage=not self.omit_usage),
            headers=headers,
            delay_seconds=self.latency_seconds,
            before_body=lambda: self._bill(completion.billed(stream=False)),
        )

    def _stream_events(self, completion: Completion, events: list[Event]) -> Iterator[bytes]:
        """The bill is written before the last event, which tells the client that it has everything."""
        sent, all_of_it, finished = 0, sum(event.content for event in events), False
        try:
            for event in events[:-1]:
                if event.content and (sent == self.cut_after_chunks or self.pause(self.chunk_delay_seconds)):
                    raise Cut
                yield event.data
                sent += event.content
            if sent == self.cut_after_chunks:
                raise Cut
            finished = True
        finally:
            share = 1.0 if finished else sent / all_of_it
            self._bill(completion.billed(stream=True, share=share, finished=finished))
        yield events[-1].data

    def _answer_other(self, received: Received, path: str) -> Reply:
        self.others.omit_usage = self.omit_usage
        try:
            answered = OTHERS[path](self.others, received)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return _unreadable(error)
        return Reply(
            body=answered.body,
            headers={**self._headers(), **answered.headers},
            delay_seconds=self.latency_seconds,
            before_body=lambda: self._bill(answered.billed),
        )

    def _generate(self, asked: dict[str, Any]) -> Completion:
        prompt_tokens = _count_characters(asked["messages"]) // 4 + 3
        answered = len(self.answer) // 4 + 1 if self.completion_tokens is None else self.completion_tokens
        wanted = answered + self.reasoning_tokens
        calls = tool_calls(asked, eager=self.uses_tools)
        limit = asked.get("max_completion_tokens") or asked.get("max_tokens") or 0
        # As some providers have it, none and less than none is no limit.
        allowed = limit if limit > 0 else wanted
        return Completion(
            id=f"chatcmpl-{uuid4().hex}",
            created=int(time.time()),
            model=_dated(asked["model"]),
            text=self._text(asked),
            finish_reason="length" if allowed < wanted else "tool_calls" if calls else "stop",
            prompt_tokens=prompt_tokens,
            completion_tokens=min(wanted, allowed),
            cached_tokens=min(self.cached_tokens, prompt_tokens),
            reasoning_tokens=min(self.reasoning_tokens, allowed),
            calls=calls,
            thoughts=self.thoughts,
            thought_as=self.thought_as,
            service_tier=self.service_tier,
            prompt=_last_text(asked["messages"]) if self.keeps_prompts else "",
        )

    def _text(self, asked: dict[str, Any]) -> str:
        wanted = asked.get("response_format") or {}
        return json.dumps(sample(wanted["json_schema"]["schema"])) if "json_schema" in wanted else self.answer

    def _stream(self, completion: Completion, *, include_usage: bool) -> Iterator[bytes]:
        usage: dict[str, Any] = {"usage": None} if include_usage else {}
        deltas = completion.deltas(_split(completion.text, self.chunk_count))
        sent, finished = 0, False
        try:
            yield _event(completion.chunk({"role": "assistant", "content": "", "refusal": None}) | usage)
            for delta in deltas:
                if sent == self.cut_after_chunks or self.pause(self.chunk_delay_seconds):
                    raise Cut
                yield _event(completion.chunk(delta) | usage)
                sent += 1
            if sent == self.cut_after_chunks:
                raise Cut
            told = {"usage": completion.usage} if self.tells_usage else usage
            yield _event(completion.chunk({}, finish_reason=completion.finish_reason) | told)
            if include_usage:
                yield _event(completion.envelope("chat.completion.chunk") | {"choices": [], "usage": completion.usage})
            finished = True
        finally:
            self._bill(completion.billed(stream=True, share=1.0 if finished else sent / len(deltas), finished=finished))
        yield b"data: [DONE]\n\n"

    def _bill(self, billed: Billed) -> None:
        with self._changed:
            self.billed.append(billed)
            self._tokens_spent += billed.prompt_tokens + billed.completion_tokens
            if self.billing_file:
                _append_durably(self.billing_file, json.dumps(asdict(billed)))
            self._changed.notify_all()

    def _headers(self) -> dict[str, str]:
        return {
            "openai-organization": "fake-org",
            "openai-processing-ms": str(int(self.latency_seconds * 1000) + 7),
            "openai-version": "2020-10-01",
            "x-ratelimit-limit-requests": str(REQUESTS_PER_MINUTE),
            "x-ratelimit-limit-tokens": str(TOKENS_PER_MINUTE),
            "x-ratelimit-remaining-requests": str(max(0, REQUESTS_PER_MINUTE - len(self.received) - 1)),
            "x-ratelimit-remaining-tokens": str(max(0, TOKENS_PER_MINUTE - self._tokens_spent)),
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-reset-tokens": "0s",
            "x-request-id": f"req_{uuid4().hex}",
            **self.headers,
        }


def openai_error(
    status: int,
    message: str,
    type: str,  # noqa: A002 - the provider's name for it
    code: str | None = None,
    retry_after: float | None = None,
) -> Reply:
    """An error in OpenAI's shape, for `script`; `retry_after` is in seconds."""
    return Reply(
        status=status,
        body={"error": {"message": message, "type": type, "param": None, "code": code}},
        headers={"x-request-id": f"req_{uuid4().hex}"} | ({"Retry-After": f"{retry_after:g}"} if retry_after else {}),
    )


def _unreadable(error: Exception) -> Reply:
    return openai_error(400, f"We could not parse the body of your request: {error!r}", "invalid_request_error")


def _dated(model: str) -> str:
    if re.search(r"-\d{4}(-\d\d-\d\d)?$", model):
        return model
    return DATED_NAMES.get(model, f"{model}-2024-08-06")


def _count_characters(messages: list[dict[str, Any]]) -> int:
    contents = [message.get("content") or "" for message in messages]
    parts = [part.get("text", "") for content in contents if isinstance(content, list) for part in content]
    return sum(len(text) for text in [*parts, *(content for content in contents if isinstance(content, str))])


def _last_text(messages: list[dict[str, Any]]) -> str:
    content = messages[-1].get("content")
    return content if isinstance(content, str) else json.dumps(content)


def _split(text: str, count: int) -> list[str]:
    """Exactly `count` pieces; the last ones are empty when the text is shorter."""
    size = -(-len(text) // count)
    return [text[position * size : (position + 1) * size] for position in range(count)]


def _event(data: dict[str, Any]) -> bytes:
    return b"data: %s\n\n" % json.dumps(data, separators=(",", ":")).encode()


def _models() -> dict[str, Any]:
    fixed = {"object": "model", "created": 1715367049, "owned_by": "system"}
    return {"object": "list", "data": [{"id": name, **fixed} for name in DATED_NAMES]}


def _append_durably(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def main() -> None:
    """Serve alone until SIGTERM or SIGINT, for tests that kill processes; prints the URL on its first line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--billing-file", type=Path)
    parser.add_argument("--keeps-prompts", action="store_true")
    parser.add_argument("--completion-tokens", type=int)
    parser.add_argument("--latency-seconds", type=float, default=0.0)
    parser.add_argument("--chunk-count", type=int, default=4)
    parser.add_argument("--chunk-delay-seconds", type=float, default=0.0)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with FakeUpstream(**vars(parser.parse_args())) as upstream:
        print(upstream.url, flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
