"""Which model groups fell back to which, out of the ledger's entries."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from alerts.services import Report, Span
from proxy.fallback_report import Fallback, fallback_report, fallbacks_in
from proxy.models import ConfigField, Deployment, Section
from teams.models import Team
from teams.periods import UTC_MIDNIGHT
from tests.budgets.builders import entry
from tests.budgets.entries import keep

pytestmark = pytest.mark.django_db

BEGAN = datetime(2026, 11, 16, tzinfo=UTC)
SPAN = Span("2026-11-16/7d", BEGAN, BEGAN + timedelta(days=7))


def request(*attempts: str, asked: str = "a", at: datetime = BEGAN) -> None:
    """Attempts by group; the last one answered, unless it ends with !."""
    request_id = uuid4()
    made = []
    for number, group in enumerate(attempts):
        good = number == len(attempts) - 1 and not group.endswith("!")
        made.append(
            entry(
                request_id=request_id,
                attempt=number,
                started_at=at + timedelta(seconds=number),
                requested_model=asked,
                model_group=group.rstrip("!"),
                status="success" if good else "failure",
            )
        )
    keep(*made)


def groups(*names: str) -> None:
    for name in names:
        Deployment.objects.create(model_name=name, litellm_params={"model": f"openai/{name}"})


def report() -> Report:
    return fallback_report(job="fallback_report", span=SPAN, calendar=UTC_MIDNIGHT)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        (["a"], []),
        (["a", "a", "a!"], []),
        (["a", "b"], [Fallback("a", "b", 1, 0)]),
        (["a", "a", "b", "b"], [Fallback("a", "b", 1, 0)]),
        (["a", "b", "b!"], [Fallback("a", "b", 0, 1)]),
        (["a", "b", "c"], [Fallback("a", "b", 0, 1), Fallback("b", "c", 1, 0)]),
    ],
)
def test_a_fallback_is_a_change_of_group_between_attempts(attempts: Sequence[str], expected: list[Fallback]) -> None:
    request(*attempts)

    assert fallbacks_in(SPAN) == expected


def test_a_group_of_which_nobody_could_be_asked_fell_back_too() -> None:
    groups("a", "b")
    request("b")
    request("b!")

    assert fallbacks_in(SPAN) == [Fallback("a", "b", 1, 1)]


def test_another_name_for_a_group_is_no_fallback() -> None:
    groups("a", "b", "fast")
    ConfigField.objects.create(section=Section.ROUTER, name="model_group_alias", value={"a": "b"})
    Team.objects.create(alias="Research", model_aliases={"fast": "b"})
    request("b", asked="a")
    request("b", asked="fast")
    request("b", asked="openai/anything")

    assert fallbacks_in(SPAN) == []


def test_only_the_period_counts() -> None:
    request("a", "b", at=BEGAN - timedelta(minutes=1))
    request("a", "b", at=BEGAN)
    request("a", "b", at=SPAN.ends_at)

    assert fallbacks_in(SPAN) == [Fallback("a", "b", 1, 0)]


def test_a_report_says_the_most_frequent_first_and_how_often_they_answered() -> None:
    for _ in range(2):
        request("a", "b")
    request("a", "b!")
    request("c", "d", asked="c")

    (event,) = report().events

    assert event.title() == "Fallback report for 2026-11-16 to 2026-11-22"
    assert event.details() == {"Fallbacks": "4", "Succeeded": "3 (75.0%)", "Failed": "1"}
    assert event.sections() == (("Fallbacks", ("a -> b: 2 of 3 succeeded", "c -> d: 1 of 1 succeeded")),)
    assert report().csv == "model_group,fallback,succeeded,failed\r\na,b,2,1\r\nc,d,1,0\r\n"
    assert (event.alert_type, event.level) == ("fallback_reports", "Low")


def test_a_week_without_fallbacks_is_not_told() -> None:
    request("a")

    assert (report().events, report().silence) == ((), "nothing fell back")
