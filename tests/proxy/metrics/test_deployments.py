"""Gauges of deployments: there before the first request, true at each scrape, and well again when they are."""

from typing import Any

import pytest

from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.metrics.deployments import DeploymentMetrics, QuotaMetrics
from proxy.metrics.gauges import Gauges
from proxy.metrics.settings import MetricSettings
from proxy.quota import Quotas
from proxy.registry import Group, RoutingTable
from proxy.state import RouterState
from tests.proxy.deployments import built
from tests.proxy.destination import Deployed
from tests.proxy.metrics.page import Page as PlainPage

pytestmark = pytest.mark.django_db
STATE = "litellm_deployment_state"
HEALTHY, PARTIAL, COMPLETE = 0, 1, 2


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Page(PlainPage):
    def __init__(self, *deployments: Any, **litellm: Any) -> None:
        groups: dict[str, list[Any]] = {}
        for one in deployments:
            groups.setdefault(one.model_group, []).append(one)
        self.table = RoutingTable({name: Group.of(found) for name, found in groups.items()}, settings={})
        self.clock = Clock()
        self.state = RouterState(self.clock)
        self.quotas = Quotas(clock=self.clock)
        gauges = Gauges(MetricSettings.read(litellm))
        super().__init__(
            DeploymentMetrics(gauges, lambda: self.table, self.state),
            QuotaMetrics(gauges, lambda: self.table, self.state, self.quotas),
        )


@pytest.fixture
def page() -> Page:
    return Page(built("http://up", pk="d1"), built("http://up", pk="d2", rpm=10, tpm=1000))


def test_each_has_one_state_before_anybody_asked_it(page: Page) -> None:
    labels = {"litellm_model_name": "gpt-4o", "api_base": "http://up/v1", "api_provider": "openai"}
    assert page.samples(STATE) == [({**labels, "model_id": "d1"}, HEALTHY), ({**labels, "model_id": "d2"}, HEALTHY)]
    assert not page.state.knows("d1"), "looking changes nothing"


def test_it_is_out_while_it_cools_down_and_recovers_by_itself(page: Page) -> None:
    page.state.cool("d1", Cooldown(30, CooldownReason.RATE_LIMITED), status=429)
    assert page.value(STATE, model_id="d1") == COMPLETE
    assert page.value(STATE, model_id="d2") == HEALTHY
    page.clock.now += 31
    assert page.value(STATE, model_id="d1") == HEALTHY
    page.state.begin("d1")
    assert page.value(STATE, model_id="d1") == PARTIAL, "it is on trial"
    page.state.succeeded("d1", tokens=1, seconds=1, completion_tokens=1)
    assert page.value(STATE, model_id="d1") == HEALTHY
    assert len(page.samples(STATE)) == 2


def test_what_fails_is_ill_and_what_only_fails_is_out_even_if_nothing_cools(page: Page) -> None:
    page.state.failed("d1", kind="InternalServerError", counts=True)
    assert page.value(STATE, model_id="d1") == PARTIAL
    for _ in range(4):
        page.state.failed("d1", kind="InternalServerError", counts=True)
    assert page.value(STATE, model_id="d1") == COMPLETE
    page.clock.now += 120
    assert page.value(STATE, model_id="d1") == HEALTHY


def test_checks_and_other_processes_are_heard(page: Page) -> None:
    page.state.unhealthy = frozenset({"d1"})
    page.state.cooled_elsewhere("d2", seconds=10, reason="rate_limited", status=429, times=1)
    assert [value for _, value in page.samples(STATE)] == [COMPLETE, COMPLETE]


def test_who_was_taken_out_by_an_admin_or_is_gone_has_no_state() -> None:
    one = built("http://up", pk="d1")
    page = Page(one)
    page.table = RoutingTable({}, settings={})
    assert page.samples(STATE) == []


def test_limits_are_shown_of_who_has_some(page: Page) -> None:
    ((labels, tpm),) = page.samples("litellm_deployment_tpm_limit")
    assert (tpm, labels["model_group"], labels["model_id"]) == (1000, "gpt-4o", "d2")
    assert page.value("litellm_deployment_rpm_limit", model_id="d2") == 10


@pytest.mark.parametrize("name", ["litellm_remaining_requests_metric", "litellm_remaining_requests"])
def test_what_a_provider_says_is_left_is_the_deployments_with_litellms_labels(page: Page, name: str) -> None:
    page.quotas.note(Deployed(id="d1"), {"x-ratelimit-remaining-requests": "0"})
    found = {labels["model_id"]: (labels, value) for labels, value in page.samples(name)}
    labels, value = found["d1"]
    assert value == 0
    assert labels == {
        "model_group": "gpt-4o", "api_provider": "openai", "api_base": "http://up/v1", "litellm_model_name": "gpt-4o",
        "model_id": "d1", "hashed_api_key": "None", "api_key_alias": "None",
    }  # fmt: skip
    page.clock.now += 61
    assert "d1" not in {labels["model_id"] for labels, _ in page.samples(name)}


def test_where_no_provider_says_it_the_deployments_own_limit_does(page: Page) -> None:
    for _ in range(3):
        page.state.begin("d2")
    page.state.succeeded("d2", tokens=1200, seconds=1, completion_tokens=1)
    assert page.value("litellm_remaining_requests_metric", model_id="d2") == 7
    assert page.value("litellm_remaining_tokens_metric", model_id="d2") == 0
    page.quotas.note(Deployed(id="d2"), {"x-ratelimit-remaining-requests": "3"})
    assert page.value("litellm_remaining_requests_metric", model_id="d2") == 3


def test_older_names_can_be_left_out() -> None:
    page = Page(built("http://up", pk="d", rpm=1), prometheus_emit_older_names=False)
    assert page.samples("litellm_remaining_requests") == []
    assert len(page.samples("litellm_remaining_requests_metric")) == 1
