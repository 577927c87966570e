"""What the request path knows of keys, and how it learns of changes."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from teams import revisions
from teams.models import Role, Team, User, VirtualKey
from teams.services import ADMIN_USER_ID, ensure_admin, issue_key
from teams.snapshot import KeySnapshot, Principal, load_keys

pytestmark = pytest.mark.django_db


def load() -> KeySnapshot:
    return load_keys(admin_id=ADMIN_USER_ID)


def principal(**columns: Any) -> Principal:
    """Of a key with these columns, as requests see it."""
    row = VirtualKey(**columns)
    issue_key(row)
    found = load().find(row.token_hash)
    assert found is not None
    return found


def user(**columns: Any) -> User:
    return User.objects.create(**{"username": "u", **columns})


def test_a_plain_key_may_do_what_anybody_may() -> None:
    found = principal(alias="ci")

    assert found == Principal(key_hash=found.key_hash, key_alias="ci", role="internal_user")
    assert not found.is_admin


def test_a_key_carries_its_owner_its_team_and_its_limits() -> None:
    team = Team.objects.create(id="t1", alias="search", allowed_models=["gpt-4o"])
    expires_at = datetime(2027, 1, 1, tzinfo=UTC)
    found = principal(
        user=user(id="u1", email="u@example.com", role=Role.PROXY_ADMIN_VIEWER),
        team=team,
        allowed_models=["gpt-4o-mini"],
        expires_at=expires_at,
        rpm_limit=5,
        tpm_limit=7,
    )

    assert (found.user_id, found.user_email, found.role) == ("u1", "u@example.com", "proxy_admin_viewer")
    assert (found.team_id, found.team_alias) == ("t1", "search")
    assert (set(found.key_models), set(found.team_models)) == ({"gpt-4o-mini"}, {"gpt-4o"})
    assert (found.expires_at, found.rpm_limit, found.tpm_limit) == (expires_at, 5, 7)
    assert found.limit_headers == [("x-litellm-key-tpm-limit", "7"), ("x-litellm-key-rpm-limit", "5")]


def test_a_key_of_a_user_who_left_is_blocked() -> None:
    assert principal(user=user(is_active=False)).blocked
    assert not principal().blocked


def test_blocked_keys_and_teams_are_known_as_such() -> None:
    assert principal(blocked=True).blocked
    assert principal(team=Team.objects.create(blocked=True)).team_blocked


def test_the_teams_metadata_wins_over_the_keys() -> None:
    team = Team.objects.create(metadata={"env": "prod", "cost": "a"})

    assert principal(team=team, metadata={"env": "test", "own": "b"}).metadata == {
        "env": "prod",
        "cost": "a",
        "own": "b",
    }


@pytest.mark.parametrize("name", ["metadata", "allowed_models"])
@pytest.mark.parametrize("value", [[], {}, "text", 5, True, [1], {"a": 1}, [["a"]]])
def test_whatever_an_admin_wrote_into_one_key_the_others_keep_working(name: str, value: Any) -> None:
    good = VirtualKey(alias="good")
    issue_key(good)
    issue_key(VirtualKey(alias="odd", **{name: value}))

    assert load().find(good.token_hash) is not None


def test_a_list_of_models_that_is_no_list_grants_nothing_more() -> None:
    assert "gpt-4o" not in principal(allowed_models={"a": 1}).key_models
    assert principal(allowed_models="gpt-4o").key_models


def test_the_admin_is_there_before_there_is_a_row() -> None:
    assert load().admin == Principal(
        key_hash="litellm_proxy_master_key", user_id="default_user_id", role=Role.PROXY_ADMIN
    )


def test_the_number_of_queries_does_not_grow_with_the_keys(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    owner, team = user(), Team.objects.create()
    for _ in range(10):
        issue_key(VirtualKey(user=owner, team=team))

    with django_assert_num_queries(2):
        load()


def revision() -> int:
    return revisions.current().get(revisions.KEYS, 0)


def test_every_change_that_matters_to_keys_counts_the_revision_up() -> None:
    seen = [revision()]

    def changed() -> bool:
        seen.append(revision())
        return seen[-1] > seen[-2]

    owner, team, key = user(), Team.objects.create(), VirtualKey()
    assert changed()
    issue_key(key)
    assert changed()
    for row in (owner, team, key):
        row.save()
        assert changed()
    key.delete()
    assert changed()
    team.delete()
    assert changed()
    owner.delete()
    assert changed()


def test_a_login_does_not_make_every_process_load_again() -> None:
    owner = user()
    before = revision()
    owner.save(update_fields=["last_login"])

    assert revision() == before


def test_keys_that_vanish_with_their_owner_count_too() -> None:
    owner = user()
    key = VirtualKey(user=owner)
    issue_key(key)
    before = revision()
    User.objects.filter(pk=owner.pk).delete()

    assert revision() > before
    assert load().find(key.token_hash) is None


@pytest.mark.django_db(transaction=True)
def test_waiters_are_woken_once_the_change_is_committed_and_not_before() -> None:
    revisions.changed.wait(0)
    waiter = threading.Thread(target=revisions.changed.wait, args=(10,))
    waiter.start()
    with transaction.atomic():
        issue_key(VirtualKey())
        waiter.join(0.1)
        waits_inside = waiter.is_alive()
    waiter.join(2)

    assert waits_inside
    assert not waiter.is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_change_that_was_taken_back_leaves_the_revision_alone() -> None:
    issue_key(VirtualKey())
    before = revision()
    with transaction.atomic():
        issue_key(VirtualKey())
        transaction.set_rollback(True)

    assert revision() == before


def test_the_first_admin_can_log_in_and_a_later_start_changes_nothing() -> None:
    ensure_admin(username="admin", password="first")
    again = ensure_admin(username="other", password="second")

    assert (again.pk, again.username, again.role) == (ADMIN_USER_ID, "admin", Role.PROXY_ADMIN)
    assert again.is_superuser
    assert again.is_staff
    assert again.check_password("first")
    assert User.objects.count() == 1


def test_the_gateway_starts_although_somebody_else_is_called_admin() -> None:
    user(username="admin")

    assert ensure_admin(username="admin", password="x").pk == ADMIN_USER_ID


def test_a_key_is_stored_as_its_hash_alone() -> None:
    row = VirtualKey(alias="ci")
    key = issue_key(row)
    stored = VirtualKey.objects.values().get()

    assert key not in repr(stored)
    assert key[3:-4] not in repr(stored)
    assert stored["name"] == f"sk-...{key[-4:]}"
