"""The ledger against OpenAI's bill: told when it cannot be read, and when too much of it is missing."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.events import SpendNotCaptured
from alerts.events.stored import as_json, from_json
from alerts.services import Report
from budgets.models import HEALTH_CHECK_KEY, LedgerHorizon
from proxy.capture_rate import CaptureCheck, capture_report
from proxy.config import importer
from proxy.config.schema import Document
from proxy.models import ConfigField, Section
from proxy.scheduled import JOBS
from teams.money import NANO
from tests.budgets.builders import entry
from tests.budgets.entries import keep
from tests.fakes.openai_costs import ADMIN_KEY, FakeCosts
from tests.fakes.server import Reply

pytestmark = pytest.mark.django_db
UNTIL = datetime(2026, 11, 27, tzinfo=UTC)
NO_PAUSES = (0.0, 0.0)


@pytest.fixture
def costs() -> Iterator[FakeCosts]:
    with FakeCosts() as server:
        yield server


def at(days_ago: int) -> datetime:
    return UNTIL - timedelta(days=days_ago)


def bill(costs: FakeCosts, days_ago: int, *amounts: float | str, currency: str = "usd") -> None:
    costs.days[int(at(days_ago).timestamp())] = [(amount, currency) for amount in amounts]


def recorded(days_ago: int, dollars: int, provider: str = "openai", **columns: Any) -> None:
    keep(entry(started_at=at(days_ago), amount_nano=dollars * NANO, provider=provider, **columns), rolled_up=False)


def environment(costs: FakeCosts, **more: str) -> Mapping[str, str]:
    return {"OPENAI_ADMIN_KEY": ADMIN_KEY, "OPENAI_ADMIN_BASE_URL": f"{costs.url}/v1", **more}


def report(costs: FakeCosts, check: CaptureCheck | None = None, **more: str) -> Report:
    known = environment(costs, **more)
    return capture_report(check or CaptureCheck(), until=UNTIL, environment=known, pauses=NO_PAUSES)


def told(found: Report) -> SpendNotCaptured:
    (event,) = found.events
    assert isinstance(event, SpendNotCaptured)
    assert ADMIN_KEY not in str([event, found.content])
    return event


def test_what_is_missing_from_the_ledger_is_told_with_dollars_and_dates(costs: FakeCosts) -> None:
    bill(costs, 1, 60.0, "20.00")
    bill(costs, 7, 20)
    bill(costs, 8, 1000)
    recorded(1, 70)
    recorded(7, 10)
    recorded(2, 500, provider="anthropic")
    recorded(8, 1000)

    event = told(report(costs))
    assert event.title() == (
        "Spend capture check: only 80.0% of OpenAI's bill are in the ledger. $80.00 recorded of $100.00 billed, "
        "2026-11-20 to 2026-11-26"
    )
    assert event.details()["Not recorded"] == "$20.00"
    assert event.alert_type == "failed_tracking_spend"


def test_enough_is_not_told(costs: FakeCosts) -> None:
    bill(costs, 1, 100)
    recorded(1, 90)

    found = report(costs)
    assert (found.events, found.content["rate"]) == ((), 0.9)
    assert told(report(costs, CaptureCheck(threshold=0.91)))


def test_of_a_bill_of_nothing_nothing_is_missing(costs: FakeCosts) -> None:
    assert report(costs).silence == "nothing was billed"


def test_every_page_is_read_and_projects_are_asked_for(costs: FakeCosts) -> None:
    costs.page_size = 3
    for day in range(1, 11):
        bill(costs, day, 1)
    recorded(1, 9)

    found = report(costs, CaptureCheck(lookback_days=10, project_ids=("proj_a",)))
    assert found.content["billed_nano"] == 10 * NANO
    assert [query.get("page") for query in costs.queries] == [None, "page_3", "page_6", "page_9"]
    assert all(query["project_ids"] == "proj_a" for query in costs.queries)


def test_without_a_credential_that_is_told(costs: FakeCosts) -> None:
    event = told(report(costs, OPENAI_ADMIN_KEY=""))

    assert "OPENAI_ADMIN_KEY is not set" in event.title()
    assert costs.received == []


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(401, f"Incorrect API key {ADMIN_KEY}"), "no admin key"),
        (Reply(500, f"it broke {ADMIN_KEY}"), "answered 500"),
        (Reply(200, "<html>"), "none that the costs endpoint gives"),
        (Reply(200, {"data": "none"}), "none that the costs endpoint gives"),
        (Reply(302, headers={"Location": "http://127.0.0.1:9/"}), "answered 302"),
    ],
)
def test_a_bill_that_cannot_be_read_is_told(costs: FakeCosts, reply: Reply, said: str) -> None:
    costs.script(*[reply] * 3)

    assert said in told(report(costs)).title()


@pytest.mark.parametrize(("value", "currency"), [("many", "usd"), (1.0, "eur"), ("NaN", "usd")])
def test_amounts_that_are_none_in_dollars_make_it_unreadable(costs: FakeCosts, value: Any, currency: str) -> None:
    bill(costs, 1, value, currency=currency)

    assert told(report(costs)).problem == "unreadable"


def test_what_fails_for_a_moment_is_asked_again(costs: FakeCosts) -> None:
    costs.script(Reply(503), Reply(drop=True))
    bill(costs, 1, 10)
    recorded(1, 10)

    assert report(costs).content["rate"] == 1


def test_a_key_that_is_refused_is_not_tried_again(costs: FakeCosts) -> None:
    told(report(costs, OPENAI_ADMIN_KEY="sk-of-nobody"))

    assert len(costs.received) == 1


def test_what_is_compared_is_what_the_provider_asks_for(costs: FakeCosts) -> None:
    bill(costs, 1, 95)
    recorded(1, 105, original_nano=50 * NANO)
    recorded(1, 40, provider="text-completion-openai")
    recorded(1, 10, key_hash=HEALTH_CHECK_KEY)
    assert report(costs).content["captured_nano"] == 100 * NANO

    ConfigField.objects.create(section=Section.LITELLM, name="cost_discount_config", value={"openai": 0.05})
    ConfigField.objects.create(section=Section.LITELLM, name="cost_margin_config", value={"openai": 1})
    assert report(costs).content["captured_nano"] == 95 * NANO


def test_days_that_the_ledger_no_longer_has_are_left_out(costs: FakeCosts) -> None:
    bill(costs, 2, 1000)
    bill(costs, 1, 10)
    recorded(1, 10)
    LedgerHorizon.objects.create(before=at(2) + timedelta(hours=1))

    found = report(costs)
    assert (found.content["billed_nano"], found.content["days"]) == (10 * NANO, "2026-11-26 to 2026-11-26")
    LedgerHorizon.objects.update(before=UNTIL)
    assert report(costs).silence == "the ledger is kept for less than a day"


def test_it_can_be_told_again(costs: FakeCosts) -> None:
    event = told(report(costs, OPENAI_ADMIN_KEY=""))

    assert from_json(json.loads(json.dumps(as_json(event)))) == event


def test_a_server_that_is_away_is_told(costs: FakeCosts) -> None:
    gone = environment(costs)
    costs.close()
    found = capture_report(CaptureCheck(), until=UNTIL, environment=gone, pauses=NO_PAUSES)

    assert "ConnectError" in told(found).title()
    costs.open()


@pytest.mark.parametrize(
    "wrong",
    [
        {"OPENAI_ADMIN_BASE_URL": "http://[broken"},
        {"OPENAI_ADMIN_BASE_URL": "x"},
        {"OPENAI_ADMIN_KEY": "sk-\N{BULLET}"},
    ],
)
def test_a_setting_that_cannot_be_used_is_told(costs: FakeCosts, wrong: dict[str, str]) -> None:
    assert told(report(costs, None, **wrong)).problem == "unreadable"


def test_it_runs_daily_where_it_is_set_up_and_at_no_other_time(
    costs: FakeCosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = [one for one in JOBS if one.name == "spend_capture_rate"]
    now = UNTIL + timedelta(minutes=80)
    assert job.span_at(now) is None

    importer.apply(Document.model_validate({"general_settings": {"spend_capture_rate_check": {"lookback_days": 1}}}))
    assert ConfigField.objects.get(section=Section.GENERAL, name="spend_capture_rate_check")
    span = job.span_at(UNTIL - timedelta(hours=1))
    assert span is not None
    assert not job.may_begin(span, UNTIL + timedelta(minutes=74))
    assert job.may_begin(span, now)
    for name, value in environment(costs).items():
        monkeypatch.setenv(name, value)
    bill(costs, 1, 10)
    recorded(1, 5)
    assert "only 50.0%" in job.make(span).events[0].title()


@pytest.mark.parametrize(
    "given", [{"threshold": 90}, {"providers": ["acme"]}, {"lookback_days": 0}, {"treshold": 0.5}, True]
)
def test_a_check_that_would_check_nothing_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="spend_capture_rate_check"):
        Document.model_validate({"general_settings": {"spend_capture_rate_check": given}})
