"""Money on the pages of those who spend: how budgets stand, spend that begins anew, and raises for a while."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from budgets.entries import insert
from budgets.models import DailySpend, Facet, Scope, SpendAdjustment, UnrolledBatch
from budgets.rollup import roll_up
from budgets.spend import spend_of
from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN, VIEWER
from teams.models import (
    AuditEntry,
    Budget,
    Customer,
    Membership,
    Organization,
    OrganizationMembership,
    OrganizationRole,
    Tag,
    Team,
    User,
    VirtualKey,
)
from teams.services import issue_key
from tests.budgets.builders import entry
from tests.budgets.days import day_row, keep_days
from tests.gateway_project.pages import KEYS, TEAMS, USERS, queries, staff, url

pytestmark = pytest.mark.django_db
DOLLAR = 10**9
SCRIPT = "<script>alert(1)</script>"
OWNERS = [KEYS, TEAMS, USERS, "teams_membership", "teams_organization", "teams_customer", "teams_tag"]
SCOPES = dict(
    zip(
        OWNERS,
        (Scope.KEY, Scope.TEAM, Scope.USER, Scope.MEMBER, Scope.ORGANIZATION, Scope.CUSTOMER, Scope.TAG),
        strict=True,
    )
)


def world() -> dict[str, Any]:
    """One of each, with a budget of $10 for 30 days, of which a call of $6 was charged to all of them."""
    long_ago = timezone.now() - timedelta(days=100)
    limits: dict[str, Any] = {
        "max_budget_nano": 10 * DOLLAR, "soft_budget_nano": 5 * DOLLAR, "budget_duration": "30d",
        "budget_started_at": long_ago,
    }  # fmt: skip
    budget = Budget.objects.create(id="b", **limits)
    organization = Organization.objects.create(id="o", alias=SCRIPT, budget=budget)
    team = Team.objects.create(id="t", alias=SCRIPT, organization=organization, **limits)
    user = User.objects.create(id="u", username="u", alias=SCRIPT, **limits)
    member = Membership.objects.create(team=team, user=user, budget=budget)
    key = VirtualKey(alias=SCRIPT, team=team, user=user, model_max_budget=models(), **limits)
    issue_key(key)
    rows = {
        KEYS: key, TEAMS: team, USERS: user, "teams_membership": member, "teams_organization": organization,
        "teams_customer": Customer.objects.create(id="c", alias=SCRIPT, budget=budget),
        "teams_tag": Tag.objects.create(name="g", budget=budget),
    }  # fmt: skip
    charge(key, 6 * DOLLAR)
    return rows


def models() -> dict[str, Any]:
    return {f"{SCRIPT}": {"budget_limit": 3, "time_period": "7d"}}


def charge(key: VirtualKey, amount_nano: int) -> None:
    now = timezone.now()
    made = entry(
        key_hash=key.token_hash, user_id="u", team_id="t", organization_id="o", end_user="c", tags=["g"],
        amount_nano=amount_nano, started_at=now, ended_at=now,
    )  # fmt: skip
    insert([made.encode()])
    UnrolledBatch.objects.update(created_at=now - timedelta(minutes=1))
    roll_up(now=now)


def entity_id(row: Any) -> str:
    return str(row.pk)


def counts(name: str, row: Any) -> int:
    """Nano-dollars of the period, as budgets are judged."""
    start = timezone.now() - timedelta(days=1)
    return spend_of(SCOPES[name], {entity_id(row): start})[entity_id(row)].period_nano


def text_of(response: Any) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


@pytest.mark.parametrize("name", OWNERS)
def test_a_page_shows_how_its_budgets_stand_in_words_beside_the_bar(page: Client, name: str) -> None:
    row = world()[name]
    response = page.get(url(name, "change", row.pk))
    told = text_of(response)

    assert response.status_code == 200
    assert "$6.00 of $10.00, 60 %" in told
    assert "Soft budget at $5.00." in told
    assert "50 % soft budget" in told
    assert re.search(r"Since \d{4}-\d\d-01 00:00 UTC, resets \d{4}-\d\d-01 00:00 UTC", told)
    assert "No forecast: it needs three whole days" in told
    assert "$6.00 spent ever" in told
    assert SCRIPT not in response.content.decode()


@pytest.mark.parametrize("name", OWNERS)
def test_a_forecast_says_how_many_days_it_saw(page: Client, name: str) -> None:
    rows = world()
    today = timezone.now().date()
    facets = {"teams_customer": (Facet.CUSTOMER, "c"), "teams_tag": (Facet.TAG, "g")}
    facet, value = facets.get(name, (Facet.CALLS, ""))
    keep_days(
        *(
            day_row(
                today - timedelta(days=n), amount_nano=DOLLAR, key_hash=rows[KEYS].token_hash, user_id="u",
                team_id="t", organization_id="o", facet=facet, facet_value=value,
            )
            for n in range(1, 11)
        )
    )  # fmt: skip
    told = text_of(page.get(url(name, "change", rows[name].pk)))

    assert "Forecast from the last 10 days: $" in told
    assert "by the end of the period" in told


def test_a_page_without_a_budget_says_so(page: Client) -> None:
    Team.objects.create(id="free")

    assert "There is no budget: nothing is refused for its cost." in text_of(page.get(url(TEAMS, "change", "free")))


@pytest.mark.parametrize(("name", "shown"), [(KEYS, True), (TEAMS, True), (USERS, True), ("teams_membership", True)])
def test_a_list_shows_what_is_spent_of_the_budget(page: Client, name: str, shown: bool) -> None:
    world()
    response = page.get(url(name, "changelist"))

    assert ("$6.00 of $10.00 / 30d" in text_of(response)) is shown
    assert SCRIPT not in response.content.decode()


@pytest.mark.parametrize("name", [TEAMS, USERS])
def test_tables_of_members_show_what_each_has_spent(page: Client, name: str) -> None:
    row = world()[name]
    Membership.objects.create(
        team=Team.objects.create(id="other") if name == USERS else row,
        user=User.objects.create(id="other", username="other") if name == TEAMS else row,
    )
    response = page.get(url(name, "change", row.pk))
    told = text_of(response)

    assert "$6.00 of $10.00 / 30d" in told
    assert f'href="{url("teams_membership", "change", Membership.objects.get(team="t", user="u").pk)}"' in (
        response.content.decode()
    )


@pytest.mark.parametrize("name", [KEYS, TEAMS])
def test_lists_and_pages_ask_no_more_for_many_that_spend(page: Client, name: str) -> None:
    world()

    def make(number: int) -> None:
        team = Team.objects.create(id=f"t{number}", max_budget_nano=DOLLAR, budget_duration="30d")
        key = VirtualKey(alias=f"k{number}", team=team, max_budget_nano=DOLLAR, budget_duration="1d")
        issue_key(key)
        now = timezone.now()
        insert([entry(key_hash=key.token_hash, team_id=team.pk, amount_nano=5, started_at=now, ended_at=now).encode()])

    for number in range(3):
        make(number)
    few = queries(page, url(name, "changelist"))
    for number in range(3, 40):
        make(number)

    assert queries(page, url(name, "changelist")) <= few


@pytest.mark.parametrize("name", OWNERS)
def test_a_reset_asks_first_and_is_in_the_trail(page: Client, name: str) -> None:
    row = world()[name]
    asked = page.get(url(name, "reset_spend", row.pk))
    assert "The ledger stays as it is" in text_of(asked)
    assert SCRIPT not in asked.content.decode()
    assert not SpendAdjustment.objects.exists()

    said = text_of(page.post(url(name, "reset_spend", row.pk), follow=True))
    assert "before, it was $6.00" in said
    assert counts(name, row) == 0
    assert SpendAdjustment.objects.get().actor_id == "root"
    trail = AuditEntry.objects.get(before={"spend": 6.0})
    assert (trail.object_id, trail.after, trail.actor_id) == (entity_id(row), {"spend": 0.0}, "root")

    assert "has spent nothing" in text_of(page.post(url(name, "reset_spend", row.pk), follow=True))
    assert SpendAdjustment.objects.count() == 1


def in_hours(hours: int) -> str:
    return (timezone.now() + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M")


RAISED = [KEYS, TEAMS, USERS, "teams_budget"]


@pytest.mark.parametrize("name", RAISED)
def test_a_raise_lasts_until_its_end_and_is_in_the_trail(page: Client, name: str) -> None:
    row = {**world(), "teams_budget": Budget.objects.get(pk="b")}[name]
    assert page.get(url(name, "raise_budget", row.pk)).status_code == 200
    said = text_of(page.post(url(name, "raise_budget", row.pk), {"amount": "2.5", "until": in_hours(3)}, follow=True))
    row.refresh_from_db()

    assert "may spend $2.50 more until" in said
    assert row.temp_budget_increase_nano == 5 * DOLLAR // 2
    assert timedelta(hours=2) < row.temp_budget_expiry - timezone.now() <= timedelta(hours=3)
    assert AuditEntry.objects.filter(after__temp_budget_increase=2.5, object_id=row.pk, actor_id="root").exists()
    if name != "teams_budget":
        assert "Contains a temporary increase of $2.50 until" in text_of(page.get(url(name, "change", row.pk)))

    page.post(url(name, "end_raise", row.pk))
    row.refresh_from_db()
    assert (row.temp_budget_increase_nano, row.temp_budget_expiry) == (None, None)
    assert "no longer applies" in text_of(page.post(url(name, "end_raise", row.pk), follow=True))


@pytest.mark.parametrize(
    ("amount", "until"), [("0", 3), ("-1", 3), ("NaN", 3), ("1", -3), ("", 3), ("1e30", 3), ("x", 3)]
)
def test_a_raise_of_nothing_or_until_yesterday_is_refused(page: Client, amount: str, until: int) -> None:
    world()
    response = page.post(url(TEAMS, "raise_budget", "t"), {"amount": amount, "until": in_hours(until)})

    assert response.status_code == 200
    assert "errorlist" in response.content.decode() or response.context["form"].errors
    assert Team.objects.get().temp_budget_increase_nano is None


def test_what_no_column_can_hold_is_not_added(page: Client) -> None:
    Team.objects.create(id="rich", max_budget_nano=2**63 - 1 - DOLLAR)
    page.post(url(TEAMS, "raise_budget", "rich"), {"amount": "1000000000", "until": in_hours(1)})

    assert Team.objects.get().temp_budget_increase_nano == DOLLAR


def test_without_a_budget_there_is_nothing_to_raise(page: Client) -> None:
    Team.objects.create(id="free")

    assert url(TEAMS, "raise_budget", "free") not in page.get(url(TEAMS, "change", "free")).content.decode()
    assert "no longer applies" in text_of(page.get(url(TEAMS, "raise_budget", "free"), follow=True))


def test_a_key_of_a_shared_budget_is_raised_at_the_budget(page: Client) -> None:
    key = VirtualKey(alias="k", budget=Budget.objects.create(id="b", max_budget_nano=DOLLAR))
    issue_key(key)

    assert url(KEYS, "raise_budget", key.pk) not in page.get(url(KEYS, "change", key.pk)).content.decode()
    assert "shared: b" in text_of(page.get(url(KEYS, "changelist")))


@pytest.mark.parametrize("group", [VIEWER, TEAM_ADMIN, OPERATOR, FINANCE, ADMIN])
@pytest.mark.parametrize("name", [*OWNERS, "teams_budget"])
def test_only_who_is_above_a_budget_changes_what_counts(client: Client, name: str, group: str) -> None:
    """An admin of the team resets its keys, as before, and nothing else."""
    rows = {**world(), "teams_budget": Budget.objects.get(pk="b")}
    tess = staff(group)
    Membership.objects.create(team=rows[TEAMS], user=tess, role="admin")
    client.force_login(tess)
    row = rows[name]
    client.get(url(name, "change", row.pk))
    if name in OWNERS:
        client.post(url(name, "reset_spend", row.pk))
    if name in RAISED:
        client.post(url(name, "raise_budget", row.pk), {"amount": "2", "until": in_hours(1)})
        row.refresh_from_db()

    assert SpendAdjustment.objects.exists() is (
        name in OWNERS and (group == ADMIN or (group == TEAM_ADMIN and name == KEYS))
    )
    may_raise = group == ADMIN or (group == FINANCE and name == "teams_budget")
    assert (name in RAISED and row.temp_budget_increase_nano is not None) is (name in RAISED and may_raise)


def test_an_admin_of_the_organization_is_above_its_teams_and_their_members(client: Client) -> None:
    rows = world()
    tess = staff(TEAM_ADMIN)
    OrganizationMembership.objects.create(
        organization=rows["teams_organization"], user=tess, role=OrganizationRole.ADMIN
    )
    client.force_login(tess)
    for name in (TEAMS, "teams_membership", "teams_organization"):
        client.post(url(name, "reset_spend", rows[name].pk))

    assert {row.scope for row in SpendAdjustment.objects.all()} == {Scope.TEAM, Scope.MEMBER}


def test_nobody_resets_or_raises_themselves(client: Client) -> None:
    tess = staff(TEAM_ADMIN, max_budget_nano=DOLLAR)
    client.force_login(tess)
    client.post(url(USERS, "raise_budget", "tess"), {"amount": "2", "until": in_hours(1)})
    tess.refresh_from_db()

    assert tess.temp_budget_increase_nano is None


def test_a_member_out_of_reach_does_not_exist(client: Client) -> None:
    member = world()["teams_membership"]
    client.force_login(staff(TEAM_ADMIN))

    assert client.get(url("teams_membership", "change", member.pk)).status_code == 302
    assert not client.get(url("teams_membership", "changelist")).context["cl"].result_list


def test_a_member_is_removed_with_what_goes_along(page: Client) -> None:
    member = world()["teams_membership"]
    page.post(url("teams_membership", "delete", member.pk), {"post": "yes"})

    assert not Membership.objects.exists()
    assert DailySpend.objects.exists(), "what was spent stays"
