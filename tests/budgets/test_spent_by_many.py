"""What many have spent is what each of them has, whatever happened to them before."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from budgets import spent_by_many
from budgets.core.allowances import EVER, of_model
from budgets.directory import Entity
from budgets.models import Scope
from budgets.spend import adjust, spends_since
from budgets.spent_by_many import SpentByMany, one_moment
from tests.budgets.test_rollup import DOLLAR, NOW, key, rolled, spent

TODAY = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    entity: Entity
    start: datetime


def everybody() -> list[Asked]:
    limits = {"max_budget_nano": DOLLAR, "budget_duration": "1d"}
    keys = [key(**limits, model_max_budget={"gpt-4o": {"budget_limit": 1}}) for _ in range(4)]
    for number, one in enumerate(keys[:3]):
        spent(number + 1, key_hash=one.token_hash, team_id="t", model_group="gpt-4o", at=NOW - timedelta(days=1))
    rolled()
    for number, one in enumerate(keys[:2]):
        spent(10 * (number + 1), key_hash=one.token_hash, user_id="u", tags=("a",))
    rolled()
    spent(100, key_hash=keys[0].token_hash, end_user="c")
    adjust(Scope.KEY, str(keys[1].pk), by_nano=-5, at=NOW, actor_id="")
    adjust(Scope.KEY, str(keys[3].pk), by_nano=7, at=NOW - timedelta(days=2), actor_id="")
    starts = (EVER, TODAY, NOW - timedelta(days=20))
    entities = [(Scope.KEY.value, str(one.pk)) for one in keys]
    entities += [(Scope.KEY_MODEL.value, of_model(str(one.pk), "gpt-4o")) for one in keys]
    entities += [(Scope.TEAM, "t"), (Scope.USER, "u"), (Scope.TAG, "a"), (Scope.CUSTOMER, "c"), (Scope.PROXY, "")]
    return [Asked(entity, start) for entity in entities for start in starts]


@pytest.mark.django_db
def test_it_is_what_each_of_them_has_spent() -> None:
    asked = everybody()
    expected = spends_since((one.entity, one.start) for one in asked)
    many = SpentByMany()
    assert many.read(asked) == [expected[one.entity, one.start].period_nano for one in asked]

    adjust(Scope.TEAM, "t", by_nano=1000, at=NOW, actor_id="")
    spent(7, team_id="t")
    rolled()
    expected = spends_since((one.entity, one.start) for one in asked)
    assert many.read(asked) == [expected[one.entity, one.start].period_nano for one in asked]


@pytest.mark.django_db
def test_sums_that_are_too_many_at_once_follow_with_the_next_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = everybody()
    expected = spends_since((one.entity, one.start) for one in asked)
    monkeypatch.setattr(spent_by_many, "MOST_SUMS", 3)
    many = SpentByMany()
    unknown = [many.read(asked).count(None) for _ in range(12)]
    assert unknown[0] > 0
    assert unknown == sorted(unknown, reverse=True)
    assert many.read(asked) == [expected[one.entity, one.start].period_nano for one in asked]


@pytest.mark.django_db(transaction=True)
def test_a_moment_is_one_and_can_be_read_again_and_again() -> None:
    for _ in range(2):
        with one_moment(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM budgets_balance")
            assert cursor.fetchone() == (0,)
    assert not connection.in_atomic_block
    # What is written afterwards is written.
    adjust(Scope.TEAM, "t", by_nano=1, at=NOW, actor_id="")
    assert SpentByMany().read([Asked((Scope.TEAM, "t"), EVER)]) == [1]
