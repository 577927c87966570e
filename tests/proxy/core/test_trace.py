"""What is noted of a request's way: in order, in words, and of a big group only so much."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from proxy.core.routing import Skip
from proxy.core.trace import Attempted, Noted, Selected, Trace

ATTEMPT: dict[str, Any] = {
    "number": 0,
    "deployment": "d1",
    "provider": "openai",
    "model": "gpt-4o",
    "began": 0.0125,
    "ended": 1.0,
    "status": 200,
}


def trace() -> Trace:
    return Trace(call_id="c", request_id=UUID(int=1), began_at=datetime(2026, 11, 26, tzinfo=UTC), route="/x")


def test_a_look_at_a_group_says_who_was_passed_over_and_why() -> None:
    found = Selected("gpt-4o", "least-busy", 1, ("d1",), [("d2", Skip.COOLDOWN), ("d3", Skip.RPM)], "d1")

    assert found.as_json() == {
        "step": "select",
        "model_group": "gpt-4o",
        "strategy": "least-busy",
        "eligible": 1,
        "candidates": ["d1"],
        "skipped": [{"deployment": "d2", "reason": "cooldown"}, {"deployment": "d3", "reason": "rpm"}],
        "skipped_count": 2,
        "chosen": "d1",
    }


def test_of_a_big_group_the_first_are_named_and_all_are_counted() -> None:
    names = tuple(f"d{number}" for number in range(500))
    found = Selected("g", "s", 500, names, [(name, Skip.TAGS) for name in names], "").as_json()

    assert len(found["candidates"]) == len(found["skipped"]) == 20
    assert found["candidates"][0] == found["skipped"][0]["deployment"] == "d0"
    assert (found["eligible"], found["skipped_count"], found["chosen"]) == (500, 500, "")


def test_an_attempt_says_when_and_how_long_in_milliseconds() -> None:
    assert Attempted(**ATTEMPT).as_json() == {
        "step": "attempt",
        "attempt": 0,
        "deployment": "d1",
        "provider": "openai",
        "model": "gpt-4o",
        "began_ms": 12.5,
        "took_ms": 987.5,
        "status": 200,
    }


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"error": "RateLimitError"}, {"error": "RateLimitError"}),
        (
            {"cooldown_seconds": 5.0, "cooldown_reason": "rate_limited"},
            {"cooldown": {"seconds": 5.0, "reason": "rate_limited"}},
        ),
        ({"first_token": 0.25}, {"first_token_ms": 250.0}),
        ({"first_token": 0.0}, {"first_token_ms": 0.0}),
    ],
)
def test_what_only_some_attempts_have_is_told_of_those(more: dict[str, Any], told: dict[str, Any]) -> None:
    plain = Attempted(**ATTEMPT).as_json()

    assert Attempted(**ATTEMPT, **more).as_json() == plain | told
    assert told.keys().isdisjoint(plain)


def test_steps_are_told_in_the_order_in_which_they_happened() -> None:
    found = trace()
    found.note("alias", asked="best", model_group="gpt-4o")
    found.steps.append(Selected("gpt-4o", "simple-shuffle", 1, ("d1",), (), "d1"))
    found.steps.append(Attempted(**ATTEMPT))
    found.note("retry")

    told = found.steps_as_json()
    assert [step["step"] for step in told] == ["alias", "select", "attempt", "retry"]
    assert told[0] == {"step": "alias", "asked": "best", "model_group": "gpt-4o"}
    assert told[3] == {"step": "retry"}
    assert orjson.loads(orjson.dumps(told)) == told


def test_a_note_is_as_it_was_when_it_was_made() -> None:
    facts = {"seconds": 1}
    found = trace()
    found.note("wait", **facts)
    facts["seconds"] = 2

    assert found.steps == [Noted("wait", (("seconds", 1),))]


def test_two_traces_share_no_steps() -> None:
    one, other = trace(), trace()
    one.note("retry")

    assert other.steps == []
    assert (other.status, other.amount_nano, other.stream) == (0, 0, False)
