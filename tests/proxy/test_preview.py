"""A preview says what the router would do: who is asked, who is not and why, and what comes after a failure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.core.errors import UnknownModel
from proxy.core.operations import Operation
from proxy.models import ConfigField, Deployment
from proxy.policy import Policy
from proxy.preview import ROUTES, preview
from proxy.prospects import Question
from proxy.providers.openai import OpenAICompatible
from proxy.registry import Group, RoutingTable, load_routing_table
from proxy.state import RouterState
from teams.snapshot import Principal

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANYBODY = Principal(key_hash="a" * 64, key_alias="mine")
pytestmark = pytest.mark.django_db


def deployment(name: str, group: str = "gpt-4o", *, blocked: bool = False, **params: Any) -> None:
    Deployment.objects.create(
        id=name,
        model_name=group,
        blocked=blocked,
        litellm_params={"model": "openai/gpt-4o", "api_base": "http://secret.internal/v1", **params},
        credentials="sk-upstream-0123456789",
    )


def setting(name: str, value: Any, section: str = "router_settings") -> None:
    ConfigField.objects.create(section=section, name=name, value=value)


class Gateway:
    """The rows as the request path sees them, and a fleet that a test can hurt."""

    def __init__(self, crossings: Sequence[str] = ()) -> None:
        self.table: RoutingTable = load_routing_table(now=NOW)
        self.state = RouterState(clock=lambda: 1000.0)
        self._crossings = crossings

    def cool(self, name: str, seconds: float = 30.0) -> None:
        self.state.cool(name, Cooldown(seconds, CooldownReason.RATE_LIMITED), status=429)

    def asked(self, model: str = "gpt-4o", principal: Principal = ANYBODY, **question: Any) -> dict[str, Any]:
        return preview(
            Question(model=model, **question),
            principal=principal,
            table=self.table,
            view=self.state,
            policy=Policy(),
            find=lambda name: self.table.deployments(name, team_id=principal.team_id),
            crossings=lambda ids: self._crossings,
            now=NOW,
        )


def by_id(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["deployment"]: one for one in answer["candidates"]}


def skipped(answer: dict[str, Any]) -> dict[str, str | None]:
    return {name: one["skipped"] for name, one in by_id(answer).items()}


def odds(answer: dict[str, Any]) -> dict[str, float]:
    return {name: one["probability"] for name, one in by_id(answer).items()}


def test_all_that_are_well_may_be_asked_by_their_weight() -> None:
    deployment("a", weight=3)
    deployment("b", weight=1)
    answer = Gateway().asked()

    assert (answer["allowed"], answer["error"], answer["served_by"]) == (True, None, "gpt-4o")
    assert (answer["strategy"], answer["eligible"], answer["candidates_count"]) == ("simple-shuffle", 2, 2)
    assert odds(answer) == {"a": 0.75, "b": 0.25}
    assert skipped(answer) == {"a": None, "b": None}
    assert answer["summary"] == "gpt-4o would serve it: 2 of 2 deployments may be asked, by simple-shuffle."


def test_where_nobody_has_a_weight_each_has_the_same_chance() -> None:
    for name in "abcd":
        deployment(name)

    assert odds(Gateway().asked()) == dict.fromkeys("abcd", 0.25)


def test_who_cools_down_is_skipped_and_it_is_said_for_how_long_and_why() -> None:
    deployment("a")
    deployment("b")
    gateway = Gateway()
    gateway.cool("a", 30)
    answer = gateway.asked()

    assert skipped(answer) == {"a": "cooldown", "b": None}
    assert odds(answer) == {"a": 0, "b": 1}
    now = by_id(answer)["a"]["now"]
    assert (now["cooldown_seconds"], now["cooldown_reason"], now["state"]) == (30.0, "rate_limited", "cooldown")
    assert "it is the only one left" in answer["summary"]


def test_a_blocked_one_is_skipped() -> None:
    deployment("a", blocked=True)
    deployment("b")

    assert skipped(Gateway().asked()) == {"a": "drained", "b": None}


def test_where_all_cool_down_the_refusal_is_the_clients() -> None:
    deployment("a")
    gateway = Gateway()
    gateway.cool("a", 30)
    answer = gateway.asked()

    assert (answer["allowed"], answer["served_by"]) == (False, "")
    assert (answer["error"]["status"], answer["error"]["class"]) == (429, "RateLimitError")
    assert "Try again in 30 seconds" in answer["error"]["message"]
    assert "cooldown_list=['a']" in answer["summary"]


def test_a_model_that_nobody_serves_is_refused_in_the_words_of_a_request() -> None:
    answer = Gateway().asked("nothing")

    assert answer["error"]["message"] == UnknownModel("nothing").message
    assert (answer["allowed"], answer["candidates"]) == (False, [])


def test_budgets_that_are_crossed_are_told_in_their_sentences() -> None:
    deployment("a", max_budget=1.0, budget_duration="1d")
    gateway = Gateway(crossings=["Exceeded budget for deployment a: 2 >= 1"])
    gateway.state.crossed_deployments = frozenset({"a"})
    answer = gateway.asked()

    assert skipped(answer) == {"a": "budget"}
    assert "Exceeded budget for deployment a: 2 >= 1" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [(("free",), {"a": None, "b": "tags"}), (("paid",), {"a": "tags", "b": None}), ((), {"a": "tags", "b": None})],
)
def test_tags_choose(tags: tuple[str, ...], expected: dict[str, str | None]) -> None:
    setting("enable_tag_filtering", True)
    deployment("a", tags=["free"])
    deployment("b", tags=["paid", "default"])

    assert skipped(Gateway().asked(tags=tags)) == expected


def test_tags_that_nobody_serves_are_refused_as_in_a_request() -> None:
    setting("enable_tag_filtering", True)
    deployment("a", tags=["free"])

    assert Gateway().asked(tags=("gold",))["error"]["message"] == (
        "Not allowed to access model due to tags configuration"
    )


def test_what_does_not_fit_into_a_window_is_skipped() -> None:
    setting("enable_pre_call_checks", True)
    for name, most in (("small", 100), ("large", 100_000)):
        deployment(name)
        Deployment.objects.filter(pk=name).update(model_info={"max_input_tokens": most})

    assert skipped(Gateway().asked(prompt_tokens=5000)) == {"large": None, "small": "context_window"}


def test_the_lowest_order_goes_first() -> None:
    deployment("a", order=2)
    deployment("b", order=1)

    assert skipped(Gateway().asked()) == {"a": "order", "b": None}


def test_the_least_busy_is_asked_by_that_strategy() -> None:
    setting("routing_strategy", "least-busy")
    for name in "abc":
        deployment(name)
    gateway = Gateway()
    gateway.state.begin("a")
    answer = gateway.asked()

    assert odds(answer) == {"a": 0, "b": 0.5, "c": 0.5}
    assert by_id(answer)["a"]["now"]["in_flight"] == 1


def test_an_operation_that_no_provider_offers_is_refused() -> None:
    deployment("a")
    gateway = Gateway()
    # Whatever the providers come to offer, this one offers chats alone.
    only_chats = replace(OpenAICompatible("openai"), operations=frozenset({Operation.CHAT}))
    (built,) = gateway.table.deployments("gpt-4o", team_id=None)
    gateway.table = replace(gateway.table, groups={"gpt-4o": Group.of([replace(built, provider=only_chats)])})
    answer = gateway.asked(operation=Operation.SPEECH)

    assert skipped(answer) == {"a": "operation"}
    assert "cannot serve requests of the kind" in answer["error"]["message"]


def test_the_way_from_the_name_to_the_group_is_told() -> None:
    setting("model_group_alias", {"best": "gpt-4o"})
    deployment("a")
    principal = Principal(key_hash="k", aliases={"mine": "best"})
    answer = Gateway().asked("mine", principal)

    assert answer["resolution"] == [
        {"by": "alias of the key or its team", "from": "mine", "to": "best"},
        {"by": "model_group_alias", "from": "best", "to": "gpt-4o"},
    ]
    assert answer["model_group"] == "gpt-4o"


def test_a_pattern_is_told() -> None:
    deployment("any", "openai/*", model="openai/*")
    answer = Gateway().asked("openai/gpt-4o")

    assert answer["resolution"] == [{"by": "pattern", "from": "openai/gpt-4o", "to": "openai/*"}]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"key_models": frozenset({"other"})}, 403, "is not available for this API key"),
    ({"team_id": "t", "team_models": frozenset({"other"})}, 403, "is not available"),
    ({"blocked": True}, 401, "Key is blocked"),
    ({"team_id": "t", "team_blocked": True}, 401, "is blocked"),
    ({"expires_at": NOW - timedelta(seconds=1)}, 401, "Expired Key"),
    ({"allowed_routes": ("/embeddings",)}, 403, "not allowed to call this route"),
]


@pytest.mark.parametrize(("columns", "status", "sentence"), REFUSED)
def test_who_may_not_call_it_is_told_so_and_no_more(columns: dict[str, Any], status: int, sentence: str) -> None:
    deployment("a")
    answer = Gateway().asked(principal=Principal(key_hash="k", **columns))

    assert (answer["allowed"], answer["error"]["status"]) == (False, status)
    assert sentence in answer["error"]["message"]
    assert "candidates" not in answer
    assert "fallbacks" not in answer


def test_fallbacks_of_each_kind_are_told_in_their_order() -> None:
    setting("fallbacks", [{"gpt-4o": ["b", "c"]}, {"b": ["d"]}])
    setting("context_window_fallbacks", [{"gpt-4o": ["long"]}])
    for name in ("gpt-4o", "b", "c", "d", "long"):
        deployment(name, name)
    answer = Gateway().asked()
    chains = {kind: [link["model_group"] for link in chain] for kind, chain in answer["fallbacks"].items()}

    assert chains == {
        "error": ["b", "c", "d"],
        "context_window": ["long"],
        "content_policy": ["b", "c", "d"],
    }


def test_a_group_without_anybody_is_served_by_its_fallback() -> None:
    setting("fallbacks", [{"gpt-4o": ["b"]}])
    deployment("a", blocked=True)
    deployment("b", "b")
    answer = Gateway().asked()

    assert (answer["allowed"], answer["served_by"], answer["error"]) == (True, "b", None)
    assert answer["summary"] == "gpt-4o has nobody to ask at the moment; the fallback b would serve it."


@pytest.mark.parametrize("enforced", [False, True])
def test_a_fallback_that_the_key_may_not_call_is_told(enforced: bool) -> None:
    setting("fallbacks", [{"gpt-4o": ["b"]}])
    setting("enforce_fallback_model_access", enforced, "general_settings")
    deployment("a")
    deployment("b", "b")
    answer = Gateway().asked(principal=Principal(key_hash="k", key_models=frozenset({"gpt-4o"})))
    (link,) = answer["fallbacks"]["error"]

    assert (link["key_may_call"], link["permitted"]) == (False, not enforced)


def test_fallbacks_that_lead_back_come_to_an_end() -> None:
    setting("fallbacks", [{"gpt-4o": ["b"]}, {"b": ["gpt-4o", "b"]}])
    deployment("a")
    deployment("b", "b")

    assert [link["model_group"] for link in Gateway().asked()["fallbacks"]["error"]] == ["b"]


def test_the_retry_plan_is_the_routers() -> None:
    setting("num_retries", 4)
    setting("retry_policy", {"RateLimitErrorRetries": 7})
    deployment("a")
    deployment("b")

    assert Gateway().asked()["retries"] == {
        "server_error": 4, "rate_limit": 7, "timeout": 4, "authentication": 4, "bad_request": 0,
    }  # fmt: skip


def test_a_keys_own_settings_go_before_the_routers() -> None:
    deployment("a")
    answer = Gateway().asked(principal=Principal(key_hash="k", router_settings={"num_retries": 1}))

    assert answer["retries"]["server_error"] == 1


def test_no_address_and_no_credential_is_told() -> None:
    deployment("a")
    text = str(Gateway().asked())

    assert "secret.internal" not in text
    assert "sk-upstream" not in text


def test_timeouts_are_those_of_the_attempt() -> None:
    setting("timeout", 20)
    deployment("a", timeout=7, stream_timeout=3)
    deployment("b")

    def seconds(**question: Any) -> dict[str, float]:
        return {name: one["timeout_seconds"] for name, one in by_id(Gateway().asked(**question)).items()}

    assert seconds() == {"a": 7, "b": 20}
    assert seconds(stream=True) == {"a": 3, "b": 20}


def test_nothing_is_counted() -> None:
    deployment("a")
    gateway = Gateway()
    for _ in range(3):
        gateway.asked()

    assert gateway.state.describe("a")["requests_last_minute"] == 0


def test_every_operation_has_a_route() -> None:
    assert set(ROUTES) == set(Operation)
