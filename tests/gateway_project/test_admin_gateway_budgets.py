"""The page of the gateway's own budgets: made, changed and deleted there, and known to every process at once."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from budgets.models import BudgetSource, GatewayBudget, Scope
from teams import revisions
from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN, VIEWER
from teams.models import AuditEntry, Budget, Tag
from tests.gateway_project.pages import change, staff, url, wrong
from tests.gateway_project.test_admin_money import DOLLAR, SCRIPT, text_of, world

pytestmark = pytest.mark.django_db
PAGE = "budgets_gatewaybudget"
NEW = {"scope": "provider", "entity_id": "openai", "window": "30d", "max_budget_nano": "100"}


def made(**columns: Any) -> GatewayBudget:
    plain: dict[str, Any] = {
        "scope": Scope.PROVIDER, "entity_id": "openai", "window": "30d", "max_budget_nano": 100 * DOLLAR,
        "started_at": timezone.now() - timedelta(days=90),
    }  # fmt: skip
    return GatewayBudget.objects.create(**{**plain, **columns})


def revision() -> int:
    return revisions.current().get(revisions.DEPLOYMENTS, 0)


def test_a_new_one_counts_from_now_on_and_every_process_hears_of_it(page: Client) -> None:
    before = revision()
    assert page.post(url(PAGE, "add"), NEW).status_code == 302
    row = GatewayBudget.objects.get()

    assert (row.scope, row.entity_id, row.window, row.max_budget_nano) == ("provider", "openai", "30d", 100 * DOLLAR)
    assert abs(timezone.now() - row.started_at) < timedelta(minutes=1)
    assert (row.source, row.created_by) == (BudgetSource.ADMIN, "root")
    assert AuditEntry.objects.filter(object_type="gateway_budget", object_id=str(row.pk), action="created").exists()
    assert revision() > before


def test_it_begins_anew_when_its_duration_changes_and_only_then(page: Client) -> None:
    row = made()
    began, before = row.started_at, revision()
    change(page, PAGE, row.pk, max_budget_nano="50")
    row.refresh_from_db()
    assert (row.started_at, row.max_budget_nano) == (began, 50 * DOLLAR)
    assert revision() > before

    change(page, PAGE, row.pk, window="7d")
    row.refresh_from_db()
    assert abs(timezone.now() - row.started_at) < timedelta(minutes=1)
    changes = AuditEntry.objects.filter(object_type="gateway_budget", action="updated").order_by("id")
    assert [(entry.after or {}).get("max_budget") for entry in changes] == [50.0, None]


def test_whose_it_is_cannot_be_changed(page: Client) -> None:
    row = made()
    change(page, PAGE, row.pk, scope="tag", entity_id="other")
    row.refresh_from_db()

    assert (row.scope, row.entity_id) == (Scope.PROVIDER, "openai")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"entity_id": ""}, "entity_id"),
        ({"scope": "proxy"}, "entity_id"),
        ({"scope": "team"}, "scope"),
        ({"max_budget_nano": ""}, "max_budget_nano"),
        ({"max_budget_nano": "-1"}, "max_budget_nano"),
        ({"window": "often"}, "window"),
        ({"window": "1d"}, "window"),
        ({"entity_id": "a" * 256}, "entity_id"),
        ({"entity_id": "a\x00b"}, "entity_id"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(page: Client, fields: dict[str, str], field: str) -> None:
    made(window="1d")
    response = page.post(url(PAGE, "add"), {**NEW, **fields})

    assert response.status_code == 200
    assert list(wrong(response)) == [field]
    assert GatewayBudget.objects.count() == 1


def test_a_duration_that_another_has_is_refused_on_a_change_too(page: Client) -> None:
    made(window="1d")
    row = made()
    response = change(page, PAGE, row.pk, window="1d")

    assert "There is a budget of this duration already." in str(wrong(response)["window"])


def test_everybodys_has_no_name(page: Client) -> None:
    assert page.post(url(PAGE, "add"), {**NEW, "scope": "proxy", "entity_id": ""}).status_code == 302
    assert "Everybody" in text_of(page.get(url(PAGE, "changelist")))


def test_a_soft_one_alone_is_enough(page: Client) -> None:
    sent = {**NEW, "max_budget_nano": "", "soft_budget_nano": "5"}
    assert page.post(url(PAGE, "add"), sent).status_code == 302
    row = GatewayBudget.objects.get()

    assert (row.max_budget_nano, row.soft_budget_nano) == (None, 5 * DOLLAR)
    assert "no limit" in text_of(page.get(url(PAGE, "change", row.pk)))


def test_the_list_and_the_page_say_how_it_stands(page: Client) -> None:
    world()
    row, day = made(), made(window="1d", max_budget_nano=8 * DOLLAR)
    made(scope=Scope.MODEL, entity_id=SCRIPT)
    listed = page.get(url(PAGE, "changelist"))

    assert "$6.00 of $100.00 / 30d" in text_of(listed)
    assert "$6.00 of $8.00 / 1d" in text_of(listed)
    assert SCRIPT not in listed.content.decode()
    told = text_of(page.get(url(PAGE, "change", row.pk)))
    assert "$6.00 of $100.00, 6 %" in told
    assert "$8.00" not in told, "the other window's has a page of its own"
    assert "$6.00 of $8.00, 75 %" in text_of(page.get(url(PAGE, "change", day.pk)))


def test_what_stands_in_the_file_is_only_looked_at_and_says_why(page: Client) -> None:
    row = made(source=BudgetSource.CONFIG)
    shown = page.get(url(PAGE, "change", row.pk))
    assert "It stands in config.yaml. Change it there" in text_of(shown)

    page.post(url(PAGE, "change", row.pk), {"window": "7d", "max_budget_nano": "1"})
    page.post(url(PAGE, "delete", row.pk), {"post": "yes"})
    page.post(url(PAGE, "changelist"), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    row.refresh_from_db()
    assert row.window == "30d"


def test_a_tags_own_budget_is_told_where_it_stands_in_its_place(page: Client) -> None:
    own = Budget.objects.create(id="b", max_budget_nano=DOLLAR, budget_duration="30d")
    Tag.objects.create(name="g", budget=own)
    row = made(scope=Scope.TAG, entity_id="g")

    assert "The tag's page names a budget of the same duration" in text_of(page.get(url(PAGE, "change", row.pk)))


def test_deleting_is_in_the_trail_and_told_to_every_process(page: Client) -> None:
    row, before = made(), revision()
    page.post(url(PAGE, "delete", row.pk), {"post": "yes"})

    assert not GatewayBudget.objects.exists()
    assert AuditEntry.objects.filter(object_type="gateway_budget", action="deleted", actor_id="root").exists()
    assert revision() > before


def test_a_reset_counts_for_the_whole_entity(page: Client) -> None:
    world()
    row = made()
    said = text_of(page.post(url(PAGE, "reset_spend", row.pk), follow=True))

    assert "before, it was $6.00" in said
    assert "$0.00 of $100.00" in text_of(page.get(url(PAGE, "change", row.pk)))


@pytest.mark.parametrize("group", [VIEWER, TEAM_ADMIN, OPERATOR, FINANCE, ADMIN])
def test_who_may_look_and_who_may_change(client: Client, group: str) -> None:
    row = made()
    client.force_login(staff(group))
    looks, changes = group in {VIEWER, FINANCE, ADMIN}, group in {FINANCE, ADMIN}

    assert client.get(url(PAGE, "changelist")).status_code == (200 if looks else 403)
    if looks:
        change(client, PAGE, row.pk, max_budget_nano="7", window="30d")
    client.post(url(PAGE, "reset_spend", row.pk))
    client.post(url(PAGE, "add"), {**NEW, "entity_id": "another"})
    client.post(url(PAGE, "delete", row.pk), {"post": "yes"})
    assert GatewayBudget.objects.filter(entity_id="another").exists() is (group == ADMIN)
    assert GatewayBudget.objects.filter(pk=row.pk).exists() is (group != ADMIN)
    if group != ADMIN:
        row.refresh_from_db()
        assert (row.max_budget_nano == 7 * DOLLAR) is changes
