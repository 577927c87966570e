"""What admins do at their pages is recorded once, told once, and can be read; nobody rewrites it."""

from typing import Any

import pytest
from django.test import Client

from alerts.events import AlertType
from alerts.models import AlertChannel, AlertRoute, AlertSettings, Delivery, Incident
from proxy import signals as proxy_signals
from teams import audit
from teams.admin.records import OBJECTS
from teams.models import AuditEntry, Budget, Customer, Team, User, VirtualKey
from teams.secrets import MASK
from teams.services import issue_key
from tests.gateway_project import rows
from tests.gateway_project.pages import KEYS, TEAMS, USERS, change, queries, url

AUDIT = "teams_auditentry"
pytestmark = pytest.mark.django_db


@pytest.fixture
def every_alert(transactional_db: None) -> None:
    """All types on, all going to one channel."""
    settings = AlertSettings.load()
    settings.alert_types = list(AlertType)
    settings.save()
    AlertRoute.objects.create().channels.add(
        AlertChannel.objects.create(name="c", kind="slack", url="https://hooks.example/x")
    )


ACTIONS: list[tuple[str, dict[str, str], str, str]] = [
    (f"{KEYS} add", {"alias": "new", "key_type": "default"}, "created", "new_virtual_key_created"),
    (f"{KEYS} change", {"alias": "renamed"}, "updated", "virtual_key_updated"),
    (f"{KEYS} rotate", {"grace_period": "1h"}, "updated", "virtual_key_regenerated"),
    (f"{KEYS} block", {}, "updated", "virtual_key_blocked"),
    (f"{KEYS} reset_spend", {}, "updated", "virtual_key_updated"),
    (f"{KEYS} collect", {}, "updated", "virtual_key_updated"),
    (f"{KEYS} delete", {"post": "yes"}, "deleted", "virtual_key_deleted"),
    (f"{TEAMS} add", {"alias": "new"}, "created", "new_team_created"),
    (f"{TEAMS} change", {"alias": "renamed", "allowed_models": "gpt-4o"}, "updated", "team_updated"),
    (f"{TEAMS} block", {}, "updated", "team_updated"),
    (f"{TEAMS} delete", {"post": "yes"}, "deleted", "team_deleted"),
    (f"{USERS} add", {"username": "new", "usable_password": "false"}, "created", "new_internal_user_created"),
    (f"{USERS} change", {"alias": "renamed", "role": "proxy_admin"}, "updated", "internal_user_updated"),
    (f"{USERS} delete", {"post": "yes"}, "deleted", "internal_user_deleted"),
    ("teams_budget add", {"id": "new", "max_budget_nano": "1"}, "created", "budget_changed"),
    ("teams_budget change", {"max_budget_nano": "2"}, "updated", "budget_changed"),
    ("teams_budget delete", {"post": "yes"}, "deleted", "budget_changed"),
]  # fmt: skip


def objects() -> dict[str, Any]:
    key = VirtualKey(alias="k", uncollected_key="sk-waiting-0123456789abcdef")
    issue_key(key)
    return {
        KEYS: key,
        TEAMS: Team.objects.create(id="t", alias="t"),
        USERS: User.objects.create(id="u", username="u"),
        "teams_budget": Budget.objects.create(id="b", max_budget_nano=1),
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("what", "sent", "action", "alert_type"), ACTIONS)
def test_each_action_is_one_entry_and_one_alert(
    every_alert: None, page: Client, what: str, sent: dict[str, str], action: str, alert_type: str
) -> None:
    from budgets.models import Scope, SpendAdjustment

    name, view = what.split()
    row = objects()[name]
    if view == "reset_spend":
        SpendAdjustment.objects.create(scope=Scope.KEY, entity_id=str(row.pk), amount_nano=5, at=rows.AT)
    before = set(AuditEntry.objects.values_list("pk", flat=True))
    Incident.objects.all().delete()
    if view == "change":
        response = change(page, name, row.pk, **sent)
    elif view == "add":
        counts = {f"memberships-{form}_FORMS": "0" for form in ("TOTAL", "INITIAL", "MIN_NUM", "MAX_NUM")}
        response = page.post(url(name, "add"), {"id": "new", **counts, **sent})
    else:
        response = page.post(url(name, view, row.pk), sent)
    assert response.status_code in (200, 302)
    (entry,) = AuditEntry.objects.exclude(pk__in=before).exclude(object_type="retired_token")

    assert (entry.action, entry.source, entry.actor_id, entry.address) == (action, "admin", "root", "127.0.0.1")
    assert entry.told
    assert list(Incident.objects.values_list("alert_type", flat=True)) == [alert_type]
    assert Delivery.objects.get().message["details"]["Action Done by"] == "root (internal_user) via Admin"
    assert "sk-waiting" not in str([*AuditEntry.objects.values(), *Incident.objects.values()])


