"""Models in use that are gone, or soon will be, by the date of their deployment or of the table of prices."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from alerts.services import Report, Span
from budgets.models import ModelPrice
from proxy.deprecations import deprecation_report, deprecations
from proxy.models import Deployment
from proxy.scheduled import JOBS
from tests.proxy.rows import NOW

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 23)


def deployment(name: str, at: Any, **params: Any) -> None:
    Deployment.objects.create(
        model_name=name, litellm_params={"model": f"openai/{name}", **params}, model_info={"deprecation_date": at}
    )


def report(warn_within_days: int = 30) -> Report:
    span = Span("2026-11-22/1d", NOW, NOW)
    return deprecation_report(job="model_deprecations", span=span, today=TODAY, warn_within_days=warn_within_days)


def test_dates_are_sorted_into_gone_soon_and_later() -> None:
    for name, at in (
        ("later", "2026-12-24"), ("soon", "2026-12-23"), ("today", "2026-11-23"), ("gone", "2026-11-22"),
    ):  # fmt: skip
        deployment(name, at)
    deployment("gone", "2026-11-22", api_base="https://another.example")

    found = deprecations(today=TODAY, warn_within_days=30)

    assert [(one.model_name, one.days, one.status) for one in found] == [
        ("gone", -1, "deprecated"), ("today", 0, "imminent"), ("soon", 30, "imminent"), ("later", 31, "upcoming"),
    ]  # fmt: skip
    assert found[0].as_json() == {
        "model_name": "gone",
        "litellm_model": "openai/gone",
        "deprecation_date": "2026-11-22",
        "days_until_deprecation": -1,
        "status": "deprecated",
        "litellm_provider": "openai",
    }


@pytest.mark.parametrize("at", [None, "", 20261122, "soon", ["2026-11-22"], "date when the model becomes deprecated"])
def test_what_is_no_date_is_passed_over(at: Any) -> None:
    deployment("odd", at)

    assert deprecations(today=TODAY, warn_within_days=30) == []


def test_a_time_counts_by_its_date_and_a_provider_can_be_named() -> None:
    deployment("m", "2026-11-24T10:00:00Z", custom_llm_provider="azure")

    (found,) = deprecations(today=TODAY, warn_within_days=30)

    assert (found.days, found.litellm_provider) == (1, "azure")


def price(model: str, at: date | None, **columns: Any) -> None:
    plain = {
        "provider": "openai",
        "prices": {"input_cost_per_token": 1e-6},
        "effective_from": datetime(2025, 1, 1, tzinfo=UTC),
    }
    ModelPrice.objects.create(**{**plain, **columns}, model=model, deprecation_date=at)


def plain_deployment(model: str, **info: Any) -> None:
    Deployment.objects.create(model_name="m", litellm_params={"model": model}, model_info=info)


@pytest.mark.parametrize(
    ("model", "info"),
    [
        ("openai/gpt-4-0314", {}),
        ("gpt-4-0314", {"deprecation_date": "unknown"}),
        ("azure/mine", {"base_model": "openai/gpt-4-0314"}),
    ],
)
def test_a_deployment_without_a_date_has_that_of_the_table_of_prices(model: str, info: dict[str, Any]) -> None:
    price("gpt-4-0314", date(2026, 11, 30))
    plain_deployment(model, **info)

    (found,) = deprecations(today=TODAY, warn_within_days=30)

    assert (found.deprecation_date, found.litellm_model) == (date(2026, 11, 30), model)


def test_a_deployments_own_date_goes_before_that_of_the_table() -> None:
    price("gpt-4-0314", date(2026, 11, 30))
    plain_deployment("openai/gpt-4-0314", deprecation_date="2027-01-01")

    (found,) = deprecations(today=TODAY, warn_within_days=30)

    assert found.deprecation_date == date(2027, 1, 1)


def test_a_date_that_a_later_price_took_back_warns_of_nothing() -> None:
    price("gpt-4-0314", date(2026, 11, 30))
    price("gpt-4-0314", None, effective_from=datetime(2025, 2, 1, tzinfo=UTC))
    price("gpt-4o", date(2026, 11, 30), provider="azure")
    plain_deployment("openai/gpt-4-0314")
    plain_deployment("openai/gpt-4o")

    assert deprecations(today=TODAY, warn_within_days=30) == []


def test_who_is_gone_makes_the_warning_high() -> None:
    deployment("gone", "2026-11-20")
    deployment("soon", "2026-11-30")
    deployment("later", "2027-11-30")

    (event,) = report().events

    assert (event.alert_type, event.level) == ("model_deprecation_warnings", "High")
    assert event.title() == "Model deprecation warning for 2026-11-23: 1 already deprecated, 1 soon"
    assert event.details() == {"deprecated_count": "1", "imminent_count": "1", "upcoming_count": "1"}
    assert event.sections() == (
        ("Already deprecated", ("gone (openai/gone, deprecates 2026-11-20, already deprecated 3d ago)",)),
        ("Deprecating within 30 days", ("soon (openai/soon, deprecates 2026-11-30, in 7d)",)),
    )


def test_what_goes_soon_is_medium_and_how_soon_can_be_chosen() -> None:
    deployment("soon", "2026-11-30")

    (event,) = report().events
    assert event.level == "Medium"
    assert report(warn_within_days=6).events == ()
    assert report(warn_within_days=6).silence == "no model in use is deprecated soon"
    assert report(warn_within_days=6).content == {"deprecated_count": 0, "imminent_count": 0, "upcoming_count": 1}


def test_the_day_that_begins_is_the_one_that_is_looked_at() -> None:
    deployment("gone", "2026-11-22")
    job = next(job for job in JOBS if job.name == "model_deprecations")
    running = job.span_at(NOW)
    assert running is not None

    (event,) = job.make(Span("2026-11-22/1d", NOW, running.starts_at)).events

    assert event.title().startswith("Model deprecation warning for 2026-11-23: 1 already")
