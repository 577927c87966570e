"""Removing the demo: exactly its rows go, and what real ones add up to stays."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from budgets.call_times import ENTRY_FIELDS, uncount_times
from budgets.corrections import correct_amount
from budgets.entries import insert
from budgets.models import Balance, CallTotal, DailySpend, LedgerEntry, Scope, UnrolledBatch
from budgets.rollup import roll_up
from budgets.totals import take_totals
from budgets.verify import verify
from gateway_project.demo_data import cast, command, marks
from teams.models import AuditEntry, Customer, Organization, Team, User, VirtualKey
from teams.services import issue_key
from tests.budgets.builders import entry

pytestmark = pytest.mark.django_db
# They count changes, whoever made them.
_COUNTERS = {"teams.Revision", "teams.Change"}


def made(requests: int = 200) -> None:
    command.run(command.Wanted(requests=requests), now=timezone.now())


def removed() -> str:
    (line,) = command.run(command.Wanted(remove=True), now=timezone.now())
    return line


def everything() -> Mapping[str, set[Any]]:
    models = [model for model in apps.get_models() if model._meta.label not in _COUNTERS]
    return {model._meta.label: set(model._default_manager.values_list("pk", flat=True)) for model in models}


def called(at: datetime, **columns: Any) -> None:
    insert([entry(started_at=at, ended_at=at, **columns).encode()])
    UnrolledBatch.objects.update(created_at=at)
    roll_up(now=at, settled_after=timedelta())


def test_nothing_is_left_and_nothing_else_is_gone() -> None:
    Team.objects.create(id="real", alias="Demo: Research")
    User.objects.create(id="demo", username="demo")
    issue_key(VirtualKey(alias="real", team_id="real"))
    before = everything()
    made()
    assert everything() != before

    assert "are gone" in removed()

    assert everything() == before
    assert marks.standing() is marks.Standing.ABSENT


def test_of_none_it_says_so() -> None:
    assert removed() == "There is no demo data here."


def test_real_calls_made_meanwhile_stay_with_their_sums() -> None:
    made()
    now = timezone.now()
    called(now, amount_nano=7, provider="openai", key_hash="a" * 64)
    # A real call for a customer of the demo, in the same second, is a real call.
    called(now, amount_nano=5, provider="openai", key_hash="a" * 64, end_user=next(iter(cast.CUSTOMERS)))

    removed()

    assert sorted(LedgerEntry.objects.values_list("amount_nano", flat=True)) == [5, 7]
    assert sorted(DailySpend.objects.filter(facet="").values_list("amount_nano", flat=True)) == [12]
    assert list(CallTotal.objects.values_list("calls", "amount_nano")) == [(2, 12)]
    spent = {(one.scope, one.entity_id): one.spent_nano for one in Balance.objects.all()}
    assert spent[Scope.PROXY, ""] == spent[Scope.PROVIDER, "openai"] == 12
    assert spent[Scope.CUSTOMER, next(iter(cast.CUSTOMERS))] == 5
    assert (Scope.PROVIDER, "anthropic") not in spent
    assert not any(one.startswith("demo.") for scope, one in spent if scope != Scope.CUSTOMER)
    assert verify(now=now).drift_nano == 0


def test_totals_go_on_from_a_version_that_nobody_has_seen() -> None:
    made()
    last = max(CallTotal.objects.values_list("version", flat=True))
    called(timezone.now(), amount_nano=7)

    removed()

    assert CallTotal.objects.get().version > last


def test_a_correction_of_a_demos_entry_goes_with_it() -> None:
    made()
    entry = LedgerEntry.objects.filter(amount_nano__gt=0).order_by("pk")[0]
    correct_amount(entry, to_nano=1, reason="", now=timezone.now(), actor_id="")

    removed()

    assert not LedgerEntry.objects.exists()
    assert not Balance.objects.exists()
    assert verify(now=timezone.now()).drift_nano == 0


def test_what_people_made_in_the_demos_teams_stays_and_a_key_without_its_team_opens_nothing() -> None:
    made(10)
    issue_key(VirtualKey(alias="mine", team_id="demo.research", user_id="demo.ada"))
    Team.objects.create(id="mine", organization_id="demo.acme")
    Customer.objects.create(id="mine", budget_id="demo.customer")

    removed()

    key = VirtualKey.objects.get()
    assert (key.alias, key.blocked, key.team, key.user) == ("mine", True, None, None)
    assert Team.objects.get().organization is None
    assert Customer.objects.get().budget is None


def test_removal_leaves_no_trace_and_raises_no_alert() -> None:
    before = AuditEntry.objects.count()
    made(10)

    removed()

    assert AuditEntry.objects.count() == before


def test_what_was_left_half_removed_is_removed_the_rest() -> None:
    before = everything()
    made()
    # As when it was killed after the first of the days.
    day = DailySpend.objects.order_by("day").values_list("day", flat=True)[0]
    uncount_times(list(LedgerEntry.objects.filter(started_at__date=day).values(*ENTRY_FIELDS)))
    LedgerEntry.objects.filter(started_at__date=day).delete()
    take_totals(DailySpend.objects.filter(day=day))
    DailySpend.objects.filter(day=day).delete()
    Organization.objects.filter(pk=marks.ROOT).update(metadata={})
    assert marks.standing() is marks.Standing.UNFINISHED

    removed()

    assert everything() == before
    assert verify(now=timezone.now()).drift_nano == 0


def test_without_the_organization_the_days_say_that_there_is_a_demo() -> None:
    made()
    marks.made(Organization).update(created_by="somebody else")

    assert marks.standing() is marks.Standing.UNFINISHED
    removed()

    assert not LedgerEntry.objects.exists()
