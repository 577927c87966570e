"""Ops as the Lua script reads them, and its replies as answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from budgets.core.admission import (
    MAX_NANO,
    Answer,
    Ask,
    Granted,
    MeterCheck,
    Op,
    Refused,
    RefusedBy,
    Settle,
    Unseeded,
)
from budgets.core.meters import bucket_width

_REFUSED_BY = (RefusedBy.COUNTER, RefusedBy.PARALLEL, RefusedBy.REQUESTS, RefusedBy.TOKENS)
_GRANTED, _REFUSED, _UNSEEDED = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again in a moment: other processes have yet to say what they hold."""

    milliseconds: int


def encode(ops: Sequence[Op]) -> bytes:
    return orjson.dumps([_encoded(op) for op in ops])


def decode(ops: Sequence[Op], replies: Sequence[Any], *, now_ms: int, wait_ms: int) -> list[Answer | Wait | None]:
    return [
        _answer(op, reply, now_ms, wait_ms) if type(op) is Ask else None
        for op, reply in zip(ops, replies, strict=True)
    ]  # fmt: skip


def _encoded(op: Op) -> list[Any]:
    if isinstance(op, Ask):
        return [
            1,
            min(op.ceiling_nano, MAX_NANO),
            min(op.floor_nano, MAX_NANO),
            min(op.tokens, MAX_NANO),
            [[check.key, min(check.limit_nano, MAX_NANO), check.expires_at] for check in op.counters],
            [_meter(check) for check in op.meters],
            [[check.key, check.limit] for check in op.parallels],
        ]
    if isinstance(op, Settle):
        return [
            2,
            [[key, release, _within(spent), expires_at] for key, release, spent, expires_at in op.counters],
            [
                [key, (width := bucket_width(window)), window, bucket_ms // width, _within(difference)]
                for key, window, bucket_ms, difference in op.meters
                if bucket_ms > 0
            ],
            op.parallels,
        ]
    return [3, op.key, _within(op.spent_nano), op.expires_at, int(op.only_raises)]


def _meter(check: MeterCheck) -> list[Any]:
    requests = -1 if check.requests is None else min(check.requests, MAX_NANO)
    tokens = -1 if check.tokens is None else min(check.tokens, MAX_NANO)
    return [check.key, bucket_width(check.window_seconds), check.window_seconds, requests, tokens]


def _within(amount: int) -> int:
    return max(-MAX_NANO, min(amount, MAX_NANO))


def _answer(ask: Ask, reply: list[int], now_ms: int, wait_ms: int) -> Answer | Wait:
    kind = reply[0]
    if kind == _GRANTED:
        meters = 2 + len(ask.counters)
        parallels = meters + 2 * len(ask.meters)
        remaining = [
            (None if check.requests is None else reply[at], None if check.tokens is None else reply[at + 1])
            for at, check in zip(range(meters, parallels, 2), ask.meters, strict=True)
        ]
        return Granted(ask.id, reply[1], tuple(reply[2:meters]), tuple(remaining), tuple(reply[parallels:]), now_ms)
    if kind == _REFUSED:
        return Refused(ask.id, _REFUSED_BY[reply[1] - 1], *reply[2:])
    if kind == _UNSEEDED:
        return Unseeded(ask.id, tuple(ask.counters[index].key for index in reply[1:]))
    return Wait(wait_ms)
