"""How alerting itself is, at the head of its settings."""

from datetime import datetime
from typing import Any

from alerts.admin.texts import clock, second, short, span
from alerts.engine_status import engine_status
from alerts.events.system import CHAIN_TROUBLES

_MOST_CHANNELS = 50


def engine_context(*, now: datetime) -> dict[str, Any]:
    found = engine_status(now=now)
    oldest = found["oldest_due_seconds"]
    return {
        "engine": {"text": "Well", "type": "success"} if found["is_well"] else {"text": "Not well", "type": "danger"},
        "engine_facts": [
            ("Beat and workers", second(found["last_tick_at"]) if found["last_tick_at"] else "not seen yet"),
            (
                "Oldest that is due",
                span(oldest) if oldest else "nothing waits",
            ),
            ("Last audit", second(found["audit"]["at"])),
            ("Gateway processes", f"{_alive(found, now=now)}"),
        ],
        "engine_findings": [
            (CHAIN_TROUBLES.get(one["trouble"], "A channel fails"), one["subject"], short(one["said"], 300))
            for one in found["audit"]["findings"]
        ],
        "engine_channels": found["channels"][:_MOST_CHANNELS],
        "heartbeat": _heartbeat(found["heartbeat"]),
    }


def _heartbeat(found: dict[str, Any]) -> dict[str, Any]:
    if not found["is_set"]:
        return {"facts": [("Heartbeat", "not set up")], "withheld": "", "error": ""}
    by = {"config": "config.yaml", "env": "the environment", "db": "this page"}[found["set_by"]]
    answer = found["answer"] or ("" if found["status"] is None else "nothing more")
    return {
        "facts": [
            ("Heartbeat", f"every {span(found['interval_seconds'])}, set by {by}"),
            ("Last ping", second(found["last_ping_at"]) if found["last_ping_at"] else "not yet"),
            ("Answer", short(f"{found['status'] or ''} {answer}".strip() or "-", 120)),
            ("Failing since", clock(found["failing_since"])),
        ],
        "withheld": found["withheld"],
        "error": found["error"],
    }


def _alive(found: dict[str, Any], *, now: datetime) -> int:
    return sum((now - one["seen_at"]).total_seconds() < 60 for one in found["processes"])
