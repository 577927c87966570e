"""The deltas of a chat completion put in order: one block after another, as the newer dialects tell an answer. Pure.

In a chat completion reasoning, text and several tool calls may arrive in turns. A block of Messages or an item of
Responses is told to its end before the next begins. So the first block is told as it arrives; what belongs to later
ones waits until it is complete. With the upstreams there are, which send one after the other, nothing waits.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import orjson

from proxy.core.dialects.base import Json


class Kind(Enum):
    REASONING = auto()
    TEXT = auto()
    REFUSAL = auto()
    CALL = auto()


class Move(Enum):
    OPEN = auto()
    GROW = auto()
    CLOSE = auto()


@dataclass(slots=True)
class Block:
    """`index` is its place in the answer. Of a call, `text` are the arguments."""

    kind: Kind
    index: int
    call_id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    told: int = 0
    open: bool = False
    closed: bool = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def is_complete(self) -> bool:
        """Whether nothing can follow: another kind of text ends one, the end of its JSON a call."""
        if self.kind is not Kind.CALL:
            return True
        if not self.pieces or not self.pieces[-1].rstrip().endswith("}"):
            return False
        try:
            return isinstance(orjson.loads(self.text), dict)
        except orjson.JSONDecodeError:
            return False


@dataclass(frozen=True, slots=True)
class Step:
    """What to tell next; `piece` is what a block grows by, never empty."""

    move: Move
    block: Block
    piece: str = ""


@dataclass(slots=True)
class Blocks:
    """Feed it deltas; it gives back steps: each block is opened once, grows, and is closed once, in order."""

    has_calls: bool = field(default=False, init=False)
    has_refusal: bool = field(default=False, init=False)
    _count: int = field(default=0, init=False)
    _waiting: deque[Block] = field(default_factory=deque, init=False)
    _calls: dict[int, Block] = field(default_factory=dict, init=False)

    def feed(self, delta: Json) -> Iterator[Step]:
        for kind, names in _TEXTS:
            if piece := next(filter(None, (_text(delta.get(name)) for name in names)), ""):
                self._append(kind, piece)
        for call in dicts(delta.get("tool_calls")):
            self._call(call)
        return self._tell(last=False)

    def finish(self) -> Iterator[Step]:
        return self._tell(last=True)

    def _append(self, kind: Kind, piece: str) -> None:
        if not self._waiting or self._waiting[-1].kind is not kind:
            self._waiting.append(self._new(kind))
        self._waiting[-1].pieces.append(piece)
        self.has_refusal = self.has_refusal or kind is Kind.REFUSAL

    def _call(self, call: Json) -> None:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        call_id, name = _string(call.get("id")), _string(function.get("name"))
        block = self._known(call.get("index"), call_id, name)
        block.call_id = block.call_id or call_id
        block.name = block.name or name
        # Behind the end of its JSON nothing can follow that means anything.
        if (piece := _arguments(function.get("arguments"))) and not block.closed:
            block.pieces.append(piece)

    def _known(self, index: Any, call_id: str, name: str) -> Block:
        """The call that a delta goes on with, or a new one."""
        key = index if type(index) is int else max(self._calls, default=0)
        block = self._calls.get(key)
        # Some upstreams number every call 0, or none; a second name under another id is a second call.
        another = block is not None and call_id and name and block.call_id not in {"", call_id}
        if block is None or another:
            block = self._calls[key] = self._new(Kind.CALL)
            self._waiting.append(block)
            self.has_calls = True
        return block

    def _new(self, kind: Kind) -> Block:
        block = Block(kind, self._count)
        self._count += 1
        return block

    def _tell(self, *, last: bool) -> Iterator[Step]:
        while self._waiting:
            block = self._waiting[0]
            if not block.open:
                if block.kind is Kind.CALL and not block.name and not last:
                    return
                block.open = True
                yield Step(Move.OPEN, block)
            if piece := "".join(block.pieces[block.told :]):
                block.told = len(block.pieces)
                yield Step(Move.GROW, block, piece)
            if not last and (len(self._waiting) == 1 or not block.is_complete()):
                return
            self._waiting.popleft()
            block.closed = True
            yield Step(Move.CLOSE, block)


def whole(message: Json) -> list[Block]:
    """The blocks of an answer that came in one piece."""
    blocks = Blocks()
    calls = [{**call, "index": number} for number, call in enumerate(dicts(message.get("tool_calls")))]
    steps = [*blocks.feed({**message, "tool_calls": calls}), *blocks.finish()]
    return [step.block for step in steps if step.move is Move.CLOSE]


def dicts(value: Any) -> list[Json]:
    """The objects in an upstream's array."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A text, or the texts of an array of parts."""
    if isinstance(value, list):
        return "".join(_string(part.get("text")) for part in dicts(value))
    return _string(value)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: Any) -> str:
    """Some local servers send an object where the wire has its text."""
    if not isinstance(value, dict):
        return _string(value)
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError:
        return ""


_TEXTS = (
    (Kind.REASONING, ("reasoning_content", "reasoning")),
    (Kind.TEXT, ("content",)),
    (Kind.REFUSAL, ("refusal",)),
)
