"""How often each page of the admin asks the database: within a bound, and no more for many rows than for a few."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from tests.gateway_project.pages import superuser, url
from tests.gateway_project.rows import MAKERS

pytestmark = pytest.mark.django_db
# A team's page asks most: for all that was spent of its budgets, and for its members.
MOST_QUERIES = 70
FEW, MANY = 2, 8
# Beside those of a registered model.
OWN_PAGES = (
    "/admin/",
    "/admin/proxy/routing/",
    "/admin/proxy/routing/edit/",
    "/admin/proxy/routing/history/",
    "/admin/password_change/",
    "/admin/proxy/requesttrace/preview/",
    "/admin/alerts/alertroute/preview/",
)


def schedules(number: int) -> PeriodicTask:
    every, _ = IntervalSchedule.objects.get_or_create(every=100 + number, period="seconds")
    CrontabSchedule.objects.create(minute=str(number))
    return PeriodicTask.objects.create(name=f"task {number}", task="t", interval=every)


OTHERS: dict[str, Any] = {
    "auth_group": lambda number: Group.objects.create(name=f"group {number}"),
    "gateway_project_job": schedules,
}


def make(numbers: range) -> dict[str, Any]:
    """Rows of each kind, of which the first are returned; numbers far apart, since one kind makes rows of others."""
    makers = {**MAKERS, **OTHERS}
    made = {
        name: [one(100_000 * place + number) for number in numbers] for place, (name, one) in enumerate(makers.items())
    }
    return {name: rows[0] for name, rows in made.items()}


def addresses(firsts: dict[str, Any]) -> list[str]:
    """The list, the form of a new row, and the form and history of one row, of everything registered."""
    found = list(OWN_PAGES)
    for model in admin.site._registry:
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        found.append(url(name, "changelist"))
        row = firsts.get(name) or model._default_manager.order_by("pk").first()
        # The page of spend shows sums alone.
        if name != "budgets_dailyspend":
            found += [url(name, "add"), *(url(name, view, row.pk) for view in ("change", "history") if row)]
    return found


def asked(page: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert page.get(address).status_code in {200, 302, 403}, address
    return len(captured)


def test_no_page_asks_more_than_a_bound_nor_more_for_many_rows_than_for_a_few(client: Client) -> None:
    client.force_login(superuser())
    known = addresses(make(range(FEW)))
    few = {address: asked(client, address) for address in known}
    make(range(FEW, MANY))
    many = {address: asked(client, address) for address in known}

    assert {address: (few[address], many[address]) for address in known if many[address] > few[address]} == {}
    assert {address: number for address, number in many.items() if number > MOST_QUERIES} == {}
    assert len(known) > 4 * len(MAKERS)
