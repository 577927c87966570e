"""Customers who make themselves known by spending."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from budgets import entries, tasks
from budgets.customers import WINDOW, note_customers
from gateway_project.celery import app
from teams.models import AuditEntry, Customer
from tests.budgets.builders import STARTED_AT, entry

pytestmark = pytest.mark.django_db
NOW = STARTED_AT + timedelta(minutes=1)


def spend(*end_users: str, **columns: Any) -> None:
    entries.insert([entry(end_user=end_user, **columns).encode() for end_user in end_users])


def test_who_spends_first_becomes_a_customer() -> None:
    spend("ada", "ada", "bob", "", "\N{PILE OF POO}' --")

    assert note_customers(now=NOW) == 3
    assert set(Customer.objects.values_list("pk", flat=True)) == {"ada", "bob", "\N{PILE OF POO}' --"}


def test_the_second_time_makes_nobody_twice() -> None:
    spend("ada")
    assert [note_customers(now=NOW), note_customers(now=NOW)] == [1, 0]

    spend("ada", "bob")
    assert note_customers(now=NOW) == 1
    assert AuditEntry.objects.filter(object_type="customer").count() == 2


def test_who_was_made_before_stays_as_they_are() -> None:
    Customer.objects.create(id="ada", alias="Ada", blocked=True)
    spend("ada")

    assert note_customers(now=NOW) == 0
    assert Customer.objects.get().blocked


def test_what_is_long_past_is_not_read_again() -> None:
    spend("ada")

    assert note_customers(now=STARTED_AT + WINDOW + timedelta(seconds=1)) == 0
    assert note_customers(now=STARTED_AT + WINDOW) == 1


def test_made_up_names_do_not_keep_the_worker_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("budgets.customers._MOST_AT_ONCE", 2)
    spend("a", "b", "c")

    assert [note_customers(now=NOW) for _ in range(3)] == [2, 1, 0]


def test_the_job_acts_as_the_system() -> None:
    now = timezone.now()
    spend("ada", started_at=now, ended_at=now)
    tasks.note_customers()

    (made,) = AuditEntry.objects.filter(object_type="customer")
    assert (made.object_id, made.action, made.source, made.actor_id) == ("ada", "created", "system", "")


def test_the_job_runs_every_minute() -> None:
    assert {"task": tasks.note_customers.name, "schedule": 60.0} in app.conf.beat_schedule.values()
