"""An entry's amount is set right by another entry: in its period, for its payers, and in force at once."""

from datetime import timedelta
from typing import Any

import pytest

from budgets.corrections import correct_amount, corrected_nano
from budgets.models import HEALTH_CHECK_KEY, Basis, Facet, LedgerEntry, Scope, SpendAdjustment
from budgets.reports import By, Question, spend_by, total
from budgets.standing import standings
from budgets.verify import verify
from teams.errors import Invalid
from teams.models import AuditEntry, Team
from tests.budgets.test_rollup import DOLLAR, NOW, key, rolled, spent

pytestmark = pytest.mark.django_db


def made(amount_nano: int = 5 * DOLLAR, **columns: Any) -> LedgerEntry:
    plain: dict[str, Any] = {"team_id": "t", "end_user": "c", "tags": ["a", "b"], "prompt_tokens": 10}
    return LedgerEntry.objects.get(pk=spent(amount_nano, **{**plain, **columns}))


def correct(entry: LedgerEntry, to_nano: int) -> int:
    return correct_amount(entry, to_nano=to_nano, reason="wrong price", now=NOW, actor_id="root")


@pytest.mark.parametrize("right", [0, 2 * DOLLAR, 7 * DOLLAR])
def test_the_difference_is_an_entry_of_the_same_payers_and_time(right: int) -> None:
    entry = made()

    assert correct(entry, right) == right - 5 * DOLLAR
    correction = LedgerEntry.objects.get(corrects=entry.pk)
    assert (correction.amount_nano, correction.basis, correction.call_type) == (
        right - 5 * DOLLAR, Basis.CORRECTION, "adjustment",
    )  # fmt: skip
    for name in ("started_at", "key_hash", "team_id", "end_user", "tags", "model_group", "deployment_id", "call_id"):
        assert getattr(correction, name) == getattr(entry, name), name
    assert correction.prompt_tokens == 0
    assert correction.request_id != entry.request_id
    entry.refresh_from_db()
    assert entry.amount_nano == 5 * DOLLAR
    assert corrected_nano(entry) == right


def test_corrections_of_one_entry_add_up() -> None:
    entry = made()
    correct(entry, 7 * DOLLAR)

    assert correct(entry, 3 * DOLLAR) == -4 * DOLLAR
    assert corrected_nano(entry) == 3 * DOLLAR
    with pytest.raises(Invalid, match="costs already"):
        correct(entry, 3 * DOLLAR)


def test_spend_is_right_afterwards_and_no_request_more_is_counted() -> None:
    Team.objects.create(
        id="t", max_budget_nano=10 * DOLLAR, budget_duration="30d", budget_started_at=NOW - timedelta(days=99)
    )
    entry = made()
    rolled()
    correct(entry, 2 * DOLLAR)
    team = (Scope.TEAM, "t")
    assert standings([team], now=NOW)[team][0].spent_nano == 2 * DOLLAR, "also before it is rolled up"

    rolled()
    assert standings([team], now=NOW)[team][0].spent_nano == 2 * DOLLAR
    sums = total(Question())
    assert (sums.amount_nano, sums.requests, sums.prompt_tokens) == (2 * DOLLAR, 1, 10)
    for by in (By.CUSTOMER, By.TAG):
        assert {group.sums.amount_nano for group in spend_by(Question(facet=Facet(by.value)), by)} == {2 * DOLLAR}
    assert verify(now=NOW).drift_nano == 0


def test_where_requests_are_admitted_it_is_read_anew_for_whoever_has_a_budget() -> None:
    Team.objects.create(id="t", max_budget_nano=10 * DOLLAR)
    own = key()
    correct(made(key_hash=own.token_hash), 2 * DOLLAR)

    assert list(SpendAdjustment.objects.values_list("scope", "entity_id", "amount_nano", "actor_id")) == [
        ("team", "t", 0, "root")
    ]


def test_who_and_why_is_in_the_trail() -> None:
    entry = made()
    correct(entry, 2 * DOLLAR)
    trail = AuditEntry.objects.get(object_type="ledger_entry")

    assert (trail.object_id, trail.before) == (str(entry.pk), {"amount": 5.0})
    assert trail.after == {
        "amount": 2.0, "reason": "wrong price", "correction": str(LedgerEntry.objects.get(corrects=entry.pk).pk),
    }  # fmt: skip


def test_neither_corrections_nor_health_checks_are_corrected() -> None:
    entry = made()
    correct(entry, 2 * DOLLAR)

    for one in (LedgerEntry.objects.get(corrects=entry.pk), made(key_hash=HEALTH_CHECK_KEY)):
        with pytest.raises(Invalid, match="Only what a client asked for"):
            correct(one, DOLLAR)
    assert LedgerEntry.objects.count() == 3
