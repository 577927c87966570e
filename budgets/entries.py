"""A ledger entry on its way to the database, and the one statement that stores a batch of them.

A batch travels as one JSON text: encoding costs the request path about two microseconds an entry, the database
does the parsing, and a line of the spool is the same text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import orjson

from budgets import batches
from budgets.models import LedgerEntry, UnrolledBatch


@dataclass(slots=True)
class Entry:
    """The columns of LedgerEntry, by the names the database knows. Times are UTC; texts must be free of NUL."""

    id: UUID
    request_id: UUID
    attempt: int
    call_id: str
    call_type: str
    status: str
    status_code: int
    started_at: datetime
    ended_at: datetime
    key_hash: str
    requested_model: str
    model_group: str
    deployment_id: str
    provider: str
    model: str
    stream: bool
    basis: str
    upstream_id: str = ""
    error_class: str = ""
    first_token_at: datetime | None = None
    key_alias: str = ""
    user_id: str = ""
    team_id: str = ""
    organization_id: str = ""
    end_user: str = ""
    tags: list[str] = field(default_factory=list)
    labels: dict[str, str] | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_creation_tokens: int = 0
    reasoning_tokens: int = 0
    units: int = 0
    unit: str = ""
    service_tier: str = ""
    amount_nano: int = 0
    original_nano: int | None = None
    corrects: UUID | None = None
    price_id: int | None = None

    def encode(self) -> bytes:
        """One line of JSON, without the newline."""
        return orjson.dumps(self)


def insert(lines: Sequence[bytes]) -> None:
    """Store encoded entries in one commit, with a note for the roll-up. An entry that is there is left as it is.

    Raises django.db.Error; then nothing of the batch is stored.
    """
    batches.insert(LedgerEntry, lines, later=_LATER, noted_in=UnrolledBatch)


# A line of the spool may be older than these columns.
_LATER = (("units", 0), ("unit", ""), ("organization_id", ""), ("service_tier", ""))
