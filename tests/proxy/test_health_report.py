"""Whom `/health` tells of what."""

from typing import Any

import pytest

from proxy.core.errors import UnknownModel
from proxy.health_report import Finding, asked_about, report
from proxy.models import ConfigField
from proxy.models import Deployment as Row
from proxy.registry import RoutingTable, load_routing_table
from teams.errors import KeyModelAccessDenied, NotFound
from teams.models import Role
from teams.snapshot import Principal
from tests.proxy.deployments import NOW, SECRET, stored

pytestmark = pytest.mark.django_db
NOWHERE = "http://user:password@127.0.0.1:9"
ADMIN = Principal("a", role=Role.PROXY_ADMIN)
VIEWER = Principal("v", role=Role.PROXY_ADMIN_VIEWER)


@pytest.fixture
def table() -> RoutingTable:
    stored(NOWHERE, pk="one", max_tokens=7)
    stored(NOWHERE, pk="two")
    stored(NOWHERE, pk="mini", name="gpt-4o-mini")
    stored(NOWHERE, pk="pattern", name="openai/*", model="openai/*")
    stored(NOWHERE, pk="red", name="red-model", info={"team_id": "red", "team_public_model_name": "gpt-4o"})
    drained = stored(NOWHERE, pk="drained")
    drained.blocked = True
    drained.save()
    ConfigField.objects.create(section="router_settings", name="model_group_alias", value={"alias": "gpt-4o-mini"})
    return load_routing_table(now=NOW)


def key(*models: str, **facts: Any) -> Principal:
    return Principal("k", key_models=frozenset(models), **facts)


def ids(table: RoutingTable, principal: Principal, **query: str) -> set[str]:
    return {one.id for one in asked_about(table, principal, **query)}


@pytest.mark.parametrize("principal", [ADMIN, VIEWER])
def test_admins_are_told_of_everything_in_service(table: RoutingTable, principal: Principal) -> None:
    assert ids(table, principal) == {"one", "two", "mini", "pattern", "red"}
    assert ids(table, principal, model="gpt-4o") == {"one", "two", "red"}
    assert ids(table, principal, model_id="drained") == {"drained"}
    assert ids(table, principal, model_id="red") == {"red"}


def test_others_are_told_of_what_they_may_call(table: RoutingTable) -> None:
    assert ids(table, key("gpt-4o")) == {"one", "two"}
    assert ids(table, key("gpt-4o-mini")) == {"mini"}
    assert ids(table, key("gpt-4o"), model="gpt-4o") == {"one", "two"}
    assert ids(table, key("gpt-4o"), model_id="one") == {"one"}
    assert ids(table, key("gpt-4o", team_id="red")) == {"red"}, "its own goes before everybody's"
    assert ids(table, key("gpt-4o", team_id="blue")) == {"one", "two"}


def test_others_are_not_told_of_anything_else(table: RoutingTable) -> None:
    limited = key("gpt-4o")
    with pytest.raises(KeyModelAccessDenied):
        asked_about(table, limited, model="gpt-4o-mini")
    for hidden in ("mini", "red", "pattern"):
        with pytest.raises(NotFound):
            asked_about(table, limited, model_id=hidden)


def test_names_lead_where_requests_would(table: RoutingTable) -> None:
    assert ids(table, ADMIN, model="alias") == {"mini"}
    assert ids(table, ADMIN, model="openai/o3") == {"pattern"}
    assert ids(table, key("mine", aliases={"mine": "gpt-4o"}), model="mine") == {"one", "two"}


@pytest.mark.parametrize("model", ["nope", "x" * 5000, "\x00\n", "é"])
def test_what_nobody_serves_is_refused_with_a_sentence(table: RoutingTable, model: str) -> None:
    with pytest.raises(UnknownModel) as refused:
        asked_about(table, ADMIN, model=model)
    assert len(refused.value.message) < 600
    with pytest.raises(NotFound):
        asked_about(table, ADMIN, model_id=model)


def told(table: RoutingTable, *, in_full: bool, details: bool) -> dict[str, Any]:
    (deployment,) = asked_about(table, ADMIN, model_id="one")
    finding = Finding(
        healthy=False, error="it broke", response_ms=5, checked_at=NOW, rate_limits={"x-ratelimit-a": "1"}
    )
    rows = Row.objects.in_bulk(["one"]) if in_full else {}
    found = report([deployment], [finding], rows, in_full=in_full, details=details)
    assert (found["healthy_count"], found["unhealthy_count"]) == (0, 1)
    endpoint: dict[str, Any] = found["unhealthy_endpoints"][0]
    return endpoint


def test_admins_read_the_parameters_and_no_secret(table: RoutingTable) -> None:
    assert told(table, in_full=True, details=True) == {
        "model": "openai/gpt-4o",
        "model_id": "one",
        "model_name": "gpt-4o",
        "api_base": "http://127.0.0.1:9/v1",
        "max_tokens": 7,
        "x-ratelimit-a": "1",
        "response_time_ms": 5,
        "checked_at": "2026-11-23T12:00:00+00:00",
        "error": "it broke",
    }
    assert SECRET not in str(told(table, in_full=True, details=True))


def test_others_read_no_address_and_no_error(table: RoutingTable) -> None:
    assert told(table, in_full=False, details=True).keys() == {
        "model", "model_id", "model_name", "x-ratelimit-a", "response_time_ms", "checked_at",
    }  # fmt: skip


def test_without_details_there_are_only_names(table: RoutingTable) -> None:
    assert told(table, in_full=True, details=False).keys() == {"model", "model_id", "model_name", "error"}
    assert told(table, in_full=False, details=False).keys() == {"model", "model_id", "model_name"}
