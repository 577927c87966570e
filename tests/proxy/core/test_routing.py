"""Who may serve, why the others may not, and who of them it is: every filter, every strategy, and what always holds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.routing import STRATEGIES, Asked, Routable, Selection, Skip, select, weights
from proxy.core.settings import STRATEGY_NAMES, RouterSettings

PICKS = 20_000


@dataclass(frozen=True)
class Deployment:
    id: str
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    max_parallel: int | None = None
    order: int = 1
    tags: frozenset[str] = frozenset()
    region: str = ""
    max_input_tokens: int | None = None
    unit_price: int | None = None
    provider_name: str = "openai"
    blocked: bool = False
    budget_nano: int | None = None


@dataclass(frozen=True)
class Fleet:
    states: Mapping[str, Skip] = field(default_factory=dict)
    flying: Mapping[str, int] = field(default_factory=dict)
    asked: Mapping[str, int] = field(default_factory=dict)
    spent: Mapping[str, int] = field(default_factory=dict)
    latencies: Mapping[str, float] = field(default_factory=dict)
    broke: frozenset[str] = frozenset()

    def state(self, deployment_id: str, /) -> Skip | None:
        return self.states.get(deployment_id)

    def in_flight(self, deployment_id: str, /) -> int:
        return self.flying.get(deployment_id, 0)

    def requests(self, deployment_id: str, /) -> int:
        return self.asked.get(deployment_id, 0)

    def tokens(self, deployment_id: str, /) -> int:
        return self.spent.get(deployment_id, 0)

    def latency(self, deployment_id: str, /, *, stream: bool) -> float | None:
        return self.latencies.get(f"{deployment_id} streaming" if stream else deployment_id)

    def over_budget(self, deployment: Routable, /) -> bool:
        return deployment.id in self.broke


IDLE = Fleet()
PLAIN = RouterSettings()
CHECKED = RouterSettings(enable_pre_call_checks=True)
A, B, C = Deployment("a"), Deployment("b"), Deployment("c")


def asked(
    *, stream: bool = False, tags: Sequence[str] = (), tokens: int = 0, tried: str = "", region: str = ""
) -> Asked:
    return Asked(stream, tuple(tags), tokens, frozenset(tried), region)


ANYTHING = asked()


def outcome(selection: Selection[Any]) -> tuple[str, dict[str, Skip]]:
    """Ids run together, and why the others are skipped."""
    return "".join(each.id for each in selection.eligible), dict(selection.skipped)


def chosen(deployments: Sequence[Deployment], *, request: Asked = ANYTHING, fleet: Fleet = IDLE, **given: Any) -> Any:
    return outcome(select(deployments, request, fleet, RouterSettings(**given)))


def test_everyone_serves_where_nothing_is_set() -> None:
    selection = select((A, B), ANYTHING, IDLE, PLAIN)

    assert selection == Selection((A, B), ())
    assert select((), ANYTHING, IDLE, PLAIN) == Selection((), ())


@pytest.mark.parametrize("state", [Skip.COOLDOWN, Skip.UNHEALTHY])
def test_what_cannot_serve_is_skipped_though_nothing_else_is_left(state: Skip) -> None:
    assert chosen((A, B), fleet=Fleet(states={"a": state})) == ("b", {"a": state})
    assert chosen((A,), fleet=Fleet(states={"a": state})) == ("", {"a": state})


def test_a_drained_deployment_takes_nothing() -> None:
    assert chosen((A, Deployment("b", blocked=True))) == ("a", {"b": Skip.DRAINED})


def test_whose_budget_is_crossed_is_skipped_wherever_that_budget_stands() -> None:
    fleet = Fleet(broke=frozenset("ab"))

    assert chosen((A, B, C), fleet=fleet) == ("c", {"a": Skip.BUDGET, "b": Skip.BUDGET})


def test_requests_in_flight_are_limited_by_the_deployment_before_the_router() -> None:
    fleet = Fleet(flying={"a": 2, "b": 2, "c": 3})
    deployments = (Deployment("a", max_parallel=2), B, Deployment("c", max_parallel=4))

    assert chosen(deployments, fleet=fleet) == ("bc", {"a": Skip.PARALLEL})
    assert chosen(deployments, fleet=fleet, default_max_parallel_requests=2) == (
        "c",
        {"a": Skip.PARALLEL, "b": Skip.PARALLEL},
    )


@pytest.mark.parametrize(
    ("given", "enforced"),
    [
        ({}, False),
        ({"routing_strategy": "least-busy"}, False),
        ({"routing_strategy": "latency-based-routing"}, False),
        ({"routing_strategy": "usage-based-routing"}, True),
        ({"routing_strategy": "usage-based-routing-v2"}, True),
        ({"routing_strategy": "cost-based-routing"}, True),
        ({"enable_pre_call_checks": True}, True),
        ({"optional_pre_call_checks": frozenset({"enforce_model_rate_limits"})}, True),
        ({"optional_pre_call_checks": frozenset({"prompt_caching"})}, False),
    ],
)
def test_rates_are_limits_or_only_weights(given: dict[str, Any], enforced: bool) -> None:
    deployments = (Deployment("a", rpm=10), Deployment("b", tpm=100), C)
    at_the_limit = Fleet(asked={"a": 10}, spent={"b": 91})
    below = Fleet(asked={"a": 9}, spent={"b": 90})
    full = ("c", {"a": Skip.RPM, "b": Skip.TPM})

    assert chosen(deployments, request=asked(tokens=10), fleet=below, **given) == ("abc", {})
    assert chosen(deployments, request=asked(tokens=10), fleet=at_the_limit, **given) == (
        full if enforced else ("abc", {})
    )


def test_a_prompt_must_fit_only_where_it_is_checked() -> None:
    deployments = (Deployment("a", max_input_tokens=100), B)
    long = asked(tokens=101)

    assert outcome(select(deployments, long, IDLE, CHECKED)) == ("b", {"a": Skip.CONTEXT_WINDOW})
    assert outcome(select(deployments, asked(tokens=100), IDLE, CHECKED)) == ("ab", {})
    assert outcome(select(deployments, long, IDLE, PLAIN)) == ("ab", {})


@pytest.mark.parametrize(
    ("region", "eligible"),
    [("", "abcd"), ("eu", "ab"), ("eu-west-1", "b"), ("us", "c"), ("e", "")],
)
def test_data_stays_in_its_region_where_it_is_checked(region: str, eligible: str) -> None:
    regions = {"a": "eu", "b": "eu-west-1", "c": "us-east", "d": ""}
    deployments = tuple(Deployment(name, region=place) for name, place in regions.items())
    selection = select(deployments, asked(region=region), IDLE, CHECKED)

    assert outcome(selection)[0] == eligible
    assert set(dict(selection.skipped).values()) <= {Skip.REGION}
    assert outcome(select(deployments, asked(region=region), IDLE, PLAIN)) == ("abcd", {})


FREE = Deployment("f", tags=frozenset({"free"}))
PAID = Deployment("p", tags=frozenset({"paid", "fast"}))
DEFAULT = Deployment("d", tags=frozenset({"default"}))


@pytest.mark.parametrize(
    ("deployments", "tags", "match_any", "eligible"),
    [
        ((FREE, PAID, A), ["free"], True, "f"),
        ((FREE, PAID, A), ["free", "paid"], True, "fp"),
        ((FREE, PAID, A), ["paid", "other"], True, "p"),
        ((FREE, PAID, A), ["paid", "other"], False, ""),
        ((FREE, PAID, A), ["paid", "fast"], False, "p"),
        ((FREE, PAID, A), ["free", "paid"], False, ""),
        ((FREE, PAID, A), ["other"], True, ""),
        ((FREE, PAID, DEFAULT), ["free"], True, "f"),
        ((FREE, PAID, DEFAULT), ["other"], True, "d"),
        ((FREE, PAID, DEFAULT), ["free", "paid"], False, "d"),
        ((FREE, PAID, DEFAULT, A), [], True, "d"),
        ((FREE, PAID, A), [], True, "fpa"),
        ((A, B), [], True, "ab"),
        ((A, B), ["free"], True, ""),
    ],
)
def test_tags_lead_to_what_carries_them(
    deployments: tuple[Deployment, ...], tags: list[str], match_any: bool, eligible: str
) -> None:
    found, skipped = chosen(
        deployments, request=asked(tags=tags), enable_tag_filtering=True, tag_filtering_match_any=match_any
    )

    assert found == eligible
    assert set(skipped.values()) <= {Skip.TAGS}
    assert chosen(deployments, request=asked(tags=tags))[1] == {}


def test_a_tier_that_is_down_is_not_served_by_another() -> None:
    down = Fleet(states={"f": Skip.COOLDOWN, "d": Skip.COOLDOWN})
    group = (FREE, PAID, DEFAULT)

    for tags in (["free"], []):
        assert chosen(group, request=asked(tags=tags), fleet=down, enable_tag_filtering=True)[0] == ""


def test_what_has_failed_a_request_waits_until_nothing_else_is_left() -> None:
    assert chosen((A, B, C), request=asked(tried="a")) == ("bc", {"a": Skip.TRIED})
    assert chosen((A, B), request=asked(tried="ab")) == ("ab", {})
    assert chosen((A,), request=asked(tried="a")) == ("a", {})
    assert chosen((A, B), request=asked(tried="a"), fleet=Fleet(states={"b": Skip.COOLDOWN})) == (
        "a",
        {"b": Skip.COOLDOWN},
    )


def test_a_half_open_deployment_is_asked_only_where_nothing_else_is_left() -> None:
    half_open = Fleet(states={"a": Skip.PROBING})

    assert chosen((A, B), fleet=half_open) == ("b", {"a": Skip.PROBING})
    assert chosen((A,), fleet=half_open) == ("a", {})
    # It has not failed this request, as the other has.
    assert chosen((A, B), request=asked(tried="b"), fleet=half_open) == ("a", {"b": Skip.TRIED})


def test_the_lowest_order_that_is_left_serves() -> None:
    first, second, third = Deployment("a", order=1), Deployment("b", order=2), Deployment("c", order=3)
    group = (third, first, second)

    assert chosen(group) == ("a", {"b": Skip.ORDER, "c": Skip.ORDER})
    assert chosen(group, fleet=Fleet(states={"a": Skip.COOLDOWN})) == ("b", {"a": Skip.COOLDOWN, "c": Skip.ORDER})
    assert chosen(group, fleet=Fleet(states={"a": Skip.PROBING})) == ("b", {"a": Skip.PROBING, "c": Skip.ORDER})
    assert chosen(group, request=asked(tried="a")) == ("b", {"a": Skip.TRIED, "c": Skip.ORDER})
    assert chosen(group, request=asked(tried="abc")) == ("a", {"b": Skip.ORDER, "c": Skip.ORDER})


# What always holds.

_TAGS = st.frozensets(st.sampled_from(["x", "y", "default"]), max_size=2)
_small = st.none() | st.integers(0, 3)
_deployments = st.lists(
    st.builds(
        Deployment,
        id=st.sampled_from("abcdef"),
        weight=st.none() | st.sampled_from([0, 0.5, 2]),
        rpm=_small,
        tpm=_small,
        max_parallel=_small,
        order=st.integers(1, 2),
        tags=_TAGS,
        region=st.sampled_from(["", "eu", "us"]),
        max_input_tokens=_small,
        unit_price=_small,
        blocked=st.booleans(),
        budget_nano=_small,
    ),
    max_size=6,
    unique_by=lambda each: each.id,
)
_counts = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 4))
_fleets = st.builds(
    Fleet,
    states=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from([Skip.COOLDOWN, Skip.PROBING, Skip.UNHEALTHY])),
    flying=_counts,
    asked=_counts,
    spent=_counts,
    latencies=st.dictionaries(st.sampled_from(["a", "b", "c", "a streaming"]), st.floats(0, 10)),
    broke=st.frozensets(st.sampled_from("abcdef")),
)
_requests = st.builds(
    Asked,
    stream=st.booleans(),
    tags=st.lists(st.sampled_from("xyz"), max_size=2, unique=True).map(tuple),
    prompt_tokens=st.integers(0, 4),
    tried=st.frozensets(st.sampled_from("abcdef")),
    region=st.sampled_from(["", "eu"]),
)
_settings = st.builds(
    RouterSettings,
    routing_strategy=st.sampled_from(sorted(STRATEGY_NAMES)),
    enable_pre_call_checks=st.booleans(),
    enable_tag_filtering=st.booleans(),
    tag_filtering_match_any=st.booleans(),
    default_max_parallel_requests=_small,
    provider_budget_config=st.sampled_from([{}, {"openai": {}}]),
    strategy_args=st.sampled_from([{}, {"lowest_latency_buffer": 0.5}]),
    weights=st.sampled_from([{}, {"a": 1.0, "b": 0.0}]),
)


@given(_deployments, _requests, _fleets, _settings, st.integers())
@settings(max_examples=400)
def test_no_strategy_ever_picks_what_may_not_serve(
    deployments: list[Deployment], request: Asked, fleet: Fleet, given: RouterSettings, seed: int
) -> None:
    selection = select(deployments, request, fleet, given)
    skipped = dict(selection.skipped)

    assert {each.id for each in selection.eligible}.isdisjoint(skipped)
    assert len(selection.eligible) + len(skipped) == len(deployments)
    if not selection.eligible:
        return
    picked = STRATEGIES[given.routing_strategy](selection.eligible, request, fleet, given, Random(seed))
    assert picked in selection.eligible
    assert not picked.blocked
    assert fleet.state(picked.id) not in {Skip.COOLDOWN, Skip.UNHEALTHY}
    if picked.budget_nano is not None or given.provider_budget_config:
        assert picked.id not in fleet.broke
    if picked.max_parallel is not None:
        assert fleet.in_flight(picked.id) < picked.max_parallel
    if given.enable_pre_call_checks:
        assert picked.max_input_tokens is None or request.prompt_tokens <= picked.max_input_tokens
        assert picked.rpm is None or fleet.requests(picked.id) < picked.rpm
        assert not request.region or picked.region == request.region
    if given.enable_tag_filtering and request.tags:
        assert picked.tags & {*request.tags, "default"}


@given(_deployments, _requests, _fleets, _settings)
def test_a_preference_never_leaves_a_request_without_anybody(
    deployments: list[Deployment], request: Asked, fleet: Fleet, given: RouterSettings
) -> None:
    selection = select(deployments, request, fleet, given)

    if {Skip.TRIED, Skip.PROBING, Skip.ORDER} & set(dict(selection.skipped).values()):
        assert selection.eligible
    assert len({each.order for each in selection.eligible}) <= 1


# Strategies.


def shares(
    *deployments: Deployment, strategy: str = "simple-shuffle", fleet: Fleet = IDLE, stream: bool = False, **given: Any
) -> dict[str, float]:
    chance = Random(7)
    router = RouterSettings(routing_strategy=strategy, **given)
    request = asked(stream=stream)
    counts = Counter(STRATEGIES[strategy](deployments, request, fleet, router, chance).id for _ in range(PICKS))
    return {each.id: counts[each.id] / PICKS for each in deployments}


def close(**expected: float) -> Any:
    return pytest.approx(expected, abs=0.02)


def test_every_strategy_that_can_be_configured_exists() -> None:
    assert STRATEGIES.keys() == STRATEGY_NAMES


@pytest.mark.parametrize("strategy", sorted(STRATEGY_NAMES))
def test_one_deployment_is_picked_by_every_strategy(strategy: str) -> None:
    assert shares(A, strategy=strategy) == {"a": 1}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([{}, {}], None),
        ([{"weight": 1}, {}], [1, 0]),
        ([{}, {"weight": 3}, {"weight": 1}], [0, 3, 1]),
        ([{"rpm": 10}, {"rpm": 30}], [10, 30]),
        ([{"rpm": 10}, {"weight": 2}], [0, 2]),
        ([{"tpm": 10}, {"rpm": 30}], [0, 30]),
        ([{"tpm": 10}, {}], [10, 0]),
        ([{"weight": -1}, {"weight": 1}], [0, 1]),
        ([{"weight": 0, "rpm": 5}, {"weight": 0, "rpm": 9}], [0, 0]),
    ],
)
def test_weight_goes_before_rpm_and_that_before_tpm(given: list[dict[str, Any]], expected: list[float] | None) -> None:
    assert weights([Deployment(str(number), **facts) for number, facts in enumerate(given)]) == expected


def test_deployments_are_picked_by_their_weight() -> None:
    assert shares(A, B) == close(a=0.5, b=0.5)
    assert shares(Deployment("a", weight=1), Deployment("b", weight=3)) == close(a=0.25, b=0.75)
    assert shares(Deployment("a", rpm=90), Deployment("b", rpm=10), C) == close(a=0.9, b=0.1, c=0)
    assert shares(Deployment("a", weight=0.1), Deployment("b", weight=0.3)) == close(a=0.25, b=0.75)
    assert shares(Deployment("a", weight=1), Deployment("b", weight=3), strategy="provider-budget-routing") == close(
        a=0.25, b=0.75
    )


def test_what_weighs_nothing_serves_only_where_nothing_that_weighs_is_left() -> None:
    nothing, little = Deployment("a", weight=0), Deployment("b", weight=1e-9)

    assert shares(nothing, little) == {"a": 0, "b": 1}
    assert shares(nothing, Deployment("c", weight=0)) == close(a=0.5, c=0.5)
    assert chosen((nothing, little), request=asked(tried="b"))[0] == "a"


def test_a_keys_own_weights_go_before_the_deployments() -> None:
    group = (Deployment("a", weight=9), Deployment("b", weight=1))

    assert shares(*group, weights={"a": 1.0, "b": 3.0}) == close(a=0.25, b=0.75)
    assert shares(*group, weights={"b": 1.0}) == close(a=0, b=1)
    assert shares(*group, weights={"of another group": 1.0}) == close(a=0.9, b=0.1)


def test_the_least_busy_is_the_one_with_the_fewest_in_flight() -> None:
    assert shares(A, B, C, strategy="least-busy", fleet=Fleet(flying={"a": 2, "b": 1, "c": 1})) == close(
        a=0, b=0.5, c=0.5
    )


@pytest.mark.parametrize("strategy", ["usage-based-routing", "usage-based-routing-v2"])
def test_usage_is_this_minutes_tokens(strategy: str) -> None:
    assert shares(A, B, C, strategy=strategy, fleet=Fleet(spent={"a": 5, "b": 3, "c": 3})) == close(a=0, b=0.5, c=0.5)


def test_the_cheapest_serves_and_an_unknown_price_is_very_dear() -> None:
    cheap, dear = Deployment("a", unit_price=1), Deployment("b", unit_price=10**15)

    assert shares(cheap, dear, C, strategy="cost-based-routing") == {"a": 1, "b": 0, "c": 0}
    assert shares(dear, C, strategy="cost-based-routing") == {"b": 1, "c": 0}
    assert shares(C, A, strategy="cost-based-routing") == close(c=0.5, a=0.5)


def fastest(fleet: Fleet, *, stream: bool = False, buffer: float | None = None) -> dict[str, float]:
    args = {} if buffer is None else {"lowest_latency_buffer": buffer}
    return shares(A, B, C, strategy="latency-based-routing", fleet=fleet, stream=stream, strategy_args=args)


def test_the_fastest_serves_or_one_within_the_buffer() -> None:
    fleet = Fleet(latencies={"a": 1.0, "b": 1.4, "c": 2.0})

    assert fastest(fleet) == {"a": 1, "b": 0, "c": 0}
    assert fastest(fleet, buffer=0.5) == close(a=0.5, b=0.5, c=0)
    assert fastest(fleet, buffer=1) == close(a=1 / 3, b=1 / 3, c=1 / 3)


def test_two_are_compared_as_well_as_three() -> None:
    assert shares(A, B, strategy="latency-based-routing", fleet=Fleet(latencies={"a": 2, "b": 1})) == {"a": 0, "b": 1}
    assert shares(A, B, strategy="least-busy", fleet=Fleet(flying={"a": 2, "b": 1})) == {"a": 0, "b": 1}


def test_streams_are_compared_by_their_first_token() -> None:
    latencies = {"a": 1.0, "b": 2.0, "c": 2.0, "a streaming": 9.0, "b streaming": 1.0, "c streaming": 9.0}

    assert fastest(Fleet(latencies=latencies), stream=True) == {"a": 0, "b": 1, "c": 0}


def test_who_has_never_answered_is_tried_first_by_one_request_at_a_time() -> None:
    assert fastest(IDLE) == close(a=1 / 3, b=1 / 3, c=1 / 3)
    assert fastest(Fleet(latencies={"a": 0.1})) == close(a=0, b=0.5, c=0.5)
    assert fastest(Fleet(latencies={"a": 0.1}, flying={"b": 1})) == close(a=0, b=0, c=1)
    assert fastest(Fleet(latencies={"a": 0.1}, flying={"b": 1, "c": 1})) == close(a=1, b=0, c=0)
    assert fastest(Fleet(flying={"a": 1, "b": 1, "c": 1})) == close(a=1 / 3, b=1 / 3, c=1 / 3)


def test_without_a_price_nobody_serves_where_that_is_asked_for_unless_it_is_free() -> None:
    guarded = RouterSettings(block_requests_for_models_without_pricing=True)
    free, priced, unknown = Deployment("f", unit_price=0), Deployment("p", unit_price=5), Deployment("u")

    assert outcome(select([free, priced, unknown], ANYTHING, IDLE, guarded)) == ("fp", {"u": Skip.NO_PRICE})
    assert outcome(select([unknown], ANYTHING, IDLE, guarded)) == ("", {"u": Skip.NO_PRICE})
    assert outcome(select([unknown], replace(ANYTHING, free=True), IDLE, guarded)) == ("u", {})
    assert outcome(select([unknown], ANYTHING, IDLE, PLAIN)) == ("u", {})
