"""Management alerts: each change is told once, whatever was saved how often, and by whom."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.utils import timezone

from alerts.events import AlertType
from alerts.models import AlertChannel, AlertRoute, AlertSettings, Delivery, Incident
from teams import audit
from teams.actor import Actor, acting
from teams.models import ActorSource, AuditEntry, Budget, Membership, Team, User, VirtualKey
from teams.services import issue_key, regenerate_key

pytestmark = pytest.mark.django_db(transaction=True)
ADA = Actor(source=ActorSource.API, id="ada", role="proxy_admin", key="ada's key")


@pytest.fixture
def every_alert(db: None) -> AlertChannel:
    """All types on, all going to one channel."""
    settings = AlertSettings.load()
    settings.alert_types = list(AlertType)
    settings.save()
    channel = AlertChannel.objects.create(name="c", kind="slack", url="https://hooks.example/x")
    AlertRoute.objects.create(name="all").channels.add(channel)
    return channel


def told() -> list[str]:
    return list(Incident.objects.order_by("opened_at").values_list("alert_type", flat=True))


def key(alias: str = "k", **columns: Any) -> VirtualKey:
    row = VirtualKey(alias=alias, **columns)
    issue_key(row)
    return row


def _rename(row: VirtualKey | Team | User) -> None:
    row.alias = "renamed"
    row.save()


def _block() -> None:
    row = VirtualKey.objects.get(alias="k")
    row.blocked = True
    row.save()


CHANGES: dict[str, Callable[[], object]] = {
    "new key": lambda: key("other"),
    "rename key": lambda: _rename(VirtualKey.objects.get(alias="k")),
    "delete key": lambda: VirtualKey.objects.get(alias="k").delete(),
    "new team": lambda: Team.objects.create(id="t2"),
    "rename team": lambda: _rename(Team.objects.get(pk="t")),
    "delete team": lambda: Team.objects.get(pk="t").delete(),
    "new user": lambda: User.objects.create(id="u2", username="u2"),
    "rename user": lambda: _rename(User.objects.get(pk="u")),
    "delete user": lambda: User.objects.get(pk="u").delete(),
    "regenerate": lambda: regenerate_key(VirtualKey.objects.get(alias="k"), now=timezone.now()),
    "block": _block,
    "member": lambda: Membership.objects.create(team=Team.objects.get(pk="t"), user=User.objects.get(pk="u")),
    "budget": lambda: Budget.objects.create(id="b"),
}


@pytest.mark.parametrize(
    ("name", "alert_type"),
    [
        ("new key", "new_virtual_key_created"),
        ("rename key", "virtual_key_updated"),
        ("delete key", "virtual_key_deleted"),
        ("new team", "new_team_created"),
        ("rename team", "team_updated"),
        ("delete team", "team_deleted"),
        ("new user", "new_internal_user_created"),
        ("rename user", "internal_user_updated"),
        ("delete user", "internal_user_deleted"),
        ("regenerate", "virtual_key_regenerated"),
        ("block", "virtual_key_blocked"),
        ("member", "team_member_added"),
        ("budget", "budget_changed"),
    ],
)
def test_each_kind_of_change_is_told_once(
    name: str,
    alert_type: str,
    every_alert: AlertChannel,
) -> None:
    Team.objects.create(id="t")
    User.objects.create(id="u", username="u")
    key()
    Incident.objects.all().delete()
    with acting(ADA):
        CHANGES[name]()

    assert told() == [alert_type]
    (delivery,) = Delivery.objects.all()
    assert delivery.kind == "notice"
    assert delivery.message["details"]["Action Done by"] == "ada (proxy_admin) via API, key ada's key"


def test_the_changed_fields_are_told_old_and_new(
    every_alert: AlertChannel,
) -> None:
    with patch("teams.audit.tell"):
        row = key(max_budget_nano=10**10, allowed_models=["gpt-4o"])
    with transaction.atomic():
        row.max_budget_nano = None
        row.allowed_models = ["gpt-4o-mini"]
        row.save()
    details = Incident.objects.get().details

    assert details["max_budget"] == "10.0 -> (none)"
    assert details["allowed_models"] == '["gpt-4o"] -> ["gpt-4o-mini"]'


def test_several_saves_in_one_transaction_are_one_story(
    every_alert: AlertChannel,
) -> None:
    with transaction.atomic():
        team = Team.objects.create(alias="a")
        team.alias = "b"
        team.save()
        team.rpm_limit = 5
        team.save()
    assert told() == ["new_team_created"]

    with transaction.atomic():
        for alias in ("c", "d"):
            team.alias = alias
            team.save()
    assert told()[1:] == ["team_updated"]
    assert Incident.objects.get(alert_type="team_updated").details["alias"] == "b -> d"


def test_the_members_that_a_team_is_made_with_or_deleted_with_are_no_news_of_their_own(
    every_alert: AlertChannel,
) -> None:
    user = User.objects.create(id="u", username="u")
    Incident.objects.all().delete()
    with transaction.atomic():
        team = Team.objects.create(id="t")
        Membership.objects.create(team=team, user=user)
    assert told() == ["new_team_created"]

    Membership.objects.create(team=team, user=User.objects.create(id="u2", username="u2"))
    assert told()[1:] == ["new_internal_user_created", "team_member_added"]
    with transaction.atomic():
        team.delete()
    assert told()[3:] == ["team_deleted"]


def test_what_came_and_went_in_one_transaction_is_no_news(
    every_alert: AlertChannel,
) -> None:
    with transaction.atomic():
        Team.objects.create(id="t").delete()
        other = Team.objects.create(id="t2")
    with transaction.atomic():
        other.alias = "x"
        other.save()
        other.alias = ""
        other.save()

    assert told() == ["new_team_created"]
    assert AuditEntry.objects.filter(object_id="t").count() == 2


def test_a_block_is_told_as_an_update_where_only_updates_are_wanted(
    every_alert: AlertChannel,
) -> None:
    settings = AlertSettings.load()
    settings.alert_types = ["virtual_key_updated"]
    settings.save()
    row = key()
    with transaction.atomic():
        row.blocked = True
        row.save()

    assert told() == ["virtual_key_updated"]
    assert Incident.objects.get().details["blocked"] == "false -> true"


def test_by_default_nothing_is_told_and_nothing_kept_but_the_trail() -> None:
    with transaction.atomic():
        Team.objects.create(id="t")

    assert not Incident.objects.exists()
    assert AuditEntry.objects.get(object_id="t").told


def test_no_alert_holds_the_key_that_was_made(
    every_alert: AlertChannel,
) -> None:
    with transaction.atomic():
        plain = issue_key(VirtualKey(alias="k"), key="sk-chosen-by-the-caller-0123456789")
    everything = str([*Incident.objects.values(), *Delivery.objects.values(), *AuditEntry.objects.values()])

    assert told() == ["new_virtual_key_created"]
    assert plain not in everything


def test_what_a_process_did_not_live_to_tell_is_told_later_and_once(every_alert: AlertChannel) -> None:
    with patch("teams.audit.tell"):
        Team.objects.create(id="t")
    assert told() == []

    assert audit.tell_forgotten(now=timezone.now()) == 0, "whoever made the change is given half a minute"
    later = timezone.now() + timedelta(minutes=1)
    assert audit.tell_forgotten(now=later) == 1
    assert audit.tell_forgotten(now=later) == 0
    assert told() == ["new_team_created"]


def test_two_processes_that_tell_the_same_change_tell_it_once(every_alert: AlertChannel) -> None:
    with patch("teams.audit.tell"):
        Team.objects.create(id="t")
    change_id = AuditEntry.objects.get(object_id="t").change_id
    start = threading.Barrier(4)

    def tell() -> None:
        try:
            start.wait()
            audit.tell(change_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert told() == ["new_team_created"]
