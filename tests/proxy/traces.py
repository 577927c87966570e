"""Traces for tests: a plain request that one deployment answered, and what became of traces once they were put."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from proxy.core.trace import Attempted, Noted, Selected, Trace
from proxy.models import RequestTrace
from proxy.traces import TraceWriter

AT = datetime(2026, 11, 23, 9, 25, 18, 275001, tzinfo=UTC)
STEPS = (
    Selected("gpt-4o", "simple-shuffle", 2, ("east", "west"), (("old", "cooldown"),), "east"),
    Attempted(0, "east", "openai", "gpt-4o-2024-08-06", 0.0004, 0.81, 200),
)


def trace(*, steps: Any = STEPS, **columns: Any) -> Trace:
    """A plain successful one; every call makes another."""
    plain: dict[str, Any] = {
        "call_id": "call-1",
        "request_id": uuid.uuid4(),
        "began_at": AT,
        "route": "/v1/chat/completions",
        "operation": "chat",
        "model": "gpt-4o",
        "model_group": "gpt-4o",
        "deployment": "east",
        "key_hash": "a" * 64,
        "status": 200,
        "seconds": 0.8125,
        "steps": list(steps),
    }
    return Trace(**{**plain, **columns})


def failed(**columns: Any) -> Trace:
    """Two deployments were asked in vain, and a fallback was not allowed."""
    steps = (
        Selected("gpt-4o", "simple-shuffle", 2, ("east", "west"), (), "east"),
        Attempted(0, "east", "openai", "gpt-4o", 0.001, 0.2, 500, "InternalServerError", 5.0, "failure_rate"),
        Noted("retry", (("number", 1), ("of", 2), ("delay_seconds", 0.5))),
        Attempted(1, "west", "openai", "gpt-4o", 0.7, 0.9, 429, "RateLimitError"),
        Noted("fallback_denied", (("model_group", "secret-model"), ("because", "the key may not call it"))),
    )
    told = {"status": 429, "error_class": "RateLimitError", "message": "litellm.RateLimitError: slow down"}
    return trace(**{"steps": steps, **told, **columns})


def keep(*traces: Trace) -> list[RequestTrace]:
    """Store them as the gateway does, and give back the rows in the same order."""
    writer = TraceWriter()
    for one in traces:
        writer.put(one)
    writer.store_waiting()
    assert writer.dropped == 0
    rows = RequestTrace.objects.in_bulk([one.request_id for one in traces])
    return [rows[one.request_id] for one in traces]


def keep_many(count: int, **columns: Any) -> None:
    """One a second, oldest first."""
    keep(*(trace(began_at=AT + timedelta(seconds=number), **columns) for number in range(count)))
