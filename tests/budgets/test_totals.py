"""What days and months come to by one thing alone: always what DailySpend says, read instead of it, and mended."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budgets import reports, tasks, totals
from budgets.entries import insert
from budgets.models import DailySpend, SpendTotal, UnrolledBatch
from budgets.reports import By, Question, amounts_by, spend_by, total
from budgets.rollup import sums_locked
from budgets.verify import mend_totals, verify
from gateway_project.celery import app
from tests.budgets.builders import entry
from tests.budgets.days import day_row, keep_days
from tests.budgets.entries import keep

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
ENDS = {OCTOBER: date(2026, 10, 31), NOVEMBER: date(2026, 11, 30)}
PAIRS = [(By.DAY, one) for one in By if one is not By.DAY]
SPANS = [
    (None, None), (OCTOBER, ENDS[OCTOBER]), (NOVEMBER, None), (OCTOBER, ENDS[NOVEMBER]),
    (date(2026, 10, 9), date(2026, 11, 3)), (date(2026, 10, 9), date(2026, 10, 9)), (None, date(2026, 11, 3)),
]  # fmt: skip
CALL = st.fixed_dictionaries(
    {
        "started_at": st.integers(0, 60).map(lambda days: datetime(2026, 10, 1, tzinfo=UTC) + timedelta(days=days)),
        "amount_nano": st.integers(-(10**12), 10**12),
        "team_id": st.sampled_from(["", "red", "blue"]),
        "key_hash": st.sampled_from(["a" * 64, "b" * 64]),
        "model_group": st.sampled_from(["gpt", "mini"]),
        "end_user": st.sampled_from(["", "c"]),
        "tags": st.sampled_from([[], ["x"], ["x", "y"]]),
        "prompt_tokens": st.integers(0, 1000),
    }
)


def kept(question: Question, *by: By) -> dict[Any, tuple[int, int]]:
    return {group.values: (group.sums.amount_nano, group.sums.total_tokens) for group in spend_by(question, *by)}


def from_days(question: Question, *by: By) -> dict[Any, tuple[int, int]]:
    return {tuple(values): (nano, tokens) for *values, nano, tokens in amounts_by(question, *by)}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALL, max_size=25), st.integers(0, 25))
def test_they_are_what_the_days_add_up_to(calls: list[dict[str, Any]], split: int) -> None:
    DailySpend.objects.all().delete()
    SpendTotal.objects.all().delete()
    for some in (calls[:split], calls[split:]):
        keep(*(entry(ended_at=call["started_at"], attempt=number, **call) for number, call in enumerate(some)))

    assert [totals.count_wrong(month) for month in totals.months()] == [0] * len(totals.months())
    for first, last in SPANS:
        question = Question(first=first, last=last)
        for by in (*((one,) for one in By), *PAIRS, (By.MODEL_GROUP, By.DAY)):
            assert kept(question, *by) == from_days(question, *by), (question, by)
        assert total(question).amount_nano == sum(nano for nano, _ in from_days(question, By.DAY).values())


@pytest.mark.parametrize("by", [By.TEAM, By.TAG, By.DAY, By.MODEL_GROUP, By.DEPLOYMENT])
def test_they_are_read_where_they_have_the_answer(by: By) -> None:
    """Told by rows that are nowhere else."""
    SpendTotal.objects.create(dimension="" if by is By.DAY else by.value, begins=NOVEMBER, value="x", amount_nano=7)
    is_daily = by not in (By.TEAM, By.TAG)

    assert [group.sums.amount_nano for group in spend_by(Question(first=NOVEMBER, last=ENDS[NOVEMBER]), by)] == [7]
    assert [group.sums.amount_nano for group in spend_by(Question(), by, limit=1)] == [7]
    assert spend_by(Question(first=NOVEMBER), By.TEAM, By.KEY) == []
    assert spend_by(Question(first=NOVEMBER, where={By.MODEL: ["m"]}), by) == []
    assert spend_by(Question(first=NOVEMBER, any_of=({By.USER: ["u"]},)), by) == []
    assert spend_by(Question(first=NOVEMBER + timedelta(days=1)), by) == []
    assert len(spend_by(Question(first=NOVEMBER, last=NOVEMBER), by)) == is_daily
    assert len(spend_by(Question(last=ENDS[NOVEMBER] - timedelta(days=9)), by)) == is_daily
    assert len(spend_by(Question(first=NOVEMBER), By.DAY, by)) == is_daily


@pytest.mark.parametrize(
    ("first", "last", "is_whole"),
    [
        (NOVEMBER, date(2026, 11, 24), True),
        (NOVEMBER, date(2026, 11, 25), True),
        (NOVEMBER, date(2026, 11, 23), False),
        (date(2026, 11, 2), date(2026, 11, 24), False),
        (OCTOBER, date(2026, 10, 31), True),
        (OCTOBER, date(2026, 10, 30), False),
        (date(2024, 2, 1), date(2024, 2, 28), False),
        (date(2024, 2, 1), date(2024, 2, 29), True),
        (None, None, True),
        (date(9999, 12, 1), date.max, True),
    ],
)
def test_a_month_is_whole_from_its_first_day_to_its_last_or_to_today(
    monkeypatch: pytest.MonkeyPatch, first: date | None, last: date | None, *, is_whole: bool
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    assert (reports._kept(Question(first=first, last=last), (By.TEAM,)) is not None) is is_whole
    for by in (By.DAY, By.MODEL):
        assert reports._kept(Question(first=first, last=last), (by,)) is not None, "of days any span is whole"


def test_the_dearest_of_one_month_and_of_two() -> None:
    keep_days(
        *(day_row(NOVEMBER, team_id=team, amount_nano=nano) for team, nano in (("b", 3), ("a", 3), ("c", 9))),
        day_row(OCTOBER, team_id="a", amount_nano=100),
    )
    one, two = Question(first=NOVEMBER, last=ENDS[NOVEMBER]), Question(first=OCTOBER, last=ENDS[NOVEMBER])

    assert [group.values[0] for group in spend_by(one, By.TEAM, limit=2)] == ["c", "a"]
    assert [(group.values[0], group.sums.amount_nano) for group in spend_by(two, By.TEAM, limit=2)] == [
        ("a", 103),
        ("c", 9),
    ]


def test_what_is_taken_away_leaves_nothing_behind() -> None:
    keep_days(day_row(team_id="a"), day_row(team_id="b"), day_row(facet="tag", facet_value="x", team_id="a"))
    gone = DailySpend.objects.filter(team_id="a")
    totals.take_totals(gone)
    gone.delete()

    assert [totals.count_wrong(month) for month in totals.months()] == [0]
    assert not SpendTotal.objects.filter(value__in=["a", "x"]).exists()
    assert SpendTotal.objects.get(dimension="", begins=day_row().day).requests == 10


def test_verify_finds_and_mends_them() -> None:
    insert([entry(started_at=NOW, ended_at=NOW, amount_nano=5, team_id="t", tags=["x"]).encode()])
    UnrolledBatch.objects.update(created_at=NOW)
    assert verify(now=NOW).findings == ()
    SpendTotal.objects.filter(dimension="team_id").update(amount_nano=6)
    SpendTotal.objects.filter(dimension="tag").delete()
    SpendTotal.objects.create(dimension="model", begins=NOVEMBER, value="none", requests=1)
    SpendTotal.objects.create(dimension="model", begins=NOVEMBER + timedelta(days=1), value="none", requests=1)

    report = verify(now=NOW)
    assert report.findings == ("totals of 2026-11: 4 are not what its days add up to",)
    assert report.drift_nano == 0, "what is charged was right"
    assert verify(now=NOW, repair=True).findings == report.findings
    assert verify(now=NOW).findings == ()


def test_what_a_former_version_rolled_up_is_made_up_for(caplog: pytest.LogCaptureFixture) -> None:
    keep_days(day_row(NOVEMBER, team_id="t"), day_row(OCTOBER), day_row(date(2026, 9, 30)))
    SpendTotal.objects.filter(begins__lt=OCTOBER).update(amount_nano=1)
    mend_totals(now=NOW)
    assert not caplog.records
    DailySpend.objects.bulk_create([day_row(date(2026, 11, 2), team_id="t"), day_row(date(2026, 10, 31))])

    mend_totals(now=NOW)

    assert [record.months for record in caplog.records] == [["2026-10", "2026-11"]]  # type: ignore[attr-defined]
    assert [totals.count_wrong(month) for month in (OCTOBER, NOVEMBER)] == [0, 0]
    assert SpendTotal.objects.get(dimension="team_id", begins=NOVEMBER, value="t").requests == 20
    assert totals.count_wrong(date(2026, 9, 1)) > 0, "of what is long ago `ledger verify` tells"


def test_it_comes_every_hour() -> None:
    assert {"task": tasks.mend_totals.name, "schedule": 3600.0} in app.conf.beat_schedule.values()


def test_what_is_there_at_the_upgrade_is_added_up() -> None:
    keep_days(
        *(
            day_row(day, team_id=team, model=f"of {team}")
            for day in (OCTOBER, NOVEMBER, date(2026, 11, 30))
            for team in ("a", "", "b")
        ),
        day_row(NOVEMBER, facet="tag", facet_value="x"),
        day_row(NOVEMBER, facet="customer", facet_value="c"),
    )
    right = set(SpendTotal.objects.values_list())
    SpendTotal.objects.all().delete()
    for name in ("0006_spend_totals", "0008_totals_of_days"):
        import_module(f"budgets.migrations.{name}").add_up(None, SimpleNamespace(connection=connection))

    assert set(SpendTotal.objects.values_list()) == right
    assert Counter(SpendTotal.objects.values_list("dimension", flat=True))["team_id"] == 6
    assert Counter(SpendTotal.objects.values_list("dimension", flat=True))["model"] == 9
    with sums_locked():
        assert totals.mend_lately(now=NOW) == []
