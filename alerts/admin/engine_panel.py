"""How alerting itself is, at the head of its settings."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext

from alerts.admin.texts import clock, second, short, span
from alerts.engine_status import engine_status
from alerts.events.system import CHAIN_TROUBLES

_MOST_CHANNELS = 50


def engine_context(*, now: datetime) -> dict[str, Any]:
    found = engine_status(now=now)
    oldest = found["oldest_due_seconds"]
    return {
        "engine": {"text": gettext("Well"), "type": "success"}
        if found["is_well"]
        else {"text": gettext("Not well"), "type": "danger"},
        "engine_facts": [
            (
                gettext("Beat and workers"),
                second(found["last_tick_at"]) if found["last_tick_at"] else gettext("not seen yet"),
            ),
            (
                gettext("Oldest that is due"),
                span(oldest) if oldest else gettext("nothing waits"),
            ),
            (gettext("Last audit"), second(found["audit"]["at"])),
            (gettext("Gateway processes"), f"{_alive(found, now=now)}"),
        ],
        "engine_findings": [
            (CHAIN_TROUBLES.get(one["trouble"], gettext("A channel fails")), one["subject"], short(one["said"], 300))
            for one in found["audit"]["findings"]
        ],
        "engine_channels": found["channels"][:_MOST_CHANNELS],
        "heartbeat": _heartbeat(found["heartbeat"]),
    }


def _heartbeat(found: dict[str, Any]) -> dict[str, Any]:
    if not found["is_set"]:
        return {"facts": [(gettext("Heartbeat"), gettext("not set up"))], "withheld": "", "error": ""}
    by = {"config": "config.yaml", "env": gettext("the environment"), "db": gettext("this page")}[found["set_by"]]
    answer = found["answer"] or ("" if found["status"] is None else gettext("nothing more"))
    return {
        "facts": [
            (
                gettext("Heartbeat"),
                gettext("every %(span)s, set by %(by)s") % {"span": span(found["interval_seconds"]), "by": by},
            ),
            (gettext("Last ping"), second(found["last_ping_at"]) if found["last_ping_at"] else gettext("not yet")),
            (gettext("Answer"), short(f"{found['status'] or ''} {answer}".strip() or "-", 120)),
            (gettext("Failing since"), clock(found["failing_since"])),
        ],
        "withheld": found["withheld"],
        "error": found["error"],
    }


def _alive(found: dict[str, Any], *, now: datetime) -> int:
    return sum((now - one["seen_at"]).total_seconds() < 60 for one in found["processes"])
