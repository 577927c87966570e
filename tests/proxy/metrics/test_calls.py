"""What the page says of calls: LiteLLM's names and labels, the ledger's sums, and only what changed is read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from budgets.entries import insert
from budgets.models import CallTotal, UnrolledBatch
from budgets.rollup import roll_up
from gateway_project.metrics.page import Wanted, render
from gateway_project.metrics.store import Sums
from proxy.metrics.calls import CallMetrics
from proxy.metrics.settings import MetricSettings
from tests.budgets.builders import entry

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NONE = "None"


def called(**columns: Any) -> None:
    insert([entry(started_at=NOW, ended_at=NOW, **columns).encode()])


def rolled() -> None:
    UnrolledBatch.objects.update(created_at=NOW)
    roll_up(now=NOW, settled_after=timedelta())


class Page:
    def __init__(self, **litellm: Any) -> None:
        self.registry = CollectorRegistry()
        bases = {"d1": "http://upstream"}
        self.registry.register(CallMetrics(MetricSettings.read(litellm), lambda: bases))

    def samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        text = render(self.registry, Sums({}, {}), Wanted()).decode()
        return [
            (sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name
        ]


@pytest.fixture
def page() -> Page:
    return Page()


def test_spend_and_tokens_are_the_ledgers(page: Page) -> None:
    called(amount_nano=13_200, prompt_tokens=10, completion_tokens=20)
    called(amount_nano=1, prompt_tokens=1, completion_tokens=2, key_hash="b")
    rolled()

    def total(name: str) -> float:
        return sum(value for _, value in page.samples(name))

    assert total("litellm_spend_metric_total") == pytest.approx(0.000013201, abs=1e-15)
    assert total("litellm_total_tokens_metric_total") == total("litellm_total_tokens_total") == 33
    assert total("litellm_input_tokens_metric_total") == 11
    assert total("litellm_output_tokens_metric_total") == 22
    assert total("litellm_deployment_total_requests_total") == 2
    assert total("litellm_deployment_success_responses_total") == 2
    assert page.samples("litellm_deployment_failure_responses_total") == []


def test_labels_are_litellms(page: Page) -> None:
    called(
        amount_nano=1, team_id="t", key_hash="h", key_alias="k", user_id="u", requested_model="asked",
        model_group="served", model="gpt-4o", deployment_id="d1", provider="openai", end_user="never shown",
    )  # fmt: skip
    rolled()

    ((spend, _),) = page.samples("litellm_spend_metric_total")
    assert spend == {
        "end_user": NONE, "hashed_api_key": "h", "api_key_alias": "k", "team": "t", "team_alias": NONE, "user": "u",
        "user_email": NONE, "requested_model": "asked", "model": "gpt-4o", "model_id": "d1", "api_provider": "openai",
        "service_tier": NONE, "org_id": NONE, "org_alias": NONE,
    }  # fmt: skip
    ((deployment, _),) = page.samples("litellm_deployment_success_responses_total")
    assert deployment == {
        "model_group": "served", "requested_model": "asked", "litellm_model_name": "gpt-4o", "model_id": "d1",
        "api_base": "http://upstream", "api_provider": "openai", "hashed_api_key": "h", "api_key_alias": "k",
        "team": "t", "team_alias": NONE,
    }  # fmt: skip


def test_a_failure_of_a_provider_counts_whatever_its_status(page: Page) -> None:
    for status in (401, 429):
        called(status="failure", status_code=status, error_class="AnError", provider="openai", deployment_id="gone")
    rolled()

    found = page.samples("litellm_deployment_failure_responses_total")
    assert {(one["exception_status"], one["exception_class"], one["api_base"]) for one, _ in found} == {
        ("401", "Openai.AnError", NONE),
        ("429", "Openai.AnError", NONE),
    }
    assert sum(value for _, value in page.samples("litellm_llm_api_failed_requests_metric_total")) == 2


def test_custom_labels_stand_on_every_metric_of_success_and_failure() -> None:
    page = Page(custom_prometheus_metadata_labels=["metadata.environment"], custom_prometheus_tags=["prod"])
    own = {"metadata_environment": "live", "tag_prod": "true"}
    called(labels=own, amount_nano=1)
    called(labels=own, status="failure", status_code=500, error_class="x")
    called(amount_nano=1)
    rolled()

    for name in ("litellm_spend_metric_total", "litellm_deployment_total_requests_total"):
        found = {(labels["metadata_environment"], labels["tag_prod"]) for labels, _ in page.samples(name)}
        assert found == {("live", "true"), (NONE, "false")}
    ((failed, _),) = page.samples("litellm_deployment_failure_responses_total")
    assert own.items() <= failed.items()


def test_customers_are_shown_where_the_request_said_so(page: Page) -> None:
    called(amount_nano=1, labels={"end_user": "c"})
    rolled()
    ((spend, _),) = page.samples("litellm_spend_metric_total")
    assert spend["end_user"] == "c"


def test_only_what_changed_is_read_again(page: Page) -> None:
    for number in range(5):
        called(amount_nano=1, key_hash=f"key {number}")
    rolled()
    page.samples("litellm_spend_metric_total")
    called(amount_nano=10, key_hash="key 3")
    rolled()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = {labels["hashed_api_key"]: value for labels, value in page.samples("litellm_spend_metric_total")}

    assert found["key 3"] == pytest.approx(11e-9)
    assert len(found) == 5
    assert len(queries) == 2, "how many there are, and the one that changed"


def test_what_was_taken_away_is_shown_no_more_and_what_comes_after_it_is(page: Page) -> None:
    for name in ("kept", "gone"):
        called(amount_nano=1, key_hash=name)
        rolled()
    page.samples("litellm_spend_metric_total")
    CallTotal.objects.filter(labels__key_hash="gone").delete()
    spent = {labels["hashed_api_key"]: value for labels, value in page.samples("litellm_spend_metric_total")}
    assert spent == {"kept": pytest.approx(1e-9)}

    called(amount_nano=10, key_hash="kept")
    rolled()

    ((_, value),) = page.samples("litellm_spend_metric_total")
    assert value == pytest.approx(11e-9)


def test_older_names_can_be_left_out() -> None:
    called(prompt_tokens=3)
    rolled()
    assert Page().samples("litellm_input_tokens_total")
    assert not Page(prometheus_emit_older_names=False).samples("litellm_input_tokens_total")


def test_the_metrics_of_the_settings_are_shown_with_their_labels() -> None:
    called(amount_nano=1, key_alias="k")
    called(amount_nano=10, key_alias="l")
    rolled()
    page = Page(
        prometheus_metrics_config=[
            {"group": "money", "metrics": ["litellm_spend_metric_total"], "include_labels": ["model"]}
        ]
    )
    ((labels, value),) = page.samples("litellm_spend_metric_total")
    assert (labels, value) == ({"model": "gpt-4o-2024-08-06"}, 11e-9)
    assert page.samples("litellm_total_tokens_metric_total") == []


def test_a_page_survives_hostile_names(page: Page) -> None:
    called(amount_nano=1, key_alias='a"} 5\n# EOF\\', requested_model="x" * 255)
    rolled()
    ((spend, value),) = page.samples("litellm_spend_metric_total")
    assert (spend["api_key_alias"], value) == ('a"} 5 # EOF\\', 1e-9)
