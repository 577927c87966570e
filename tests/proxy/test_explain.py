"""A request is explained to whom it belongs and to nobody else, with what the ledger knows of it."""

from datetime import timedelta
from typing import Any

import pytest

from budgets import entries
from proxy.explain import explain, named, visible
from proxy.models import RequestTrace
from teams.access import Reach
from teams.models import (
    Membership,
    Organization,
    OrganizationMembership,
    RetiredToken,
    Role,
    Team,
    User,
    VirtualKey,
)
from teams.services import issue_key
from tests.budgets.builders import entry
from tests.proxy.traces import AT, failed, keep, trace

pytestmark = pytest.mark.django_db
EVERYTHING = Reach(role=Role.PROXY_ADMIN, user_id="root")


def reach(user_id: str | None = None, *, key_hash: str = "", role: str = Role.INTERNAL_USER) -> Reach:
    return Reach(role=role, user_id=user_id, key_hash=key_hash)


def calls(of: Reach) -> set[str]:
    return set(visible(of).values_list("call_id", flat=True))


@pytest.fixture
def world() -> None:
    """A request of each, and of a key without an owner. Of red and blue, which are in the organization north, ada

    administers the first, and dora the organization; bob is in red.
    """
    north = Organization.objects.create(id="north", alias="north")
    for team, organization in (("red", north), ("blue", north), ("green", None)):
        Team.objects.create(id=team, alias=team, organization=organization)
    for user in ("ada", "bob", "dora"):
        User.objects.create(id=user, username=user)
    Membership.objects.create(team_id="red", user_id="ada", role="admin")
    Membership.objects.create(team_id="red", user_id="bob", role="user")
    OrganizationMembership.objects.create(organization=north, user_id="dora", role="org_admin")
    keep(
        trace(call_id="bob's", user_id="bob", team_id="red", key_hash="b" * 64),
        trace(call_id="red's", team_id="red", key_hash="r" * 64),
        trace(call_id="blue's", team_id="blue", key_hash="c" * 64),
        trace(call_id="green's", team_id="green", key_hash="g" * 64),
        trace(call_id="loner's", key_hash="f" * 64),
        trace(call_id="refused", user_id="bob", key_hash="b" * 64, status=403, steps=()),
    )


ALL = {"bob's", "red's", "blue's", "green's", "loner's", "refused"}


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (reach("root", role=Role.PROXY_ADMIN), ALL),
        (reach("vic", role=Role.PROXY_ADMIN_VIEWER), ALL),
        (reach("ada"), {"bob's", "red's"}),
        (reach("bob"), {"bob's", "refused"}),
        (reach("dora"), {"bob's", "red's", "blue's"}),
        (reach(key_hash="f" * 64), {"loner's"}),
        (reach("bob", key_hash="r" * 64), {"bob's", "refused", "red's"}),
        (reach(key_hash="x" * 64), set()),
        (reach(), set()),
        (reach(""), set()),
    ],
)
def test_who_sees_which(world: None, who: Reach, expected: set[str]) -> None:
    assert calls(who) == expected


def test_who_has_no_team_does_not_see_what_has_none(world: None) -> None:
    User.objects.create(id="eve", username="eve")

    assert calls(reach("eve")) == set()


def test_a_key_that_was_regenerated_still_sees_what_it_asked_before() -> None:
    key = VirtualKey(alias="k")
    issue_key(key)
    RetiredToken.objects.create(token_hash="o" * 64, key=key, valid_until=AT)
    keep(trace(call_id="before", key_hash="o" * 64), trace(call_id="now", key_hash=key.token_hash))

    assert calls(reach(key_hash=key.token_hash)) == {"before", "now"}


def test_a_request_is_found_by_its_call_id_and_by_its_own() -> None:
    first, second = keep(trace(call_id="again"), trace(call_id="again", began_at=AT + timedelta(seconds=1)))
    rows = visible(EVERYTHING)

    assert list(named(rows, "again")) == [second, first]
    assert list(named(rows, str(first.pk))) == [first]
    assert list(named(rows, first.pk.hex)) == [first]
    assert list(named(rows, "nothing")) == list(named(rows, "x" * 1000)) == []


def test_a_call_id_that_looks_like_a_request_id_is_found_all_the_same() -> None:
    (row,) = keep(trace(call_id="00000000-0000-4000-8000-000000000000"))

    assert list(named(visible(EVERYTHING), row.call_id)) == [row]


def test_everything_is_said_of_a_failed_request() -> None:
    (row,) = keep(failed(call_id="c", key_alias="k", user_id="u", team_id="t", end_user="e", tags=("a",)))
    (said,) = explain([row])

    assert said["error"] == {"class": "RateLimitError", "message": "litellm.RateLimitError: slow down"}
    assert said["caller"] == {"key": "a" * 64, "key_alias": "k", "user_id": "u", "team_id": "t", "end_user": "e"}
    assert (said["status"], said["attempts"], said["duration_ms"], said["tags"]) == (429, 2, 812.5, ["a"])
    assert (said["steps"], said["ledger"]) == (row.steps, [])


def test_a_success_has_no_error_and_says_what_it_cost() -> None:
    (row,) = keep(trace(amount_nano=1_500_000, price="snapshot 7"))
    (said,) = explain([row])

    assert (said["error"], said["deployment"]) == (None, "east")
    assert said["cost"] == {"amount": 0.0015, "amount_nano": 1_500_000, "price": "snapshot 7"}


def test_the_ledgers_entries_stand_with_their_requests_in_the_order_of_attempts() -> None:
    rows = keep(failed(), trace(), trace())
    made = [
        entry(request_id=rows[0].pk, attempt=2, status="failure", status_code=429),
        entry(request_id=rows[0].pk, attempt=1, status="failure", status_code=500),
        entry(request_id=rows[1].pk, attempt=1, amount_nano=5),
    ]
    entries.insert([one.encode() for one in made])
    said = explain(rows)

    assert [[one["status_code"] for one in each["ledger"]] for each in said] == [[500, 429], [200], []]
    assert said[1]["ledger"][0]["amount_nano"] == 5


def test_many_requests_are_explained_with_one_question(django_assert_num_queries: Any) -> None:
    rows = keep(*(trace() for _ in range(20)))
    with django_assert_num_queries(1):
        explain(rows)


def test_newest_come_first() -> None:
    keep(*(trace(call_id=str(number), began_at=AT + timedelta(seconds=number)) for number in (2, 3, 1)))

    assert [row.call_id for row in visible(EVERYTHING)] == ["3", "2", "1"]
    assert RequestTrace.objects.count() == 3
