"""The output items of a Response, and the events that tell how each comes about. Pure."""

from dataclasses import dataclass, field
from typing import Any

from proxy.core.dialects.base import Json
from proxy.core.dialects.blocks import Block, Kind, Move, Step

Event = tuple[str, Json]


@dataclass(frozen=True, slots=True)
class _Telling:
    """How a block's text is told: `delta` and `done` are events, `text` is what the latter calls the whole text.

    `part` begins the names of the events about the part that the text stands in; a call's arguments stand in none.
    """

    prefix: str
    delta: str
    done: str
    text: str
    part: str = ""
    kind: str = ""
    place: Json = field(default_factory=dict)
    extra: Json = field(default_factory=dict)


_TELLINGS = {
    Kind.CALL: _Telling(
        prefix="fc",
        delta="response.function_call_arguments.delta",
        done="response.function_call_arguments.done",
        text="arguments",
    ),
    Kind.REASONING: _Telling(
        prefix="rs",
        delta="response.reasoning_summary_text.delta",
        done="response.reasoning_summary_text.done",
        text="text",
        part="response.reasoning_summary_part",
        kind="summary_text",
        place={"summary_index": 0},
    ),
    Kind.REFUSAL: _Telling(
        prefix="msg",
        delta="response.refusal.delta",
        done="response.refusal.done",
        text="refusal",
        part="response.content_part",
        kind="refusal",
        place={"content_index": 0},
    ),
    Kind.TEXT: _Telling(
        prefix="msg",
        delta="response.output_text.delta",
        done="response.output_text.done",
        text="text",
        part="response.content_part",
        kind="output_text",
        place={"content_index": 0},
        extra={"logprobs": []},
    ),
}


def item(block: Block, stem: str, *, status: str) -> Json:
    """The item as it stands: empty while it is `in_progress`."""
    text = "" if status == "in_progress" else block.text
    parts = [] if status == "in_progress" else [_part(block, text)]
    name = _name(block, stem)
    if block.kind is Kind.CALL:
        return {
            "id": name,
            "type": "function_call",
            "status": status,
            "call_id": block.call_id or f"call_{stem}_{block.index}",
            "name": block.name,
            "arguments": text,
        }
    if block.kind is Kind.REASONING:
        return {"id": name, "type": "reasoning", "summary": parts}
    return {"id": name, "type": "message", "status": status, "role": "assistant", "content": parts}


def events(step: Step, stem: str, *, status: str) -> list[Event]:
    """Without their numbers. `status` is how an item ends that this step closes."""
    block, telling = step.block, _TELLINGS[step.block.kind]
    where: Json = {"item_id": _name(block, stem), "output_index": block.index, **telling.place}
    if step.move is Move.GROW:
        return [(telling.delta, {**where, **telling.extra, "delta": step.piece})]
    if step.move is Move.OPEN:
        added = {"output_index": block.index, "item": item(block, stem, status="in_progress")}
        told: list[Event] = [("response.output_item.added", added)]
        if telling.part:
            told.append((f"{telling.part}.added", {**where, "part": _part(block, "")}))
        return told
    told = [(telling.done, {**where, **telling.extra, telling.text: block.text})]
    if telling.part:
        told.append((f"{telling.part}.done", {**where, "part": _part(block, block.text)}))
    done = {"output_index": block.index, "item": item(block, stem, status=status)}
    return [*told, ("response.output_item.done", done)]


def _name(block: Block, stem: str) -> str:
    return f"{_TELLINGS[block.kind].prefix}_{stem}_{block.index}"


def _part(block: Block, text: str) -> Json:
    telling = _TELLINGS[block.kind]
    part: dict[str, Any] = {"type": telling.kind, telling.text: text}
    if block.kind is Kind.TEXT:
        part |= {"annotations": [], "logprobs": []}
    return part
