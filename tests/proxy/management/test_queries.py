"""However long a page is, it costs the same number of queries."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from proxy.management.customers import customer_objects
from proxy.management.user_objects import key_counts, user_objects
from teams.models import Budget, Customer, Membership, Organization, OrganizationMembership, Team, User, VirtualKey

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 10, 23, tzinfo=UTC)


def queries(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def users(count: int) -> QuerySet[User]:
    team, organization = Team.objects.create(), Organization.objects.create(alias="o")
    for number in range(count):
        user = User.objects.create(
            username=f"{team.pk} {number}", budget_duration="30d", budget_started_at=NOW, max_budget_nano=1
        )
        Membership.objects.create(team=team, user=user)
        OrganizationMembership.objects.create(organization=organization, user=user)
        VirtualKey.objects.create(token_hash=f"{team.pk} {number}", user=user)
    return User.objects.filter(memberships__team=team)


def test_a_page_of_users() -> None:
    few, many = users(2), users(25)

    def show(rows: QuerySet[User]) -> None:
        page = list(rows)
        shown, counts = user_objects(page, now=NOW), key_counts(page)
        assert all(user["teams"] and user["organization_memberships"] for user in shown)
        assert set(counts.values()) == {1}

    assert queries(lambda: show(few)) == queries(lambda: show(many)) == 7


def customers(group: str, count: int) -> QuerySet[Customer]:
    for number in range(count):
        budget = Budget.objects.create(id=f"{group} {number}", budget_duration="1d", budget_started_at=NOW)
        Customer.objects.create(id=f"{group} {number}", budget=budget)
        Customer.objects.create(id=f"{group} {number} without")
    return Customer.objects.filter(pk__startswith=f"{group} ").select_related("budget")


def test_a_page_of_customers() -> None:
    few, many = customers("few", 2), customers("many", 100)

    def show(rows: QuerySet[Customer]) -> None:
        assert customer_objects(list(rows), now=NOW)

    assert queries(lambda: show(few)) == queries(lambda: show(many)) == 7
