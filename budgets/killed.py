"""What an attempt is charged whose process was killed: written down before its upstream is asked."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import orjson

from budgets.core.pricing import MILLION
from budgets.entries import Entry
from budgets.in_flight import MOST_TEXT, Left
from budgets.models import Basis

logger = logging.getLogger(__name__)

ERROR_CLASS = "GatewayKilled"


@dataclass(frozen=True, slots=True)
class KilledCharge:
    """Nano-dollars. `prompt_nano` is owed for having asked, `token_rate` for each million tokens of a stream that had

    gone to the client; `hold_nano` for a whole answer that was never seen, 0 to charge its prompt alone.
    """

    prompt_nano: int = 0
    token_rate: int = 0
    hold_nano: int = 0


def opened(entry: Entry, charge: KilledCharge) -> bytes:
    """The text of a slot: the charge, and the entry as it would be written."""
    head = b"%d %d %d\n" % (charge.prompt_nano, charge.token_rate, charge.hold_nano)
    text = head + entry.encode()
    if len(text) <= MOST_TEXT:
        return text
    # Names without end are the client's own doing; who pays stays.
    text = head + replace(entry, tags=[], **_cut(entry, _CHOSEN_BY_CLIENTS, 64)).encode()
    # Nobody has such names; whoever does owes all the same.
    return text if len(text) <= MOST_TEXT else head + replace(entry, tags=[], **_cut(entry, _TEXTS, 40)).encode()


def _cut(entry: Entry, names: Iterable[str], length: int) -> dict[str, Any]:
    return {name: getattr(entry, name)[:length] for name in names}


_CHOSEN_BY_CLIENTS = ("call_id", "requested_model", "model_group", "model", "end_user", "key_alias")
_TEXTS = tuple(one.name for one in fields(Entry) if one.type is str)


def settled(left: Left, *, now: datetime) -> bytes | None:
    """The line for the ledger; None for a text that is no record, which is logged."""
    try:
        head, _, line = left.text.partition(b"\n")
        prompt_nano, token_rate, hold_nano = map(int, head.split())
        entry = orjson.loads(line)
        amount = prompt_nano + (left.tokens * token_rate + MILLION // 2) // MILLION
        if not entry["stream"]:
            amount = max(prompt_nano, hold_nano)
    except (ValueError, KeyError, TypeError):
        logger.exception("A record of an attempt in flight makes no sense and is left out")
        return None
    entry |= {
        "status": "failure",
        "status_code": 500,
        "error_class": ERROR_CLASS,
        "basis": Basis.ESTIMATED.value,
        "ended_at": now,
        "completion_tokens": left.tokens,
        "amount_nano": amount,
    }
    return orjson.dumps(entry)
