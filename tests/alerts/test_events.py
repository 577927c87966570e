"""What makes two events the same incident."""

from typing import Any

import pytest

from alerts import events
from alerts.events import (
    OFF_BY_DEFAULT,
    ON_BY_DEFAULT,
    AlertType,
    DeploymentCooledDown,
    Event,
    ManagementEvent,
    ScheduledReport,
    SpendNotTracked,
)
from tests.alerts.builders import exception

NOT_TRACKED = SpendNotTracked(model_group="g", provider="openai", model="m")


def kinds_of_event() -> list[type[Event]]:
    found = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    return [kind for kind in found if kind not in (Event, ManagementEvent, ScheduledReport)]


@pytest.mark.parametrize(
    "changed",
    [
        {"message": "something else"},
        {"call_id": "other"},
        {"key_alias": "other"},
        {"team": "other"},
        {"api_base": "https://other"},
    ],
)
def test_free_text_and_who_asked_do_not_make_another_incident(changed: dict[str, Any]) -> None:
    assert exception(**changed).fingerprint() == exception().fingerprint()


@pytest.mark.parametrize(
    "changed",
    [{"model_group": "other"}, {"deployment_id": "other"}, {"error_class": "Timeout"}, {"status_code": 503}],
)
def test_another_deployment_or_kind_of_failure_is_another_incident(changed: dict[str, Any]) -> None:
    assert exception(**changed).fingerprint() != exception().fingerprint()


def test_a_fingerprint_never_changes_from_release_to_release() -> None:
    assert exception().fingerprint() == "f39ead9df6d78113a6d98ec3a5ef0dc4b97ff6f02950c994c55dbd377e729c0b"
    assert NOT_TRACKED.fingerprint() == "9cfc95d68147a929ead7d4d043a8976602cb945a13cada670322ff0b95c6487b"


def test_parts_of_an_identity_do_not_run_into_each_other() -> None:
    assert exception(model_group="ab", deployment_id="c").fingerprint() != (
        exception(model_group="a", deployment_id="bc").fingerprint()
    )


def test_types_of_alert_are_on_or_off_by_default_and_management_is_off() -> None:
    assert set(ON_BY_DEFAULT) | OFF_BY_DEFAULT == set(AlertType)
    assert not set(ON_BY_DEFAULT) & OFF_BY_DEFAULT
    assert {kind for kind in AlertType if "virtual_key" in kind or "team" in kind or "internal_user" in kind} <= (
        OFF_BY_DEFAULT
    )


@pytest.mark.parametrize("event", [exception(), NOT_TRACKED], ids=lambda event: type(event).__name__)
def test_an_event_tells_plain_texts(event: Event) -> None:
    assert event.title()
    assert all(type(value) is str for part in (event.details(), event.labels()) for value in part.values())


@pytest.mark.parametrize("kind", kinds_of_event())
def test_every_event_is_a_frozen_value_with_a_type(kind: type[Event]) -> None:
    assert kind.alert_type in set(AlertType)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert kind.repeat_interval > 0
    assert kind.quiet_interval > 0


def test_a_cooldown_is_not_over_while_it_lasts() -> None:
    def cooled(seconds: float) -> DeploymentCooledDown:
        return DeploymentCooledDown(
            model_group="gpt-4o", deployment_id="d1", provider="openai", api_base="", seconds=seconds,
            reason="rate_limited", error_class="RateLimitError", status_code=429,
        )  # fmt: skip

    assert cooled(5).quiet_interval == 300
    assert cooled(3600).quiet_interval > 3600


@pytest.mark.parametrize(("status", "step"), [(401, "api_key"), (429, "quota"), (500, "")])
def test_an_exception_says_where_and_what_to_do(status: int, step: str) -> None:
    event = exception(status_code=status)

    assert event.title().startswith("LLM API call failed for gpt-4o at openai")
    assert step in event.details()["What to do"]
    assert bool(step) == bool(event.details()["What to do"])
