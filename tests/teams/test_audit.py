"""The audit trail: one entry a change, in the change's own transaction, and one alert for it afterwards."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from alerts.models import AlertChannel, AlertRoute
from teams import audit
from teams.actor import Actor, acting
from teams.keys import DEMO_PREFIX
from teams.models import ActorSource, AuditEntry, Membership, Team, User, VirtualKey
from teams.secrets import MASK
from teams.services import issue_key

pytestmark = pytest.mark.django_db
ADA = Actor(source=ActorSource.API, id="ada", role="proxy_admin", key="ada's key", address="10.0.0.1", changed_by="eve")


def entries(**conditions: Any) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(**conditions).order_by("id"))


def test_an_entry_says_who_did_what_to_which_from_where() -> None:
    with acting(ADA):
        team = Team.objects.create(id="t", alias="Search")
    (entry,) = entries(object_type="team")

    assert (entry.action, entry.object_id, entry.object_label) == ("created", "t", "Search")
    assert (entry.source, entry.actor_id, entry.actor_role, entry.actor_key) == (
        "api",
        "ada",
        "proxy_admin",
        "ada's key",
    )
    assert (entry.address, entry.changed_by) == ("10.0.0.1", "eve")
    assert entry.before is None
    assert entry.after is not None
    assert entry.after["alias"] == "Search"
    assert (team.created_by, team.updated_by) == ("ada", "ada")


def test_an_update_keeps_what_changed_and_nothing_else() -> None:
    team = Team.objects.create(alias="old", max_budget_nano=10**9)
    team.alias, team.max_budget_nano = "new", 2_500_000_000
    team.save()
    (entry,) = entries(object_type="team", action="updated")

    assert entry.before == {"alias": "old", "max_budget": 1.0}
    assert entry.after == {"alias": "new", "max_budget": 2.5}


def test_saving_without_a_change_leaves_no_trace() -> None:
    team = Team.objects.create(alias="a")
    before = len(entries())
    team.save()
    Team.objects.get(pk=team.pk).save()

    assert len(entries()) == before


def test_the_old_value_is_the_databases_and_not_the_instances() -> None:
    team = Team.objects.create(alias="first")
    stale = Team.objects.get(pk=team.pk)
    team.alias = "second"
    team.save()
    stale.alias = "third"
    stale.save()

    assert [entry.before for entry in entries(object_type="team", action="updated")] == [
        {"alias": "first"},
        {"alias": "second"},
    ]


def test_deleting_an_owner_leaves_an_entry_for_each_thing_that_went_with_it() -> None:
    team = Team.objects.create(id="t")
    Membership.objects.create(team=team, user=User.objects.create(id="u", username="u"))
    issue_key(VirtualKey(team=team, alias="k"))
    team.delete()

    assert {(entry.object_type, entry.object_id) for entry in entries(action="deleted")} >= {("team", "t")}
    assert [entry.object_label for entry in entries(action="deleted", object_type="key")] == ["k"]
    assert len(entries(action="deleted", object_type="team_member")) == 1


def test_secrets_are_named_and_never_shown() -> None:
    team = Team.objects.create(metadata={"callback": {"langfuse_secret_key": "s3cret-value"}, "owner": "x"})
    user = User.objects.create(username="u")
    user.set_password("pa55-value")
    user.save()
    channel = AlertChannel.objects.create(name="c", kind="slack", url="https://hooks.example/t0ken-value")
    channel.url = "https://hooks.example/t0ken-other"
    channel.save()
    everything = str(list(AuditEntry.objects.values()))

    for secret in ("s3cret-value", "pa55-value", "t0ken-value", "t0ken-other", user.password):
        assert secret not in everything
    assert entries(object_type="team", object_id=team.pk)[0].after["metadata"] == {  # type: ignore[index]
        "callback": {"langfuse_secret_key": MASK},
        "owner": "x",
    }
    (changed,) = entries(object_type="alert_channel", action="updated")
    assert changed.before == {"url": MASK}
    (login,) = entries(object_type="user", action="updated")
    assert list(login.after or {}) == ["password"]


def test_the_engines_own_bookkeeping_is_no_change_by_anybody() -> None:
    channel = AlertChannel.objects.create(name="c", kind="slack", url="https://hooks.example/x")
    channel.not_before = timezone.now()
    channel.save()

    assert [entry.action for entry in entries(object_type="alert_channel")] == ["created"]


def test_routes_tell_to_which_channels_they_lead() -> None:
    channel = AlertChannel.objects.create(name="night", kind="slack", url="https://hooks.example/x")
    AlertRoute.objects.create(name="llm_exceptions", alert_types=["llm_exceptions"]).channels.add(channel)

    assert entries(object_type="alert_route")[-1].after == {"channels": ["night"]}


def test_a_change_that_is_taken_back_takes_its_entry_with_it() -> None:
    with transaction.atomic():
        Team.objects.create(id="gone")
        transaction.set_rollback(True)

    assert entries(object_id="gone") == []


def test_what_is_changed_unwatched_is_nobodys_change() -> None:
    with audit.unwatched():
        team = Team.objects.create(id="t", created_by="the maker")
        team.alias = "another"
        team.save()
        team.delete()
    Team.objects.create(id="u")

    assert [entry.object_id for entry in entries()] == ["u"]


def test_an_entry_of_the_demo_can_be_deleted() -> None:
    Team.objects.create(id="t")
    (real,) = entries()
    demo = AuditEntry.objects.create(
        at=timezone.now(), change_id=real.change_id, actor_key_hash=f"{DEMO_PREFIX}trail", told=True
    )

    AuditEntry.objects.filter(pk=demo.pk).delete()

    assert entries() == [real]


def test_an_entry_is_neither_changed_nor_deleted() -> None:
    Team.objects.create(id="t")
    (entry,) = entries(object_id="t")

    with pytest.raises(TypeError):
        entry.save()
    with pytest.raises(TypeError):
        entry.delete()


def test_postgresql_refuses_to_change_or_delete_an_entry() -> None:
    if connection.vendor != "postgresql":
        # SQLite has no roles: whoever can open the file can write it.
        return
    Team.objects.create(id="t")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.update(actor_id="somebody else")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM teams_auditentry")
    assert AuditEntry.objects.update(told=True) == 1
