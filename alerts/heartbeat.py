"""The dead man's switch: an address that is called for as long as alerts are truly told, and not a moment longer.

That it is called says that beat ticks, a worker takes its tasks and the database takes what they write, since none of
these is missing on the way to the call; that nothing which is due is stuck is asked before.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from alerts.audit import TOLD_AFTER, look
from alerts.core.message import truncate
from alerts.models import AlertSettings, EngineState
from alerts.operator import HEARTBEAT_URL
from alerts.transports.base import TransportError, call
from alerts.transports.redaction import without_secrets

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 60
SHORTEST_SECONDS = 10
_MOST_SAID = 2000
_LONGEST_ANSWER = 200


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`tells_failure`: what is wrong is posted to the address with /fail behind its path."""

    url: str = field(repr=False)
    set_by: Literal["config", "db", "env"]
    private_allowed: bool
    interval: float
    tells_failure: bool


def heartbeat() -> Heartbeat | None:
    """What is set up: by config.yaml or the admin, else by the environment."""
    row = AlertSettings.load()
    url = row.heartbeat_url or settings.ALERT_HEARTBEAT_URL
    if not url:
        return None
    by: Literal["config", "db", "env"] = "config" if HEARTBEAT_URL in row.configured else "db"
    set_by = by if row.heartbeat_url else "env"
    return Heartbeat(
        url=url,
        set_by=set_by,
        private_allowed=set_by != "db" or row.heartbeat_private_address_allowed,
        interval=max(SHORTEST_SECONDS, row.argument("heartbeat_interval", INTERVAL_SECONDS)),
        tells_failure=row.alerting_args.get("heartbeat_tells_failure") is True,
    )


def beat(wanted: Heartbeat, *, now: datetime) -> bool:
    """Call the address, unless something is wrong; whether it was called and took it."""
    wrong = [f"{one.event().title()}. {one.said}" for one in look(now=now, late_by=TOLD_AFTER) if one.withholds]
    audited_at = EngineState.load().audited_at
    if audited_at is None or audited_at <= now - TOLD_AFTER:
        wrong.append("The audit of alerting does not come to its end.")
    if not wrong:
        return _ping(wanted, now=now)
    withheld = truncate(" ".join(wrong), _MOST_SAID)
    logger.error("The heartbeat is withheld: alerting does not do what it should")
    EngineState.objects.filter(pk=1).update(ping_withheld=withheld)
    if wanted.tells_failure:
        _call(wanted, "POST", _failure_url(wanted.url), withheld.encode("utf-8", "replace"))
    return False


def _ping(wanted: Heartbeat, *, now: datetime) -> bool:
    status, answer, error = _call(wanted, "GET", wanted.url, b"")
    state = EngineState.load()
    EngineState.objects.filter(pk=1).update(
        ping_withheld="",
        ping_status=status,
        ping_answer=answer,
        ping_error=error,
        ping_failing_since=(state.ping_failing_since or now) if error else None,
        **({} if error else {"pinged_at": now}),
    )
    return not error


def _call(wanted: Heartbeat, method: str, url: str, body: bytes) -> tuple[int | None, str, str]:
    """Status, answer, and what is wrong; never raises, and quotes no part of the address."""
    headers = {"Content-Type": "text/plain; charset=utf-8"} if body else {}
    try:
        found = call(method, url, body, headers, private_allowed=wanted.private_allowed, whom="receiver")
    except TransportError as failed:
        status, answer, error = None, "", str(failed)
    else:
        answer = truncate(without_secrets(found.text.strip(), url), _LONGEST_ANSWER)
        status, error = found.status, "" if 200 <= found.status < 300 else f"The receiver answered {found.status}."
    if error:
        logger.warning("The heartbeat was not taken", extra={"error": error, "method": method})
    return status, answer, error


def _failure_url(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
