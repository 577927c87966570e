"""What waits for a roll-up, asked about some, is what it is of everybody."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from budgets.core.allowances import of_model
from budgets.entries import insert
from budgets.models import Scope
from budgets.rollup import roll_up
from budgets.waiting import waiting_amounts
from teams.keys import hash_key
from teams.models import Membership, Team, User, VirtualKey
from teams.periods import parse_duration
from teams.services import issue_key, regenerate_key
from tests.budgets.builders import entry

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMES = ("", "ann", "ben")
BY_MODEL = {"gpt-4o": {"budget_limit": 1, "time_period": "1d"}}
called = st.fixed_dictionaries(
    {
        "key": st.integers(0, 3),
        "user_id": st.sampled_from(NAMES),
        "team_id": st.sampled_from(NAMES),
        "organization_id": st.sampled_from(NAMES),
        "end_user": st.sampled_from(NAMES),
        "model_group": st.sampled_from(("gpt-4o", "claude")),
        "provider": st.sampled_from(("openai", "azure")),
        "tags": st.lists(st.sampled_from(("a", "b")), max_size=2),
        "amount_nano": st.integers(0, 10**12),
    }
)


def keys() -> list[str]:
    """Hashes: of a key with a budget by model, its former one, another key's, and of none that is known."""
    key = VirtualKey(alias="k", model_max_budget=BY_MODEL)
    former = hash_key(issue_key(key))
    regenerate_key(key, now=NOW, grace=parse_duration("1d"))
    other = VirtualKey(alias="other")
    return [key.token_hash, former, hash_key(issue_key(other)), "f" * 64]


def people() -> None:
    for name in NAMES[1:]:
        User.objects.create(id=name, username=name)
        Team.objects.create(id=name, alias=name, model_max_budget=BY_MODEL)
    Membership.objects.create(user_id="ann", team_id="ben")


def store(hashes: list[str], calls: list[dict[str, object]]) -> None:
    for number, columns in enumerate(calls):
        named = {name: value for name, value in columns.items() if name != "key"}
        at = NOW + timedelta(seconds=number)
        insert([entry(started_at=at, ended_at=at, key_hash=hashes[int(str(columns["key"]))], **named).encode()])


class AnyCalls(TestCase):
    @settings(max_examples=50, deadline=None)
    @given(st.lists(called, min_size=1, max_size=8), st.data())
    def test_of_some_it_is_as_of_everybody(self, calls: list[dict[str, object]], data: st.DataObject) -> None:
        people()
        store(keys(), calls)
        everybody = waiting_amounts()

        for entity, amounts in everybody.items():
            assert waiting_amounts([entity])[entity] == amounts, entity
        some = data.draw(st.sets(st.sampled_from(sorted(everybody)), max_size=3))
        found = waiting_amounts(some)
        assert {entity: found[entity] for entity in some} == {entity: everybody[entity] for entity in some}


@pytest.mark.django_db
def test_every_kind_of_payer_is_among_them() -> None:
    people()
    everything = {"organization_id": "ann", "end_user": "ann", "tags": ["a"], "model_group": "gpt-4o"}
    store(keys(), [{"key": 1, "user_id": "ann", "team_id": "ben", **everything}])
    found = waiting_amounts()

    assert {scope for scope, _ in found} == set(Scope)
    assert (Scope.TEAM_MODEL, of_model("ben", "gpt-4o")) in found


@pytest.mark.django_db
def test_who_has_nothing_waiting_costs_no_look_at_those_who_have() -> None:
    people()
    store(keys(), [{"key": 0, "user_id": "ann"}])
    with CaptureQueriesContext(connection) as captured:
        assert waiting_amounts([(Scope.USER, "ben"), (Scope.TEAM, "ben")]) == {}
    assert [sql for sql in (one["sql"] for one in captured) if "teams_" in sql and "teams_membership" not in sql] == []

    roll_up(now=datetime.now(UTC) + timedelta(minutes=1))
    with CaptureQueriesContext(connection) as captured:
        assert waiting_amounts([(Scope.USER, "ann")]) == {}
    assert len(captured) == 1
