"""Which keys a change of routing touches: those with the same rights alike, and of very many the first."""

from typing import Any

import pytest
from django.utils import timezone

from proxy.callers import Callers, callers_of
from proxy.models import Deployment
from proxy.registry import load_routing_table
from teams.models import Organization, Team, User, VirtualKey
from teams.snapshot import load_keys

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def groups() -> None:
    for name in ("gpt-4o", "mini"):
        Deployment.objects.create(id=name, model_name=name, litellm_params={"model": f"openai/{name}", "api_key": "k"})


def key(alias: str, **facts: Any) -> VirtualKey:
    return VirtualKey.objects.create(token_hash=f"{alias:0>64}", alias=alias, name="sk-...0000", **facts)


def callers(*names: str, most: int = 100) -> Callers:
    now = timezone.now()
    return callers_of(
        set(names), table=load_routing_table(now=now), keys=load_keys(admin_id="admin"), now=now, most=most
    )


def test_teams_that_are_alike_are_judged_alike_and_others_apart() -> None:
    for name in ("one", "two"):
        key(f"of {name}", team=Team.objects.create(id=name, alias=name, allowed_models=["mini"]))
    key("of three", team=Team.objects.create(id="three", allowed_models=["gpt-4o"]))
    key("of four", team=Team.objects.create(id="four", allowed_models=["mini"], blocked=True))
    other = Organization.objects.create(alias="o", allowed_models=["gpt-4o"])
    key("of five", team=Team.objects.create(id="five", allowed_models=["mini"], organization=other))
    key("of six", team=Team.objects.create(id="six", allowed_models=["x"], model_aliases={"x": "mini"}))

    found = callers("mini")
    assert found.key_names == ("of one", "of two")
    assert found.team_names == ("one", "two")
    assert callers("gpt-4o").key_names == ("of three",)


def test_a_group_of_one_team_is_called_by_nobody_else() -> None:
    for name in ("one", "two"):
        key(f"of {name}", team=Team.objects.create(id=name))
    info = {"team_id": "one", "team_public_model_name": "own"}
    Deployment.objects.create(
        id="own", model_name="own", model_info=info, litellm_params={"model": "openai/own", "api_key": "k"}
    )

    assert callers("own").key_names == ("of one",)


def test_a_users_own_list_binds_keys_outside_of_teams() -> None:
    user = User.objects.create(username="u", allowed_models=["mini"])
    key("own", user=user)
    key("of a team", user=user, team=Team.objects.create(id="one"))

    assert callers("gpt-4o").key_names == ("of a team",)
    assert callers("mini").key_names == ("of a team", "own")


def test_of_very_many_keys_the_first_are_looked_at() -> None:
    for number in range(8):
        key(f"key {number}")

    some, everything = callers("mini", most=6), callers("mini", most=8)
    assert (some.keys, some.looked_at, some.all_keys) == (6, 6, 8)
    assert (everything.keys, everything.looked_at, everything.all_keys) == (8, 8, 8)
    assert everything.key_names == tuple(f"key {number}" for number in range(5))