@pytest.mark.django_db(transaction=True)
def test_saving_what_was_not_changed_is_no_action(every_alert: None, page: Client) -> None:
    found = objects()
    before = AuditEntry.objects.count()
    Incident.objects.all().delete()
    for name, row in found.items():
        assert change(page, name, row.pk).status_code == 302

    assert AuditEntry.objects.count() == before
    assert not Incident.objects.exists()


def test_whatever_is_watched_has_a_page_or_is_known_to_have_none() -> None:
    assert proxy_signals.WATCHED
    assert set(audit._watched) == set(OBJECTS)


@pytest.mark.parametrize("view", ["add", "change", "delete"])
def test_nobody_rewrites_the_trail(page: Client, view: str) -> None:
    entry = rows.audit_entry(1)
    address = url(AUDIT, "add") if view == "add" else url(AUDIT, view, entry.pk)

    assert page.post(address, {"post": "yes", "actor_id": "nobody"}).status_code == 403
    page.post(url(AUDIT, "changelist"), {"action": "delete_selected", "_selected_action": entry.pk, "post": "yes"})
    assert AuditEntry.objects.get(pk=entry.pk).actor_id == entry.actor_id


def test_a_change_is_read_as_old_and_new(page: Client) -> None:
    team = Team.objects.create(id="t/1", alias="before", metadata=rows.METADATA)
    team.alias, team.max_budget_nano = "after", 2_500_000_000
    team.metadata = {**rows.METADATA, "owner": "me"}
    team.save()
    entry = AuditEntry.objects.get(object_type="team", action="updated")
    text = page.get(url(AUDIT, "change", entry.pk)).content.decode()

    for shown in ("before", "after", "2.5", "owner", MASK, url(TEAMS, "change", "t_2F1")):
        assert shown in text
    assert rows.SECRET not in text


def test_the_list_leads_to_what_still_exists(page: Client) -> None:
    Team.objects.create(id="here", alias="still here")
    Team.objects.create(id="gone", alias="long gone").delete()
    Customer.objects.create(id="<b>bold</b>")
    text = page.get(url(AUDIT, "changelist")).content.decode()

    assert url(TEAMS, "change", "here") in text
    assert url(TEAMS, "change", "gone") not in text
    assert "long gone" in text
    assert "<b>bold" not in text


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ({"q": "t1"}, ["first"]),
        ({"q": "sec"}, ["second"]),
        ({"q": "nobody"}, []),
        ({"object_type": "customer"}, ["c"]),
        ({"action_is": "deleted"}, ["second"]),
        ({"source__exact": "command"}, ["c", "first", "second", "second"]),
        ({"source__exact": "api"}, []),
    ],
)
def test_the_trail_is_searched_and_filtered(page: Client, query: dict[str, str], labels: list[str]) -> None:
    Team.objects.create(id="t1", alias="first")
    second = Team.objects.create(id="t2", alias="second")
    Customer.objects.create(id="c")
    second.delete()
    known = {"first", "second", "c"}
    response = page.get(url(AUDIT, "changelist", **query))
    found = [row.object_label for row in response.context["cl"].result_list if row.object_label in known]
    if "q" in query and query["q"] == "sec":
        found = sorted(set(found))

    assert sorted(found) == labels


def test_the_trail_of_many_kinds_asks_no_more_than_of_few(page: Client) -> None:
    for number in range(5):
        rows.virtual_key(number)
    few = queries(page, url(AUDIT, "changelist"))
    for number in range(5, 12):
        rows.virtual_key(number)

    assert queries(page, url(AUDIT, "changelist")) <= few
