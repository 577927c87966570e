"""Gauges of rate limits: of who has one, unused ones included, and nothing of who has none."""

from collections.abc import Sequence
from typing import Any

import pytest

from budgets.core.admission import Ask, MeterCheck
from budgets.core.local_admission import LocalAdmission
from budgets.limits.meters_used import MetersUsed
from proxy.metrics.gauges import DroppedSeries, Gauges
from proxy.metrics.limits import LimitMetrics
from proxy.metrics.settings import MetricSettings
from teams import revisions
from teams.holders import Holders
from teams.models import Budget, Team, VirtualKey
from teams.services import issue_key
from teams.snapshot import KeySnapshot
from tests.proxy.metrics.page import Page as PlainPage

pytestmark = pytest.mark.django_db
ALLOWED, USED = "litellm_api_key_rate_limit_allowed_metric", "litellm_api_key_rate_limit_used_metric"
NOW = 1_000_000.0


class Page(PlainPage):
    def __init__(self, **litellm: Any) -> None:
        self.keys = KeySnapshot(admin_id="default_user_id")
        self.local = LocalAdmission()
        self.meters = MetersUsed("", self.local, lambda: NOW)
        gauges = Gauges(MetricSettings.read(litellm))
        super().__init__(LimitMetrics(gauges, Holders(self.keys), self._used), DroppedSeries(gauges))

    def _used(self, checks: Sequence[MeterCheck]) -> list[tuple[int, int]]:
        return self.meters.read(checks)

    def text(self) -> str:
        self.keys.follow(revisions.current().get(revisions.KEYS, 0))
        return super().text()

    def asked(self, key: str, *, tokens: int = 0, window: int = 60) -> None:
        self.local.run([Ask(1, meters=(MeterCheck(key, window, 99, 9999),), tokens=tokens)], now_ms=int(NOW * 1000))


@pytest.fixture
def page() -> Page:
    return Page()


def key(**columns: Any) -> VirtualKey:
    row = VirtualKey(**columns)
    issue_key(row)
    return row


def test_of_who_has_no_limit_there_is_nothing(page: Page) -> None:
    key()
    key(max_budget_nano=1)
    assert "rate_limit_allowed_metric{" not in page.text()
    assert "_for_model{" not in page.text()
    assert "e+18" not in page.text()


def test_a_keys_limits_and_what_is_used_of_them(page: Page) -> None:
    own = key(rpm_limit=10, alias="mine", tpd_limit=500)
    labels = {"hashed_api_key": own.token_hash, "api_key_alias": "mine"}
    assert page.samples(USED) == [
        ({**labels, "rate_limit_type": "requests"}, 0),
        ({**labels, "rate_limit_type": "tokens_per_day"}, 0),
    ]
    page.asked(f"api_key:{own.token_hash}", tokens=7)
    page.asked(f"api_key:{own.token_hash}:day", tokens=7, window=86_400)
    assert page.value(USED, rate_limit_type="requests") == 1
    assert page.value(USED, rate_limit_type="tokens_per_day") == 7
    assert page.value(ALLOWED, rate_limit_type="requests") == 10


def test_a_limit_of_nothing_is_one_and_a_limit_that_is_taken_away_is_gone(page: Page) -> None:
    own = key(rpm_limit=0)
    assert page.value(ALLOWED) == 0
    own.rpm_limit = None
    own.save()
    assert page.samples(ALLOWED) == []


def test_a_key_has_the_limits_of_the_budget_that_it_is_linked_to(page: Page) -> None:
    key(budget=Budget.objects.create(id="b", tpm_limit=6))
    assert page.value(ALLOWED, rate_limit_type="tokens") == 6


def test_a_team_has_its_own(page: Page) -> None:
    Team.objects.create(id="t", alias="a team", tpm_limit=100)
    page.asked("team:t", tokens=40)
    labels = {"team": "t", "team_alias": "a team", "rate_limit_type": "tokens"}
    assert page.samples("litellm_team_rate_limit_allowed_metric") == [(labels, 100)]
    assert page.samples("litellm_team_rate_limit_used_metric") == [(labels, 40)]


def test_what_a_key_has_left_for_a_model_is_shown_where_it_is_limited(page: Page) -> None:
    own = key(metadata={"model_rpm_limit": {"gpt-4o": 5}, "model_tpm_limit": {"gpt-4o": 30, "o3": 1}})
    page.asked(f"model_per_key:{own.token_hash}:gpt-4o", tokens=40)
    labels = {"hashed_api_key": own.token_hash, "api_key_alias": "None", "model_id": "None"}
    assert page.samples("litellm_remaining_api_key_requests_for_model") == [({**labels, "model": "gpt-4o"}, 4)]
    assert page.samples("litellm_remaining_api_key_tokens_for_model") == [
        ({**labels, "model": "gpt-4o"}, 0),
        ({**labels, "model": "o3"}, 1),
    ]


def test_the_most_used_are_shown_where_there_are_too_many() -> None:
    page = Page(prometheus_metrics_max_series_per_metric=1)
    keys = [key(rpm_limit=10) for _ in range(4)]
    page.asked(f"api_key:{keys[2].token_hash}")
    assert [labels["hashed_api_key"] for labels, _ in page.samples(USED)] == [keys[2].token_hash]
    assert page.value("tollkeeper_metrics_dropped_series", metric=USED) == 3
