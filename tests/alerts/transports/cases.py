"""A channel of each kind beside a fake that answers as its vendor does, for what holds for all of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports import TRANSPORTS
from alerts.transports.base import HttpTransport
from tests.fakes.alertmanager import FakeAlertmanager
from tests.fakes.discord import FakeDiscord
from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.server import FakeServer, Received, Reply
from tests.fakes.slack import FakeSlack
from tests.fakes.teams import FakeTeams

SECRET = "hidden0123456789"
KEY = SECRET * 2

FULL = Message(
    kind="firing",
    alert_type="llm_exceptions",
    level="High",
    title="gpt-4o fails",
    at="2026-11-23T12:05:00+00:00",
    details={"Model": "gpt-4o", "Error": "InternalServerError: it broke"},
    count=3,
    link="https://gateway.example",
    id="0b8d6e0e-0000-4000-8000-000000000001",
    incident_id="0b8d6e0e-0000-4000-8000-000000000002",
    opened_at="2026-11-23T12:00:00+00:00",
    actor="ada",
    labels={"model": "gpt-4o", "team_id": "search", "region": ""},
    links=(("Incident", "https://gateway.example/admin/1"), ("Runbook", "https://wiki.example/it-broke")),
    sections=(("Top models", ("gpt-4o: $12.00", "gpt-4o-mini: $1.00")),),
    files=(("spend.csv", "model,spend\r\ngpt-4o,12.00\r\n"),),
    recipients=("owner@example.com",),
    compatibility={"spend": 12.0, "event": "threshold_crossed"},
)
KINDS = ("firing", "repeat", "escalated", "acknowledged", "resolved", "notice", "digest", "test")


@dataclass(frozen=True)
class HttpCase:
    """`taken` are good answers, by vendor's manual; `retried` and `refused` statuses that tell what to do.

    What is `doubted` is tried again a few times.
    """

    kind: str
    fake: Callable[[], FakeServer]
    path: str
    taken: tuple[Reply, ...]
    retried: tuple[int, ...]
    refused: tuple[int, ...]
    doubted: tuple[int, ...] = ()
    query: str = ""
    secret: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    # 2xx that mean something went wrong, and are tried again.
    complaints: tuple[Reply, ...] = ()

    @property
    def transport(self) -> HttpTransport:
        transport = TRANSPORTS[self.kind]
        assert isinstance(transport, HttpTransport)
        return transport

    def channel(self, base: str = "https://vendor.example", **columns: Any) -> AlertChannel:
        address = f"{base}{self.path}{f'?{self.query}' if self.query else ''}"
        plain = {"url": address, "secret": self.secret, "options": dict(self.options), "private_address_allowed": True}
        return AlertChannel(name="ops", kind=self.kind, **{**plain, **columns})

    def received(self, body: bytes, message: Message) -> Received:
        """What the fake would have got, without a network."""
        address = self.transport.address(self.channel(), message)
        path, _, query = address.removeprefix("https://vendor.example").partition("?")
        pairs = dict(one.split("=", 1) for one in query.split("&") if one)
        return Received("POST", path, pairs, {"authorization": f"Bearer {self.secret}"}, body, 0.0)


class FakeReceiver(FakeServer):
    """A webhook of somebody who answers nothing."""


HTTP_CASES = (
    HttpCase(
        "slack",
        FakeSlack,
        f"/services/T0/B0/{SECRET}",
        taken=(Reply(200, "ok"),),
        retried=(408, 425, 429, 500, 502, 503, 504),
        refused=(400, 403, 404, 410),
        complaints=(Reply(200, "<html>Sign in</html>"), Reply(200, "invalid_payload"), Reply(202, "ok")),
    ),
    HttpCase(
        "discord",
        FakeDiscord,
        f"/api/webhooks/1234567890/{SECRET}",
        taken=(Reply(200, {"id": "1"}), Reply(204)),
        retried=(408, 425, 429, 500, 502, 503, 504),
        refused=(400, 401, 403, 404),
        complaints=(Reply(202),),
    ),
    HttpCase(
        "ms_teams",
        FakeTeams,
        "/workflows/0123456789abcdef/triggers/manual/paths/invoke",
        query=f"api-version=2016-06-01&sig={SECRET}",
        taken=(Reply(202), Reply(200, "1"), Reply(200)),
        retried=(408, 425, 429, 500, 502, 503, 504),
        refused=(400, 401, 403, 404, 410, 413),
        complaints=(
            Reply(200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"),
            Reply(200, "<html>Sign in</html>"),
        ),
    ),
    HttpCase(
        "pagerduty",
        FakePagerDuty,
        "/v2/enqueue",
        secret=KEY,
        taken=(Reply(202, {"status": "success"}),),
        retried=(408, 425, 429, 500, 502, 503, 504),
        refused=(400, 401, 403, 404, 413),
        complaints=(Reply(200, "<html>Sign in</html>"),),
    ),
    HttpCase(
        "webhook",
        FakeReceiver,
        f"/hooks/{SECRET}",
        secret=KEY,
        taken=(Reply(200), Reply(201), Reply(202), Reply(204)),
        retried=(408, 425, 429, 500, 502, 503, 504),
        refused=(410,),
        doubted=(400, 401, 403, 404, 413, 422),
    ),
    HttpCase(
        "alertmanager",
        lambda: FakeAlertmanager(token=KEY),
        f"/{SECRET}",
        secret=KEY,
        taken=(Reply(200),),
        retried=(408, 425, 429, 500, 502, 503, 504),
        refused=(400, 401, 403, 404),
        complaints=(Reply(202),),
    ),
)
