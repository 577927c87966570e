"""One gateway that loses patience within seconds, and every channel; each test has models of its own, since

incidents live on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.discord import FakeDiscord
from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.server import FakeServer
from tests.fakes.slack import FakeSlack
from tests.fakes.smtp import FakeSmtp
from tests.fakes.teams import FakeTeams
from tests.fakes.upstream import FakeUpstream
from tests.functional.alerting.causes import THRESHOLD, WINDOW
from tests.functional.alerting.heard import (
    Ear,
    MailEar,
    PagerEar,
    WebEar,
    discord_ear,
    slack_ear,
    teams_ear,
    webhook_ear,
)
from tests.functional.alerting.scene import Scene
from tests.functional.budgets.money import PRICES
from tests.gateway import Gateway, model

FREE = {"input_cost_per_token": 0, "output_cost_per_token": 0}
PLAIN = ("quick", "hangs", "talks", "stalls", "starts-late", "breaks", "refused", "rare", "long-ago", "pays", "drags",
         "alone", "mistaken", "errs", "keyless", "throttled")  # fmt: skip
PLACED = {"eu-one": "eu", "eu-two": "eu", "us-one": "us", "sa-one": "sa", "ap-one": "ap"}
# Two deployments each, so that one can be spared.
TWINS = ("cools", "stays")


@dataclass(frozen=True)
class Stage:
    """A gateway with its upstream and what its channels hear."""

    gateway: Gateway
    upstream: FakeUpstream
    ears: Mapping[str, Ear]

    def scene(self, *about: str) -> Scene:
        """About whatever holds one of these words; without any, about everything from now on."""
        if not about:
            self.clear()
        return Scene(self.ears, about or None)

    @property
    def slack(self) -> FakeServer:
        """The server behind the ear."""
        ear = self.ears["slack"]
        assert isinstance(ear, WebEar)
        return ear.server

    def clear(self) -> None:
        for ear in self.ears.values():
            ear.clear()


@pytest.fixture(scope="package")
def ears() -> Iterator[dict[str, Ear]]:
    with (
        FakeSlack() as slack,
        FakeTeams() as teams,
        FakeDiscord() as discord,
        FakePagerDuty() as pager,
        FakeServer() as webhook,
        FakeSmtp() as smtp,
    ):
        yield {
            "slack": slack_ear(slack),
            "ms_teams": teams_ear(teams),
            "discord": discord_ear(discord),
            "pagerduty": PagerEar("pagerduty", pager),
            "webhook": webhook_ear(webhook),
            "email": MailEar("email", smtp),
        }


def addresses(ears: Mapping[str, Any]) -> dict[str, str]:
    """The environment in which a gateway finds the channels that config.yaml may switch on."""
    return {
        "SLACK_WEBHOOK_URL": f"{ears['slack'].server.url}/services/T/B/secret",
        "MS_TEAMS_WEBHOOK_URL": f"{ears['ms_teams'].server.url}/workflows/1?sig=hidden",
        "WEBHOOK_URL": f"{ears['webhook'].server.url}/hook",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(ears["email"].server.port),
        "SMTP_TLS": "False",
        "SMTP_SENDER_EMAIL": "gateway@example.com",
    }


# What the environment has no address for: PagerDuty's own is not on this machine. Many tests speak through these
# channels, whose messages must not be merged for their number.
_CHANNELS = """
from alerts.models import AlertChannel, AlertRoute
AlertChannel.objects.update(most_per_minute=0)
def beside(name, types, **columns):
    made = AlertChannel.objects.create(name=name, kind=name, private_address_allowed=True, most_per_minute=0, **columns)
    AlertRoute.objects.create(name=name, position=1, alert_types=types, goes_on=True).channels.add(made)
urgent = ["outage_alerts", "region_outage_alerts", "llm_requests_hanging", "db_exceptions", "failed_tracking_spend"]
beside("pagerduty", urgent, url="{pagerduty}/v2/enqueue", secret="{key}")
beside("discord", ["outage_alerts", "region_outage_alerts"], url="{discord}/api/webhooks/1/token")
"""


def add_channels(gateway: Gateway, ears: Mapping[str, Any]) -> None:
    pagerduty, discord = ears["pagerduty"].server.url, ears["discord"].server.url
    ran = gateway.run("manage", "shell", "-c", _CHANNELS.format(pagerduty=pagerduty, discord=discord, key="a" * 32))
    assert ran.returncode == 0, ran.stderr


@pytest.fixture(scope="package")
def stage(
    tmp_path_factory: pytest.TempPathFactory, shared_upstream: FakeUpstream, ears: dict[str, Ear]
) -> Iterator[Stage]:
    """SQLite, and each channel by the variables that LiteLLM has for it."""
    url = shared_upstream.url
    config: dict[str, Any] = {
        "model_list": [
            *(model(name, url, **FREE) for name in PLAIN),
            *(model(name, url, region_name=region, **FREE) for name, region in PLACED.items()),
            *({**model(name, url, **FREE), "model_info": {"id": f"{name}-{n}"}} for name in TWINS for n in (1, 2)),
            *(model(name, url, **PRICES) for name in ("dear", "cheap")),
            *(model(name, url) for name in ("unpriced", "broken-unpriced")),
        ],
        "general_settings": {
            "alerting": ["slack", "ms_teams", "webhook", "email"],
            "alerting_threshold": THRESHOLD,
            "alerting_args": {
                "outage_alert_ttl": WINDOW,
                "region_outage_alert_ttl": WINDOW,
                "minor_outage_alert_threshold": 3,
                "major_outage_alert_threshold": 6,
                "outage_min_requests": 50,
                "slow_percentile": {
                    "percentile": 90,
                    "min_requests": 5,
                    "models": {"drags": {"seconds": 0.2}, "quick": {"seconds": 5}},
                },
            },
        },
        "router_settings": {"num_retries": 0},
    }
    data: Path = tmp_path_factory.mktemp("gateway")
    with Gateway(data, config, environment=addresses(ears)) as gateway:
        add_channels(gateway, ears)
        yield Stage(gateway, shared_upstream, ears)
    assert "Traceback" not in gateway.log(), gateway.log()


@pytest.fixture(autouse=True)
def _fresh_upstream(shared_upstream: FakeUpstream) -> Iterator[None]:
    """What one test scripted or changed is nothing to the next."""
    yield
    shared_upstream.clear()
    shared_upstream.latency_seconds = shared_upstream.chunk_delay_seconds = 0.0
    shared_upstream.chunk_count, shared_upstream.completion_tokens = 4, None
