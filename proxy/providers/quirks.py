"""Where OpenAI-compatible providers differ from OpenAI, as data, and what is done about it. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.core.operations import Operation
from proxy.core.sse import OpenAIDecoder
from proxy.providers.base import Json
from proxy.providers.parameters import SETTINGS

CHAT_AND_TEXT = frozenset({Operation.CHAT, Operation.COMPLETION})


@dataclass(frozen=True, slots=True)
class Rename:
    """A request field that the provider knows by another name; only for `models`, where it is given."""

    old: str
    new: str
    operations: frozenset[Operation] = CHAT_AND_TEXT
    models: re.Pattern[str] | None = None

    def applies_to(self, model: str) -> bool:
        return self.models is None or self.models.search(model) is not None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Request fields that the provider answers with an error. They go to it all the same, unless `drop_params`."""

    names: frozenset[str]
    models: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Quirks:
    """`unknown` fields are never sent: the gateway itself adds them, and the provider refuses the request for them.

    `reasoning` is where the provider puts what the others call `reasoning_content`. `stray_usage` finds the usage of
    a stream in a chunk that has none at its usual place. `usage` rewrites a usage object to what OpenAI's means.
    `answer` rewrites a whole answer, by operation. `cache_control`: Anthropic's marks are understood, and sent on.
    """

    renames: tuple[Rename, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unknown: frozenset[str] = frozenset()
    developer_is_system: bool = False
    reasoning: str = ""
    stray_usage: Callable[[Json], Any] | None = None
    usage: Callable[[Json], Json] | None = None
    answer: Mapping[Operation, Callable[[Json], Json]] = field(default_factory=dict)
    cache_control: bool = False

    def changes(self, model: str, params: Mapping[str, Any]) -> "Changes | None":
        """What is to be changed in the requests of one deployment; None for nothing."""
        found = Changes(
            dropped=self.unknown | dropped_params(params, self.refusals, model=model),
            renames=tuple(rename for rename in self.renames if rename.applies_to(model)),
            developer_is_system=self.developer_is_system,
        )
        return None if found == Changes() else found

    @property
    def changes_stream(self) -> bool:
        return bool(self.reasoning) or self.stray_usage is not None


PLAIN = Quirks()


def dropped_params(params: Mapping[str, Any], refusals: Sequence[Refusal], *, model: str) -> frozenset[str]:
    """LiteLLM's `drop_params` and `additional_drop_params`, of a deployment or a request."""
    additional = params.get("additional_drop_params")
    names = {name for name in additional if isinstance(name, str)} if isinstance(additional, list) else set()
    if params.get("drop_params") is True:
        for refusal in refusals:
            if refusal.models is None or refusal.models.search(model):
                names |= refusal.names
    return frozenset(names)


def without_settings(body: Mapping[str, Any], refusals: Sequence[Refusal] = (), *, model: str) -> Mapping[str, Any]:
    """What a client says about its parameters, to the gateway alone, is done: it and they are gone."""
    if SETTINGS.isdisjoint(body):
        return body
    gone = SETTINGS | dropped_params(body, refusals, model=model)
    return {name: value for name, value in body.items() if name not in gone}


@dataclass(frozen=True, slots=True)
class Changes:
    """Quirks of the request side, worked out for one deployment."""

    dropped: frozenset[str] = frozenset()
    renames: tuple[Rename, ...] = ()
    developer_is_system: bool = False

    def apply(self, operation: Operation, body: Mapping[str, Any]) -> Json:
        changed = {name: value for name, value in body.items() if name not in self.dropped}
        for rename in self.renames:
            if operation in rename.operations and rename.old in changed:
                value = changed.pop(rename.old)
                changed.setdefault(rename.new, value)
        if self.developer_is_system and isinstance(messages := changed.get("messages"), list):
            changed["messages"] = [_from_system(message) for message in messages]
        return changed


def _from_system(message: Any) -> Any:
    if isinstance(message, dict) and message.get("role") == "developer":
        return {**message, "role": "system"}
    return message


@dataclass(slots=True)
class QuirkDecoder:
    """An OpenAI-compatible stream as the chunks that OpenAI would have sent."""

    quirks: Quirks
    _decoder: OpenAIDecoder = field(default_factory=OpenAIDecoder, init=False)
    _last: Json = field(default_factory=dict, init=False)
    _stray: Json | None = field(default=None, init=False)

    def feed(self, data: bytes) -> list[Json]:
        """Raises EventTooLong."""
        return [self._fixed(chunk) for chunk in self._decoder.feed(data)]

    def finish(self) -> list[Json]:
        chunks = [self._fixed(chunk) for chunk in self._decoder.finish()]
        if self._stray is not None:
            chunks.append({**_envelope(self._last), "choices": [], "usage": self._stray})
            self._stray = None
        return chunks

    def _fixed(self, chunk: Json) -> Json:
        self._last = chunk
        if isinstance(chunk.get("usage"), dict):
            # What stands at the usual place is complete; the stray copy of it must not be told twice.
            self._stray = None
        elif self.quirks.stray_usage is not None and isinstance(stray := self.quirks.stray_usage(chunk), dict):
            self._stray = stray
        if self.quirks.reasoning:
            move_reasoning(chunk, "delta", self.quirks.reasoning)
        return chunk


def _envelope(chunk: Json) -> Json:
    return {name: value for name, value in chunk.items() if name in {"id", "object", "created", "model"}}


def move_reasoning(answer: Json, place: str, name: str) -> Json:
    """In each choice's `message` or `delta` the reasoning goes to `reasoning_content`, where clients look for it."""
    choices = answer.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        said = choice.get(place) if isinstance(choice, dict) else None
        if isinstance(said, dict) and isinstance(said.get(name), str):
            text = said.pop(name)
            said.setdefault("reasoning_content", text)
    return answer
