"""Reading a stream of OpenAI's Responses API on its way through, from a provider that speaks it itself. Pure.

Only the events about the response as a whole are parsed; the deltas pass as bytes. An event is only ever passed on
whole.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import orjson

from budgets.core.pricing import Usage
from proxy.core.errors import UpstreamError
from proxy.core.framing import BOUNDARY, count_events, data_of, last_boundary, texts_of
from proxy.core.streams import LONGEST_EVENT, EventTooLong
from proxy.core.usage import read_usage, with_what_is_beside

# The last event repeats the instructions, the tools and the whole output; one may be an image.
_LONGEST = 16 * LONGEST_EVENT
# Inside a JSON text the quotes of such a member are escaped, so that only real members match.
_NEWS = re.compile(rb'"type"\s*:\s*"(?:error|response\.(?:created|queued|in_progress|completed|incomplete|failed))"')
_DELTA = re.compile(rb'"type"\s*:\s*"response\.[a-z_.]+\.delta"')
_ENDS = frozenset({"response.completed", "response.incomplete"})


def read_responses_usage(reported: Any) -> Usage | None:
    """None when there is nothing usable in it."""
    return read_usage(chat_usage(reported)) if isinstance(reported, dict) else None


def chat_usage(reported: dict[str, Any]) -> dict[str, Any]:
    """A Response's `usage` in the words of a chat completion's. What is in them already stays as it is."""
    if "input_tokens" not in reported and "output_tokens" not in reported:
        return reported
    details = reported.get("input_tokens_details")
    written = details.get("cache_write_tokens") if isinstance(details, dict) else None
    return {
        "prompt_tokens": reported.get("input_tokens"),
        "completion_tokens": reported.get("output_tokens"),
        "total_tokens": reported.get("total_tokens"),
        "prompt_tokens_details": details,
        "completion_tokens_details": reported.get("output_tokens_details"),
        "cache_creation_input_tokens": written,
        **{name: reported[name] for name in ("service_tier", "server_tool_use") if name in reported},
    }


@dataclass(slots=True)
class ResponsesRelay:
    """Feed it what the upstream sends; it gives back what the client shall see.

    `model` replaces the upstream's name for itself. `usage` is in a chat completion's words. The event that ends the
    response is kept back for `farewell`; so is what tells a failure, for `complaint` to tell without what may be secret
    in it.
    """

    model: str
    usage: dict[str, Any] | None = field(default=None, init=False)
    error: dict[str, Any] | None = field(default=None, init=False)
    upstream_id: str = field(default="", init=False)
    events: int = field(default=0, init=False)
    first_token: bool = field(default=False, init=False)
    _rest: bytes = field(default=b"", init=False)
    _ending: bytes = field(default=b"", init=False)
    _failed: dict[str, Any] | None = field(default=None, init=False)
    _number: int = field(default=0, init=False)

    def feed(self, data: bytes) -> bytes:
        """Raises EventTooLong."""
        data = self._rest + data if self._rest else data
        end = last_boundary(data)
        if len(data) - end > _LONGEST:
            raise EventTooLong
        self._rest = data[end:]
        return self._pass(data[:end]) if end else b""

    def finish(self) -> bytes:
        """What is left when the upstream closed; it may have forgotten the last blank line."""
        rest, self._rest = self._rest, b""
        return self._pass(rest.rstrip() + b"\n\n") if rest.strip() else b""

    def farewell(self) -> bytes:
        return self._ending

    def complaint(self, error: UpstreamError) -> bytes:
        """In the place of the upstream's own words; as `response.failed` when that is what it sent."""
        if self._failed is not None:
            failure = self._failed["response"].get("error")
            code = failure.get("code") if isinstance(failure, dict) else None
            told = {"code": code or "server_error", "message": error.message}
            response = {**self._failed["response"], "model": self.model, "error": told}
            try:
                return _event("response.failed", {**self._failed, "response": response})
            except orjson.JSONEncodeError:
                pass  # nested deeper than can be written again; the plain event says enough
        payload = {"type": "error", "code": error.type, "message": error.message, "param": error.param}
        return _event("error", {**payload, "sequence_number": self._number})

    def _pass(self, block: bytes) -> bytes:
        """Whole events. From the first one with news on, each is read."""
        self.first_token = self.first_token or _DELTA.search(block) is not None
        news = _NEWS.search(block)
        if news is None:
            return self._through(block)
        known = last_boundary(block[: news.start()])
        return self._through(block[:known]) + b"".join(map(self._read, BOUNDARY.split(block[known:])))

    def _through(self, block: bytes) -> bytes:
        count = count_events(block)
        self.events += count
        self._number += count
        return block

    def _read(self, event: bytes) -> bytes:
        if not event.strip():
            return b""
        payload = _payload(event)
        kind = payload.get("type")
        if kind == "error":
            # OpenAI has told it both flat, as its reference has it, and as an object of its own.
            self.error = texts_of(payload.get("error") or payload) or {"message": "The upstream failed."}
            return b""
        response = payload.get("response")
        if not isinstance(kind, str) or not isinstance(response, dict):
            return self._through(event + b"\n\n")
        self._learn(response)
        if kind == "response.failed":
            self._failed = payload
            self.error = texts_of(response.get("error") or {}) or {"message": "The upstream failed."}
            return b""
        try:
            whole = _event(kind, {**payload, "response": {**response, "model": self.model}})
        except orjson.JSONEncodeError:
            # Nested deeper than can be written again.
            whole = event + b"\n\n"
        if kind in _ENDS:
            self._ending = whole
            return b""
        return self._through(whole)

    def _learn(self, response: dict[str, Any]) -> None:
        if not self.upstream_id and isinstance(response.get("id"), str):
            self.upstream_id = response["id"]
        if isinstance(response.get("usage"), dict):
            self.usage = chat_usage(with_what_is_beside(response["usage"], response))


def _payload(event: bytes) -> dict[str, Any]:
    """Empty when it is none."""
    try:
        payload = orjson.loads(data_of(event) or b"")
    except orjson.JSONDecodeError:
        return {}
    return payload if isinstance(payload, dict) else {}


def _event(name: str, payload: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(payload) + b"\n\n"
