"""Who has limits, by the names that metrics have for them."""

import pytest

from teams import revisions
from teams.holders import Holder, Holders
from teams.models import Budget, Customer, Membership, Organization, Team, User, VirtualKey
from teams.services import issue_key
from teams.snapshot import KeySnapshot, load_keys

pytestmark = pytest.mark.django_db


def key(**columns: object) -> VirtualKey:
    row = VirtualKey(**columns)
    issue_key(row)
    return row


def follow(keys: KeySnapshot) -> None:
    keys.follow(revisions.current().get(revisions.KEYS, 0))


def names(holders: list[Holder]) -> set[tuple[str, str, str]]:
    return {(one.kind, one.name, one.alias) for one in holders}


def test_everybody_with_a_limit_of_their_own_or_a_shared_one() -> None:
    shared = Budget.objects.create(id="b", max_budget_nano=1)
    own, linked, of_model = (
        key(rpm_limit=0, alias="own"),
        key(budget=shared),
        key(metadata={"model_rpm_limit": {"m": 1}}),
    )
    key(alias="unlimited")
    team = Team.objects.create(id="t", alias="a team", tpm_limit=1, member_budget=shared)
    Team.objects.create(id="unlimited")
    user = User.objects.create(id="u", username="u", alias="you", max_budget_nano=1)
    Membership.objects.create(team=team, user=user)
    Organization.objects.create(id="o", alias="org", budget=shared)
    Customer.objects.create(id="c", budget=shared)

    assert names(Holders(load_keys(admin_id="a")).read()) == {
        ("key", own.token_hash, "own"),
        ("key", linked.token_hash, ""),
        ("key", of_model.token_hash, ""),
        ("team", "t", "a team"),
        ("user", "u", "you"),
        ("member", "t/u", "a team"),
        ("organization", "o", "org"),
        ("customer", "c", ""),
    }


def test_who_did_not_change_stays_the_same_object_and_who_is_gone_is_gone() -> None:
    shared = Budget.objects.create(id="b", rpm_limit=1)
    first, second, third = key(rpm_limit=1), key(budget=shared), key(rpm_limit=1)
    keys = load_keys(admin_id="a")
    holders = Holders(keys)
    before = {one.id: one for one in holders.read()}
    assert holders.read() is holders.read()

    first.alias = "renamed"
    first.save()
    third.delete()
    follow(keys)
    after = {one.id: one for one in holders.read()}
    assert after.keys() == {str(first.pk), str(second.pk)}
    assert after[str(first.pk)].alias == "renamed"
    assert after[str(second.pk)] is before[str(second.pk)]

    shared.rpm_limit = 2
    shared.save()
    follow(keys)
    assert {one.id: one.limits.rpm for one in holders.read()}[str(second.pk)] == 2
