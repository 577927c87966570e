"""What an attempt is charged whose process was killed: written down before its upstream is asked."""

import logging
from dataclasses import dataclass, replace
from datetime import datetime

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
    short = replace(
        entry, tags=[], call_id=entry.call_id[:64], requested_model=entry.requested_model[:64], key_alias=""
    )
    text = head + short.encode()
    return text if len(text) <= MOST_TEXT else head + replace(short, end_user=entry.end_user[:32]).encode()


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
