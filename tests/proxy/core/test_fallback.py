"""Who is asked instead: in which order, for which error, and never without an end."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.calls import NO_OPTIONS, Options
from proxy.core.errors import BadRequest, ConnectionFailed, NoDeploymentAvailable, UpstreamError, from_upstream
from proxy.core.fallback import Fallback, client_fallbacks, fallbacks_for
from proxy.core.settings import RouterSettings
from teams.errors import ApiError


def upstream(status: int, body: bytes = b"") -> UpstreamError:
    return from_upstream(status, body, provider="openai")


DOWN = upstream(500)
TOO_LONG = upstream(400, b"maximum context length")
REFUSED = upstream(400, b"content_policy_violation")


def instead(
    error: ApiError = DOWN, *, group: str = "a", done: tuple[str, ...] = (), options: Options = NO_OPTIONS, **given: Any
) -> list[str]:
    router = RouterSettings.read(given, {}, {})[0]
    return [each.model for each in fallbacks_for(group, error, settings=router, options=options, done=done)]


def test_nothing_configured_is_nothing_to_fall_back_to() -> None:
    assert instead() == []


def test_a_groups_own_list_goes_before_anybodys() -> None:
    lists = [{"a": ["b", "c"]}, {"*": ["d"]}]

    assert instead(fallbacks=lists, default_fallbacks=["e"]) == ["b", "c"]
    assert instead(group="x", fallbacks=lists, default_fallbacks=["e"]) == ["d"]
    assert instead(group="x", fallbacks=[{"a": ["b"]}], default_fallbacks=["e"]) == ["e"]


def test_a_list_for_the_bare_name_serves_the_name_with_its_provider() -> None:
    lists = [{"gpt-4o": ["b"]}, {"*": ["d"]}]

    assert instead(group="openai/gpt-4o", fallbacks=lists) == ["b"]
    assert instead(group="openai/gpt-4o", fallbacks=[{"openai/gpt-4o": ["c"]}, *lists]) == ["c"]


@pytest.mark.parametrize(
    "error",
    [
        upstream(400),
        upstream(401),
        upstream(429),
        ConnectionFailed(provider="x"),
        NoDeploymentAvailable("a", retry_after=1),
    ],
)
def test_any_error_falls_back(error: ApiError) -> None:
    assert instead(error, fallbacks=[{"a": ["b"]}]) == ["b"]


def test_too_long_a_prompt_goes_to_its_own_list_only() -> None:
    given: dict[str, Any] = {
        "context_window_fallbacks": [{"a": ["big"]}],
        "fallbacks": [{"a": ["b"]}, {"x": ["y"]}],
        "default_fallbacks": ["e"],
    }

    assert instead(TOO_LONG, **given) == ["big"]
    assert instead(TOO_LONG, group="x", **given) == []
    assert instead(REFUSED, **given) == ["b"]
    assert instead(DOWN, **given) == ["b"]


def test_refused_content_goes_to_its_own_list_only() -> None:
    given: dict[str, Any] = {"content_policy_fallbacks": [{"a": ["lax"]}], "fallbacks": [{"a": ["b"]}]}

    assert instead(REFUSED, **given) == ["lax"]
    assert instead(REFUSED, group="x", **given) == []
    assert instead(TOO_LONG, **given) == ["b"]


def test_a_client_may_say_who_is_asked_and_then_nobody_else_is() -> None:
    options = Options(fallbacks=("c", {"model": "d", "messages": [], "temperature": 0}))
    router = RouterSettings.read({"fallbacks": [{"a": ["b"]}], "context_window_fallbacks": [{"a": ["big"]}]}, {}, {})[0]

    for error in (DOWN, TOO_LONG):
        found = fallbacks_for("a", error, settings=router, options=options, done=("a",))
        assert found == (Fallback("c"), Fallback("d", {"messages": [], "temperature": 0}))


def test_a_client_may_give_lists_of_its_own() -> None:
    given: dict[str, Any] = {"fallbacks": [{"a": ["b"]}], "context_window_fallbacks": [{"a": ["big"]}]}
    own = Options(fallbacks=({"a": ["c"]},), context_window_fallbacks=({"a": ["huge"]},))

    assert instead(options=own, **given) == ["c"]
    assert instead(TOO_LONG, options=own, **given) == ["huge"]
    assert instead(group="x", options=own, default_fallbacks=["e"], **given) == []


def test_a_client_may_do_without() -> None:
    given: dict[str, Any] = {"fallbacks": [{"a": ["b"]}], "default_fallbacks": ["e"]}

    assert instead(options=Options(disable_fallbacks=True), **given) == []
    assert instead(options=Options(fallbacks=()), **given) == []
    assert instead(TOO_LONG, options=Options(context_window_fallbacks=()), **given) == ["b"]


def test_what_is_changed_for_a_fallback_comes_with_it() -> None:
    router = RouterSettings.read({"fallbacks": [{"a": [{"model": "b", "temperature": 0}]}]}, {}, {})[0]

    assert fallbacks_for("a", DOWN, settings=router, options=NO_OPTIONS, done=()) == (
        Fallback("b", {"temperature": 0}),
    )


def test_nobody_is_asked_twice() -> None:
    given: dict[str, Any] = {"fallbacks": [{"a": ["a", "b", "c", "b"]}]}

    assert instead(**given) == ["b", "c"]
    assert instead(done=("a", "b"), **given) == ["c"]
    assert instead(done=("x", "a", "b", "c"), **given) == []


def test_there_are_so_many_in_all() -> None:
    given: dict[str, Any] = {"fallbacks": [{"a": list("bcdefgh")}]}

    assert instead(**given) == list("bcdef")
    assert instead(max_fallbacks=2, **given) == ["b", "c"]
    assert instead(max_fallbacks=2, done=("a", "b"), **given) == ["c"]
    assert instead(max_fallbacks=2, done=("x", "a"), **given) == ["b"]
    assert instead(max_fallbacks=0, **given) == []


@pytest.mark.parametrize(
    "options",
    [
        Options(fallbacks=({"messages": [{"role": "user"}]},)),
        Options(overrides={"fallbacks": 5}),
        Options(overrides={"context_window_fallbacks": {"a": ["b"]}}),
        Options(fallbacks=("a", {"messages": []})),
        Options(fallbacks=({"a": "b"},)),
        Options(fallbacks=("",)),
        Options(context_window_fallbacks=("big",)),
        Options(content_policy_fallbacks=({"a": [5]},)),
    ],
)
def test_a_clients_nonsense_is_told(options: Options) -> None:
    with pytest.raises(BadRequest, match="must"):
        client_fallbacks(options)


def test_every_model_that_a_client_names_is_known_beforehand() -> None:
    assert client_fallbacks(NO_OPTIONS) == frozenset()
    assert client_fallbacks(Options(fallbacks=("b", {"model": "c"}))) == {"b", "c"}
    assert client_fallbacks(
        Options(
            fallbacks=({"a": ["b"]}, {"x": [{"model": "c"}]}),
            context_window_fallbacks=({"a": ["d"]},),
            content_policy_fallbacks=({"a": ["e"]},),
            overrides={"fallbacks": ["f", {"model": "g"}], "context_window_fallbacks": [{"a": ["h"]}]},
        )
    ) == {*"bcdefgh"}


_groups = st.sampled_from("abcdef")
_lists = st.lists(st.dictionaries(st.sampled_from("abcdef*"), st.lists(_groups, max_size=4), max_size=2), max_size=4)
_own = st.none() | st.lists(_groups, max_size=4).map(tuple) | _lists.map(tuple)


@given(
    _lists,
    _lists,
    st.lists(_groups, max_size=3),
    st.builds(Options, fallbacks=_own, context_window_fallbacks=st.none() | _lists.map(tuple)),
    st.integers(0, 8),
    st.sampled_from([DOWN, TOO_LONG, REFUSED]),
)
def test_falling_from_one_to_the_next_ends(
    lists: list[Any], context: list[Any], default: list[str], options: Options, most: int, error: ApiError
) -> None:
    router = RouterSettings.read(
        {
            "fallbacks": lists,
            "context_window_fallbacks": context,
            "default_fallbacks": default,
            "max_fallbacks": most,
        },
        {},
        {},
    )[0]
    done: list[str] = []

    def ask(group: str) -> None:
        """Everything fails, and every failure falls back in its turn."""
        done.append(group)
        while following := fallbacks_for(group, error, settings=router, options=options, done=done):
            ask(following[0].model)

    ask("a")

    assert len(done) == len(set(done))
    assert len(done) - 1 <= most
    assert {*done[1:]} <= client_fallbacks(options) | {*"abcdef"}


_json = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "model", "*"]), inner),
    max_leaves=6,
)
_any_list = st.none() | st.lists(st.text(max_size=2) | st.dictionaries(st.sampled_from(["a", "model"]), _json)).map(
    tuple
)


_names = ["fallbacks", "context_window_fallbacks", "content_policy_fallbacks"]


@given(
    st.builds(
        Options,
        **dict.fromkeys(_names, _any_list),
        overrides=st.none() | st.dictionaries(st.sampled_from(_names), _json),
    )
)
def test_whatever_a_client_sends_is_understood_or_refused(options: Options) -> None:
    try:
        client_fallbacks(options)
    except BadRequest:
        return
    for error in (DOWN, TOO_LONG, REFUSED):
        fallbacks_for("a", error, settings=RouterSettings(), options=options, done=())
