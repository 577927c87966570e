"""What a period has cost, to the nano-dollar, by the clocks of the gateway's zone."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import alerts.services
from alerts.events import SpendReport
from alerts.services import Report, Span
from budgets.models import DailySpend, Facet, LedgerHorizon, UnrolledBatch
from budgets.report_spans import LONGEST_WAIT, SETTLES_AFTER, may_be_summed, span_before, span_of
from budgets.reports import By
from budgets.rollup import roll_up
from budgets.scheduled import JOBS
from budgets.spend_report import dollars, spend_report
from budgets.spent_between import NOTHING, Spent, spent_between, stretch, total_between
from teams.calendars import set_source
from teams.models import RetiredToken, Team, User, VirtualKey
from teams.money import NANO
from teams.periods import UTC_MIDNIGHT, Calendar, parse_duration
from tests.budgets.builders import entry
from tests.budgets.days import day_row, keep_days
from tests.budgets.entries import keep

pytestmark = pytest.mark.django_db

PARIS = Calendar(zone=ZoneInfo("Europe/Paris"))
# A Friday.
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
WEEK_BEGAN, LAST_WEEK, WEEK_BEFORE = date(2026, 11, 23), date(2026, 11, 16), date(2026, 11, 9)


def report_of_last(frequency: str = "7d", *, now: datetime = NOW, calendar: Calendar = UTC_MIDNIGHT) -> Report:
    duration = parse_duration(frequency)
    span = span_before(span_of(duration, now=now, calendar=calendar), duration, calendar=calendar)
    before = span_before(span, duration, calendar=calendar)
    return spend_report(
        job="spend_report", title="Spend report for {said}", span=span, before=before, calendar=calendar
    )


def event_of(report: Report) -> SpendReport:
    (event,) = report.events
    assert isinstance(event, SpendReport)
    return event


def rows_of(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(report.csv.splitlines()))


def test_a_weekly_report_is_of_the_week_that_is_over_and_of_nothing_else() -> None:
    keep_days(
        day_row(WEEK_BEGAN, amount_nano=1_000 * NANO),
        day_row(LAST_WEEK + timedelta(days=6), amount_nano=2 * NANO),
        day_row(LAST_WEEK, amount_nano=NANO + 1, failures=3),
        day_row(LAST_WEEK - timedelta(days=1), amount_nano=2 * NANO),
        day_row(WEEK_BEFORE - timedelta(days=1), amount_nano=5_000 * NANO),
    )

    report = report_of_last()

    assert report.content["total"] == {
        "amount_nano": 3 * NANO + 1, "requests": 20, "failures": 3, "tokens": 300,
    }  # fmt: skip
    assert report.content["before"]["amount_nano"] == 2 * NANO
    event = event_of(report)
    assert event.title() == "Spend report for 2026-11-16 to 2026-11-22"
    assert event.details() == {
        "Spend": "$3.00",
        "Change": "+$1.00 (+50.0 %) against 2026-11-09 to 2026-11-15",
        "Requests": "20",
        "Failed requests": "3",
        "Tokens": "300",
        "Time zone": "UTC",
        "Incomplete": "",
    }


def test_every_kind_is_told_with_names_the_dearest_first_and_a_regenerated_key_once() -> None:
    Team.objects.create(pk="t1", alias="Research")
    User.objects.create(pk="u1", username="ann", alias="Ann")
    key = VirtualKey.objects.create(token_hash="c" * 64, alias="ci")
    RetiredToken.objects.create(pk="d" * 64, key=key, valid_until=NOW)
    keep_days(
        day_row(LAST_WEEK, team_id="t1", user_id="u1", key_hash="c" * 64, amount_nano=3 * NANO),
        day_row(LAST_WEEK, team_id="t2", key_hash="d" * 64, amount_nano=4 * NANO, provider="azure"),
        day_row(LAST_WEEK, key_hash="e" * 64, amount_nano=NANO, model_group="mini"),
        day_row(LAST_WEEK, facet=Facet.TAG, facet_value="=night", amount_nano=4 * NANO),
        day_row(LAST_WEEK, facet=Facet.CUSTOMER, facet_value="c1", amount_nano=4 * NANO),
    )

    report = report_of_last()

    assert dict(event_of(report).sections()) == {
        "Teams": ("t2: $4.00 (50.0 %)", "Research: $3.00 (37.5 %)", "None: $1.00 (12.5 %)"),
        "Tags": ("=night: $4.00 (50.0 %)",),
        "Keys": ("ci: $7.00 (87.5 %)", "eeeeeeeeeeee…: $1.00 (12.5 %)"),
        "Users": ("None: $5.00 (62.5 %)", "Ann: $3.00 (37.5 %)"),
        "Models": ("gpt-4o: $7.00 (87.5 %)", "mini: $1.00 (12.5 %)"),
        "Providers": ("azure: $4.00 (50.0 %)", "openai: $4.00 (50.0 %)"),
    }
    assert report.content["top"]["Keys"][0] == {
        "id": "c" * 64, "name": "ci", "amount_nano": 7 * NANO, "requests": 20, "failures": 0, "tokens": 300,
    }  # fmt: skip
    found = {(row["kind"], row["name"]): row["spend_usd"] for row in rows_of(report)}
    assert found["key", "ci"] == "7.000000000"
    assert found["tag", "'=night"] == "4.000000000"
    assert len(found) == 12


def test_ten_of_each_kind_are_told_and_all_stand_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("budgets.spend_report.IN_FILE", 12)
    keep_days(*(day_row(LAST_WEEK, team_id=f"t{n:02}", amount_nano=(n + 1) * NANO) for n in range(15)))

    report = report_of_last()

    sections = dict(event_of(report).sections())
    assert len(sections["Teams (10 of 15)"]) == 10
    teams = [row for row in rows_of(report) if row["kind"] == "team"]
    assert [row["name"] for row in teams[:2] + teams[-2:]] == ["t14", "t13", "t03", "3 others"]
    assert sum(float(row["spend_usd"]) for row in teams) == sum(range(1, 16))


def test_a_period_without_spend_is_not_told() -> None:
    keep_days(day_row(WEEK_BEFORE), day_row(LAST_WEEK, amount_nano=0))

    report = report_of_last()

    assert (report.events, report.csv, report.silence) == ((), "", "nothing was spent")
    assert report.content == {"requests": 10}


def test_against_a_period_without_spend_there_is_no_percentage() -> None:
    keep_days(day_row(LAST_WEEK))

    assert event_of(report_of_last()).details()["Change"] == "+$1.00 against 2026-11-09 to 2026-11-15"


def test_a_month_is_the_one_before_with_all_its_days() -> None:
    keep_days(
        day_row(date(2026, 3, 1), amount_nano=100 * NANO),
        day_row(date(2026, 2, 1), amount_nano=NANO),
        day_row(date(2026, 2, 28), amount_nano=NANO),
        day_row(date(2026, 1, 31), amount_nano=4 * NANO),
        day_row(date(2026, 1, 1), amount_nano=4 * NANO),
    )

    report = report_of_last("30d", now=datetime(2026, 3, 1, 0, 30, tzinfo=UTC))

    assert event_of(report).title() == "Spend report for 2026-02-01 to 2026-02-28"
    assert report.content["total"]["amount_nano"] == 2 * NANO
    assert event_of(report).details()["Change"] == "-$6.00 (-75.0 %) against 2026-01-01 to 2026-01-31"


PARIS_WEEK = (datetime(2026, 10, 18, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC))


def test_a_week_in_paris_begins_and_ends_at_its_own_midnight_also_when_the_clocks_change() -> None:
    start, end = PARIS_WEEK
    instant = timedelta(microseconds=1)
    keep(
        *(
            entry(started_at=at, ended_at=at, amount_nano=amount, prompt_tokens=1, tags=["a", "b"], team_id=team)
            for at, amount, team in (
                (start - instant, 1, "before"),
                (start, 10, "first"),
                (start + timedelta(hours=2), 100, "whole"),
                (end - timedelta(hours=23, microseconds=1), 1000, "whole"),
                (end - instant, 10_000, "last"),
                (end, 100_000, "after"),
            )
        )
    )

    report = report_of_last(now=datetime(2026, 10, 26, 9, tzinfo=UTC), calendar=PARIS)

    assert event_of(report).title() == "Spend report for 2026-10-19 to 2026-10-25"
    assert report.content["total"] == {"amount_nano": 11_110, "requests": 4, "failures": 0, "tokens": 4}
    assert report.content["before"]["amount_nano"] == 1
    assert {line["id"]: line["amount_nano"] for line in report.content["top"]["Teams"]} == {
        "first": 10, "whole": 1100, "last": 10_000,
    }  # fmt: skip
    assert {line["id"]: line["amount_nano"] for line in report.content["top"]["Tags"]} == {"a": 11_110, "b": 11_110}
    assert event_of(report).details()["Time zone"] == "Europe/Paris"


def test_without_a_ledger_for_the_hours_between_days_are_those_of_utc_and_it_says_so() -> None:
    keep_days(day_row(LAST_WEEK, amount_nano=NANO), day_row(WEEK_BEGAN, amount_nano=7 * NANO))
    LedgerHorizon.objects.create(before=NOW - timedelta(days=2))

    report = report_of_last(calendar=PARIS)

    assert report.content["total"]["amount_nano"] == NANO
    assert event_of(report).title() == "Spend report for 2026-11-16 to 2026-11-22"
    assert event_of(report).details()["Time zone"] == "UTC"


HOURS = st.timedeltas(timedelta(), timedelta(days=9)) | st.integers(0, 200).map(lambda hours: timedelta(hours=hours))
INSTANTS = HOURS.map(lambda after: datetime(2026, 3, 25, tzinfo=UTC) + after)


@given(INSTANTS, INSTANTS)
def test_a_stretch_is_whole_days_and_what_is_left_without_gap_or_overlap(one: datetime, other: datetime) -> None:
    start, end = sorted((one, other))

    found = stretch(start, end)

    pieces = list(found.ends)
    if found.first is not None and found.last is not None:
        days = [datetime.combine(day, datetime.min.time(), UTC) for day in (found.first, found.last)]
        pieces.append((days[0], days[1] + timedelta(days=1)))
    pieces.sort()
    assert sum(((b - a) for a, b in pieces), timedelta()) == end - start
    assert all(a < b for a, b in pieces)
    if pieces:
        assert (pieces[0][0], pieces[-1][1]) == (start, end)
        assert all(left[1] == right[0] for left, right in pairwise(pieces))
    assert all(b - a < timedelta(days=1) for a, b in found.ends)


@pytest.mark.parametrize("by", [By.TEAM, By.TAG, By.KEY, By.CUSTOMER, By.MODEL_GROUP])
def test_the_ledger_and_its_days_add_up_to_the_same(by: By) -> None:
    day = datetime(2026, 11, 20, tzinfo=UTC)
    made: list[dict[str, Any]] = [
        {"team_id": "t", "tags": ["a", "b", "a"], "end_user": "c", "completion_tokens": 7},
        {"status": "failure", "status_code": 500, "tags": ["b"]},
        {"key_hash": "litellm-internal-health-check"},
        {"team_id": "t", "corrects": uuid4(), "attempt": 1},
        {"model_group": "mini", "end_user": "c"},
    ]
    for number, facts in enumerate(made):
        keep(entry(started_at=day + timedelta(hours=number), amount_nano=10**number, prompt_tokens=number, **facts))
    whole = (day, day + timedelta(days=1))
    # Not a whole day: read from the ledger.
    pieces = (
        (day - timedelta(hours=1), day + timedelta(hours=12)),
        (day + timedelta(hours=12), day + timedelta(hours=23)),
    )

    from_days = spent_between(*whole, by)
    from_ledger: dict[str, Spent] = {}
    for piece in pieces:
        for value, spent in spent_between(*piece, by).items():
            from_ledger[value] = from_ledger.get(value, NOTHING) + spent

    assert from_days == from_ledger != {}
    assert total_between(*whole) == total_between(*pieces[0]) + total_between(*pieces[1]) != NOTHING


def span() -> Span:
    return Span("2026-11-16/7d", NOW - timedelta(days=7), NOW)


def test_a_report_waits_until_what_began_in_its_period_is_settled_and_rolled_up() -> None:
    settled_at = NOW + SETTLES_AFTER
    second = timedelta(seconds=1)
    assert not may_be_summed(span(), settled_at - second)
    assert may_be_summed(span(), settled_at)

    UnrolledBatch.objects.create(entry_ids=[str(uuid4())], created_at=NOW - timedelta(minutes=1))
    assert not may_be_summed(span(), settled_at + timedelta(hours=1))
    assert may_be_summed(span(), NOW + LONGEST_WAIT)

    UnrolledBatch.objects.update(created_at=settled_at + second)
    assert may_be_summed(span(), settled_at + second)


def test_spend_that_is_rolled_up_late_is_in_the_report_that_waits_for_it() -> None:
    keep_days(day_row(LAST_WEEK, amount_nano=NANO))
    keep(entry(started_at=datetime(2026, 11, 22, 23, 59, tzinfo=UTC), amount_nano=NANO), rolled_up=False)
    UnrolledBatch.objects.update(created_at=datetime(2026, 11, 23, 0, 5, tzinfo=UTC))
    week = span_before(
        span_of(parse_duration("7d"), now=NOW, calendar=UTC_MIDNIGHT), parse_duration("7d"), calendar=UTC_MIDNIGHT
    )
    after = week.ends_at + timedelta(hours=1)
    assert not may_be_summed(week, after)

    roll_up(now=NOW)

    assert may_be_summed(week, after)
    assert report_of_last().content["total"]["amount_nano"] == 2 * NANO


def test_a_report_that_did_not_wait_any_longer_says_that_it_is_incomplete() -> None:
    keep_days(day_row(LAST_WEEK))
    UnrolledBatch.objects.create(entry_ids=[str(uuid4())], created_at=NOW - timedelta(days=6))

    assert event_of(report_of_last()).details()["Incomplete"].startswith("The roll-up is behind")


@pytest.mark.parametrize(
    ("nano", "said"),
    [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (20, "$0.00000002"),
        (123_456_789, "$0.1235"),
        (NANO, "$1.00"),
        (1_234_567_891_234, "$1,234.57"),
        (-2 * NANO, "-$2.00"),
    ],
)
def test_amounts_are_said_in_dollars(nano: int, said: str) -> None:
    assert dollars(nano) == said


@pytest.fixture
def in_paris() -> Any:
    set_source(lambda: PARIS)
    yield
    from proxy.calendar import stored_calendar

    set_source(stored_calendar)


@pytest.fixture
def frequency(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda text: monkeypatch.setattr("budgets.scheduled.spend_report_frequency", lambda: text)


@pytest.mark.usefixtures("in_paris")
@pytest.mark.parametrize(
    ("text", "key", "starts", "ends"),
    [
        # The day on which the clocks went back has 25 hours.
        ("1d", "2026-10-25/1d", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("7d", "2026-10-19/7d", "2026-10-18T22:00", "2026-10-25T23:00"),
        ("14d", "2026-10-05/14d", "2026-10-04T22:00", "2026-10-18T22:00"),
        ("weekly, please", "2026-10-19/7d", "2026-10-18T22:00", "2026-10-25T23:00"),
    ],
)
def test_periods_follow_the_clocks_of_the_zone(
    text: str, key: str, starts: str, ends: str, frequency: Callable[[str], None]
) -> None:
    frequency(text)
    job = JOBS[0]

    running = job.span_at(datetime(2026, 10, 26, 8, tzinfo=UTC))
    assert running is not None
    last = job.span_at(running.starts_at - timedelta(microseconds=1))

    assert last is not None
    assert (last.key, f"{last.starts_at:%Y-%m-%dT%H:%M}", f"{last.ends_at:%Y-%m-%dT%H:%M}") == (key, starts, ends)


def test_every_thirty_days_is_told_by_the_monthly_report_alone(frequency: Callable[[str], None]) -> None:
    frequency("30d")

    assert JOBS[0].span_at(NOW) is None
    month = JOBS[1].span_at(NOW)
    assert month is not None
    assert (month.key, month.starts_at.date(), month.ends_at.date()) == (
        "2026-11-01/30d", date(2026, 11, 1), date(2026, 12, 1),
    )  # fmt: skip


def test_both_jobs_say_what_they_are_of(frequency: Callable[[str], None]) -> None:
    frequency("1d")
    keep_days(day_row(date(2026, 11, 26)), day_row(date(2026, 10, 31)))
    titles = []
    for job in JOBS[:2]:
        running = job.span_at(NOW)
        assert running is not None
        last = job.span_at(running.starts_at - timedelta(microseconds=1))
        assert last is not None
        titles += [event.title() for event in job.make(last).events]

    assert titles == [
        "Spend report for 2026-11-26",
        "Monthly spend report for 2026-10 (2026-10-01 to 2026-10-31)",
    ]
    assert DailySpend.objects.count() == 2
    assert alerts.services.spend_report_frequency() == "7d"
