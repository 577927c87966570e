"""What the request path knows of keys, and how it learns of changes."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoAssertNumQueries

from proxy import auth
from proxy.policy import Policy
from teams import revisions
from teams.authentication import identify
from teams.keys import hash_key
from teams.limits import NO_LIMITS
from teams.models import (
    Budget,
    Change,
    Customer,
    Membership,
    Organization,
    RetiredToken,
    Role,
    Team,
    User,
    VirtualKey,
)
from teams.periods import Duration
from teams.principal import NOT_LIMITED
from teams.services import ADMIN_USER_ID, ensure_admin, issue_key, regenerate_key
from teams.snapshot import KeySnapshot, Principal, load_keys

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def load() -> KeySnapshot:
    return load_keys(admin_id=ADMIN_USER_ID)


def principal(**columns: Any) -> Principal:
    """Of a key with these columns, as requests see it."""
    row = VirtualKey(**columns)
    issue_key(row)
    found = load().find(row.token_hash, now=NOW)
    assert found is not None
    return found


def user(**columns: Any) -> User:
    return User.objects.create(**{"username": "u", **columns})


def test_a_plain_key_may_do_what_anybody_may() -> None:
    found = principal(alias="ci")

    assert found == Principal(
        key_hash=found.key_hash,
        key_alias="ci",
        key_name=found.key_name,
        key_id=found.key_id,
        created_at=found.created_at,
        role="internal_user",
    )
    assert found.limits == NOT_LIMITED
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
    assert (found.expires_at, found.limits.key.rpm, found.limits.key.tpm) == (expires_at, 5, 7)
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


def test_limits_count_from_when_their_own_owner_was_made_or_from_when_they_say() -> None:
    organization = Organization.objects.create(id="o", budget=Budget.objects.create(id="b", max_budget_nano=1))
    team = Team.objects.create(organization=organization, budget_duration="30d", created_at=NOW - timedelta(days=2))
    found = principal(team=team, user=user(rpm_limit=1, budget_started_at=NOW), max_budget_nano=1)

    limits = found.limits
    assert limits.team.started_at == team.created_at
    assert limits.organization.started_at == organization.created_at
    assert (limits.user.started_at, limits.key.started_at) == (NOW, found.created_at)
    assert limits.member is NO_LIMITS


def test_tags_of_the_key_and_of_its_team_are_carried_both() -> None:
    team = Team.objects.create(metadata={"tags": ["team", "both"]})

    assert principal(team=team, metadata={"tags": ["own", "both", 7]}).tags == ("own", "both", "team")
    assert principal(metadata={"tags": "no list"}).tags == ()


@pytest.mark.parametrize("name", ["metadata", "allowed_models"])
@pytest.mark.parametrize("value", [[], {}, "text", 5, True, [1], {"a": 1}, [["a"]]])
def test_whatever_an_admin_wrote_into_one_key_the_others_keep_working(name: str, value: Any) -> None:
    good = VirtualKey(alias="good")
    issue_key(good)
    issue_key(VirtualKey(alias="odd", **{name: value}))

    assert load().find(good.token_hash, now=NOW) is not None


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

    with django_assert_num_queries(10):
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
        row.alias = "renamed"
        row.save()
        assert changed()
        row.save()
        assert not changed()
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
    assert load().find(key.token_hash, now=NOW) is None


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
    _, made = ensure_admin(username="admin", password="first")
    again, made_again = ensure_admin(username="other", password="second")

    assert (made, made_again) == (True, False)

    assert (again.pk, again.username, again.role) == (ADMIN_USER_ID, "admin", Role.PROXY_ADMIN)
    assert again.is_superuser
    assert again.is_staff
    assert again.check_password("first")
    assert User.objects.count() == 1


def test_the_gateway_starts_although_somebody_else_is_called_admin() -> None:
    user(username="admin")

    admin, _ = ensure_admin(username="admin", password="x")

    assert admin.pk == ADMIN_USER_ID


def test_a_key_is_stored_as_its_hash_alone() -> None:
    row = VirtualKey(alias="ci")
    key = issue_key(row)
    stored = VirtualKey.objects.values().get()

    assert key not in repr(stored)
    assert key[3:-4] not in repr(stored)
    assert stored["name"] == f"sk-...{key[-4:]}"


def followed(snapshot: KeySnapshot) -> KeySnapshot:
    """As the refresher does it after each change."""
    snapshot.follow(revision())
    return snapshot


def test_every_kind_of_change_is_followed_without_loading_all(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    organization = Organization.objects.create(alias="o")
    team, owner = Team.objects.create(id="t", organization=organization), user(id="u")
    key = VirtualKey(alias="k", team=team, user=owner)
    plain = issue_key(key)
    member = Membership.objects.create(team=team, user=owner)
    snapshot = load()

    def now() -> Principal:
        with django_assert_max_num_queries(4):
            followed(snapshot)
        found = snapshot.find(key.token_hash, now=NOW)
        assert found is not None
        return found

    assert now().key_alias == "k"
    key.alias = "renamed"
    key.save()
    assert now().key_alias == "renamed"
    team.blocked = True
    team.save()
    assert now().team_blocked
    team.blocked = False
    team.save()
    owner.is_active = False
    owner.save()
    assert now().blocked
    owner.is_active = True
    owner.save()
    organization.allowed_models = ["a"]
    organization.save()
    assert now().organization_models == {"a"}
    member.budget = Budget.objects.create(allowed_models=["b"])
    member.save()
    assert now().member_models == {"b"}
    member.budget.allowed_models = ["c"]
    member.budget.save()
    assert now().member_models == {"c"}
    member.delete()
    assert now().member_models == frozenset()
    Customer.objects.create(id="c", blocked=True)
    followed(snapshot)
    known = snapshot.customer("c")
    assert known is not None
    assert known.blocked
    Customer.objects.get(pk="c").delete()
    assert followed(snapshot).customer("c") is None
    key.delete()
    assert followed(snapshot).find(hash_key(plain), now=NOW) is None


def test_following_leads_where_loading_does() -> None:
    owner, team = user(id="u"), Team.objects.create(id="t")
    snapshot = load()
    keys = [VirtualKey(user=owner, team=team, alias=f"k{number}") for number in range(5)]
    for key in keys:
        issue_key(key)
    keys[0].delete()
    regenerate_key(keys[1], now=NOW, grace=Duration(1, "h"))
    team.alias = "renamed"
    team.save()
    Membership.objects.create(team=team, user=owner)
    fresh = load()
    followed(snapshot)

    hashes = [
        *VirtualKey.objects.values_list("token_hash", flat=True),
        *RetiredToken.objects.values_list("pk", flat=True),
    ]
    assert len(snapshot) == len(fresh) == 4
    for token_hash in hashes:
        assert snapshot.find(token_hash, now=NOW) == fresh.find(token_hash, now=NOW) is not None


def test_a_process_that_missed_changes_loads_everything() -> None:
    snapshot = load()
    first, second = VirtualKey(alias="first"), VirtualKey(alias="second")
    issue_key(first)
    Change.objects.all().delete()
    issue_key(second)
    followed(snapshot)

    assert snapshot.find(first.token_hash, now=NOW) is not None
    assert snapshot.find(second.token_hash, now=NOW) is not None


def test_a_former_key_is_known_until_its_grace_ends_and_counts_as_the_new_one() -> None:
    key = VirtualKey(alias="k")
    issue_key(key)
    former = key.token_hash
    regenerate_key(key, now=NOW, grace=Duration(1, "h"))
    snapshot = load()

    found = snapshot.find(former, now=NOW + timedelta(minutes=59))
    assert found is not None
    assert found.key_hash == key.token_hash
    assert snapshot.find(former, now=NOW + timedelta(hours=1)) is None


def test_changes_are_forgotten_when_everybody_has_followed() -> None:
    issue_key(VirtualKey())

    assert revisions.forget_changes(now=datetime.now(UTC)) == 0
    assert revisions.forget_changes(now=datetime.now(UTC) + timedelta(hours=2)) == 1


def test_a_key_is_looked_up_and_judged_without_asking_the_database(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    team = Team.objects.create(id="t", allowed_models=["gpt-4o"])
    plain = issue_key(VirtualKey(user=user(id="u"), team=team, allowed_models=["gpt-4o"]))
    Customer.objects.create(id="c", allowed_models=["gpt-4o"])
    snapshot, policy = load(), Policy.read({"enforce_user_param": True})
    body = {"model": "gpt-4o", "user": "c"}

    with django_assert_num_queries(0):
        found = identify(
            {"HTTP_AUTHORIZATION": f"Bearer {plain}"}, keys=snapshot, master_key="sk-master", now=NOW, header=""
        )
        auth.ensure_completion_allowed(
            found,
            path="/v1/chat/completions",
            model="gpt-4o",
            access_groups=(),
            body=body,
            customer_id="c",
            customer=snapshot.customer("c"),
            policy=policy,
            now=NOW,
        )
