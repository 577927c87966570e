"""Rows of DailySpend for tests."""

import uuid
from datetime import date
from typing import Any

from budgets.models import DailySpend
from budgets.totals import mend, months

DAY = date(2026, 11, 23)


def day_row(day: date = DAY, **columns: Any) -> DailySpend:
    """Ten successful calls for a dollar that is not saved yet; every call of this makes another row."""
    plain: dict[str, Any] = {
        "id": uuid.uuid4(),
        "day": day,
        "key_hash": "a" * 64,
        "call_type": "acompletion",
        "model_group": "gpt-4o",
        "model": "gpt-4o-2024-08-06",
        "provider": "openai",
        "deployment_id": "deployment-1",
        "amount_nano": 1_000_000_000,
        "requests": 10,
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "cached_tokens": 20,
        "cache_creation_tokens": 5,
        "milliseconds": 9000,
    }
    return DailySpend(**{**plain, **columns})


def keep_days(*rows: DailySpend) -> None:
    """With what they come to."""
    DailySpend.objects.bulk_create(rows)
    for month in months():
        mend(month)
