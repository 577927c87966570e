"""Ledger entries for tests."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from budgets.entries import Entry

STARTED_AT = datetime(2026, 11, 23, 9, 25, 18, 275001, tzinfo=UTC)


def entry(**columns: Any) -> Entry:
    """A plain successful one; every call makes another."""
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "request_id": uuid.uuid4(),
        "attempt": 0,
        "call_id": "call-1",
        "call_type": "acompletion",
        "status": "success",
        "status_code": 200,
        "started_at": STARTED_AT,
        "ended_at": STARTED_AT + timedelta(milliseconds=1500),
        "key_hash": "a" * 64,
        "requested_model": "gpt-4o",
        "model_group": "gpt-4o",
        "deployment_id": "deployment-1",
        "provider": "openai",
        "model": "gpt-4o-2024-08-06",
        "stream": False,
        "basis": "usage",
    }
    return Entry(**{**plain, **columns})


def refused_entry() -> Entry:
    """One that no database takes: a column that must not be NULL is."""
    return entry(call_id=None)
