"""Sums over the roll-up: by whom, over which days, and never a call twice."""

from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budgets.models import DailySpend, Facet
from budgets.reports import (
    By,
    Group,
    Question,
    Sums,
    amounts_by,
    amounts_day_by_day,
    day_by_day,
    spend_by,
    total,
    values_of,
)
from tests.budgets.days import DAY, day_row, keep_days

pytestmark = pytest.mark.django_db
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)


def amounts(groups: list[Group]) -> dict[tuple[object, ...], int]:
    return {group.values: group.sums.amount_nano for group in groups}


def test_nothing_spent_is_zero_and_no_group() -> None:
    assert total(Question()) == Sums()
    assert spend_by(Question(), By.DAY, By.TEAM) == []
    assert list(day_by_day(Question(), By.TEAM)) == []
    assert values_of(Question(), By.TAG, limit=10) == []


def test_both_ends_of_the_days_are_included() -> None:
    keep_days(*(day_row(day, amount_nano=amount) for day, amount in ((BEFORE, 1), (DAY, 10), (AFTER, 100))))

    def spent(first: date | None, last: date | None) -> int:
        return total(Question(first=first, last=last)).amount_nano

    assert spent(DAY, DAY) == 10
    assert spent(BEFORE, DAY) == 11
    assert spent(DAY, AFTER) == spent(DAY, None) == 110
    assert spent(None, BEFORE) == 1
    assert spent(None, None) == 111
    assert spent(AFTER, BEFORE) == 0


def test_every_measure_is_summed() -> None:
    keep_days(day_row(), day_row(failures=3, model="other"))

    sums = total(Question())
    assert sums == Sums(2_000_000_000, 20, 3, 200, 100, 40, 10, 18_000)
    assert (sums.successes, sums.total_tokens) == (17, 300)
    assert spend_by(Question(), By.TEAM) == [Group(("",), sums)]


@pytest.mark.parametrize(
    "by", [By.KEY, By.USER, By.TEAM, By.ORGANIZATION, By.MODEL_GROUP, By.MODEL, By.PROVIDER, By.DEPLOYMENT]
)
def test_spend_by_an_entity(by: By) -> None:
    keep_days(
        day_row(DAY, amount_nano=1, **{by.value: "one"}), day_row(AFTER, amount_nano=2, **{by.value: "one"}),
        day_row(DAY, amount_nano=4, **{by.value: "two"}),
    )  # fmt: skip

    assert amounts(spend_by(Question(), by)) == {("one",): 3, ("two",): 4}
    assert amounts(spend_by(Question(), By.DAY, by)) == {(DAY, "one"): 1, (AFTER, "one"): 2, (DAY, "two"): 4}
    assert amounts(spend_by(Question(where={by: ["one"]}), by)) == {("one",): 3}
    assert total(Question(where={by: ["one", "two"]})).amount_nano == 7
    assert total(Question(where={by: []})).amount_nano == 0


@pytest.mark.parametrize("by", [By.CUSTOMER, By.TAG])
def test_a_facet_counts_the_same_calls_again_and_apart(by: By) -> None:
    keep_days(
        day_row(amount_nano=7),
        day_row(amount_nano=4, facet=by.value, facet_value="one"),
        day_row(amount_nano=3, facet=by.value, facet_value="two", team_id="red"),
    )

    assert total(Question()).amount_nano == 7
    assert amounts(spend_by(Question(), by)) == {("one",): 4, ("two",): 3}
    assert amounts(spend_by(Question(where={by: ["two"]}), By.TEAM)) == {("red",): 3}
    assert total(Question(facet=Facet(by.value))).amount_nano == 7
    assert values_of(Question(), by, limit=1) == ["one"]


def test_customers_and_tags_cannot_be_asked_together() -> None:
    with pytest.raises(ValueError, match="customers and tags"):
        spend_by(Question(where={By.TAG: ["a"]}), By.CUSTOMER)


def test_the_dearest_come_first() -> None:
    keep_days(*(day_row(team_id=name, amount_nano=amount) for name, amount in (("b", 5), ("a", 5), ("c", 9), ("d", 1))))

    assert [group.values[0] for group in spend_by(Question(), By.TEAM, limit=3)] == ["c", "a", "b"]


def test_one_of_several_conditions_is_enough() -> None:
    keep_days(
        day_row(user_id="ada", amount_nano=1), day_row(team_id="red", amount_nano=2),
        day_row(user_id="ada", team_id="red", amount_nano=4), day_row(user_id="bob", amount_nano=8),
    )  # fmt: skip
    seen = Question(any_of=({By.USER: ["ada"]}, {By.TEAM: ["red"]}))

    assert total(seen).amount_nano == 7
    assert total(Question(any_of=({},))).amount_nano == 15
    assert total(Question(any_of=({By.TEAM: []},))).amount_nano == 0
    assert total(Question(where={By.TEAM: ["red"]}, any_of=seen.any_of)).amount_nano == 6


def test_days_come_one_by_one_without_the_empty_ones() -> None:
    keep_days(day_row(AFTER, amount_nano=2), day_row(BEFORE, amount_nano=1), day_row(AFTER, amount_nano=3, model="x"))

    found = list(day_by_day(Question(), By.MODEL_GROUP))
    assert [(day, amounts(groups)) for day, groups in found] == [(BEFORE, {("gpt-4o",): 1}), (AFTER, {("gpt-4o",): 5})]
    assert list(day_by_day(Question(last=BEFORE), By.MODEL_GROUP)) == found[:1]
    assert list(day_by_day(Question(first=DAY), By.MODEL_GROUP)) == found[1:]


def test_no_day_beyond_the_last_one_is_told() -> None:
    keep_days(*(day_row(DAY + timedelta(days=number)) for number in range(4)), day_row(date.max))

    def days(first: date, last: date) -> list[date]:
        return [day for day, _ in amounts_day_by_day(Question(first=first, last=last), By.KEY)]

    assert days(DAY, DAY) == [DAY]
    assert days(DAY, AFTER) == [DAY, AFTER]
    assert days(DAY + timedelta(days=3), date.max) == [DAY + timedelta(days=3), date.max]


def test_bare_amounts_are_those_of_the_groups() -> None:
    keep_days(day_row(team_id="red", amount_nano=3), day_row(team_id="red", amount_nano=-1), day_row(amount_nano=5))

    assert sorted(amounts_by(Question(), By.TEAM)) == [("", 5, 150), ("red", 2, 300)]
    assert amounts_by(Question(last=BEFORE), By.TEAM) == []


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from(["", "red", "blue"]), st.sampled_from(["k1", "k2"]),
            st.integers(-(10**15), 10**15),
        ),
        max_size=30,
    )
)  # fmt: skip
def test_groups_add_up_to_the_total(rows: list[tuple[int, str, str, int]]) -> None:
    DailySpend.objects.all().delete()
    keep_days(
        *(day_row(DAY + timedelta(days=n), team_id=team, key_hash=key, amount_nano=nano) for n, team, key, nano in rows)
    )
    expected = sum(nano for *_, nano in rows)

    assert total(Question()).amount_nano == expected
    for by in ((By.DAY,), (By.TEAM,), (By.TEAM, By.KEY), (By.DAY, By.TEAM, By.KEY)):
        assert sum(group.sums.amount_nano for group in spend_by(Question(), *by)) == expected
        assert len({group.values for group in spend_by(Question(), *by)}) == len(spend_by(Question(), *by))
    each_day = [group.sums.amount_nano for _, groups in day_by_day(Question(), By.TEAM) for group in groups]
    assert sum(each_day) == expected
