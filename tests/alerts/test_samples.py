"""A sample of every alert type: it can be told, is seen to be one, and is never taken for the real thing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from alerts.core.routing import INHIBITS, Reason, Subject, inhibitor
from alerts.events import AlertType, ChannelFailing, Event, Level
from alerts.models import AlertSettings, Delivery, Incident
from alerts.samples import NoSample, Sample, build, event_classes, fire, sample_of, sampled_types
from tests.alerts.builders import NOW, channel


@dataclass(frozen=True)
class Line:
    name: str
    amount: float


@dataclass(frozen=True)
class Odd(Event):
    """With fields of every shape that an event may have."""

    model: str
    status_code: str
    threshold: int
    spend: float
    level_was: Level
    lines: tuple[Line, ...]
    pair: tuple[str, int]
    teams: tuple[str, ...]
    seen: Mapping[str, str]
    maybe: int | None
    either: int | str
    region: str = ""
    unheard_of: int = 3
    days: tuple[str, ...] = ()


def test_every_alert_type_has_a_sample() -> None:
    assert set(sampled_types()) == set(AlertType)


@pytest.mark.parametrize("kind", list(event_classes()), ids=lambda kind: kind.__name__)
def test_the_sample_of_a_class_can_be_told(kind: type[Event]) -> None:
    event = build(kind)

    assert event.title().strip()
    assert event.fingerprint()
    for facts in (event.details(), event.labels()):
        assert all(isinstance(name, str) and isinstance(value, str) for name, value in facts.items())


def test_an_event_class_of_any_shape_gets_a_sample() -> None:
    event: Any = build(Odd)

    assert (event.model, event.status_code, event.threshold, event.spend) == ("gpt-4o", "500", 80, 8.4)
    assert event.lines == (Line("reporting", 7.0),)
    assert (event.level_was, event.pair, event.teams, event.seen) == (Level.LOW, ("sample", 7), ("sample",), {})
    assert (event.maybe, event.either, event.region, event.unheard_of, event.days) == (None, 7, "sample-region", 3, ())


def test_a_type_that_has_no_event_class_says_so() -> None:
    with pytest.raises(NoSample):
        sample_of("nothing")


@pytest.mark.parametrize("alert_type", sampled_types())
def test_a_sample_is_seen_to_be_one_and_goes_to_nobody_it_names(alert_type: str) -> None:
    sample = Sample(sample_of(alert_type), number="1", fired_by="ada")

    assert sample.title().startswith("[Sample] ")
    assert "ada" in next(iter(sample.details().values()))
    assert sample.labels()["sample"] == "true"
    assert (sample.recipients(), sample.avoided_channel_id()) == ((), None)
    assert sample.alert_type == alert_type
    assert sample.quiet_interval <= 300
    assert sample.fingerprint() != sample.event.fingerprint()
    assert sample.fingerprint() != Sample(sample.event, number="2", fired_by="ada").fingerprint()


@dataclass(frozen=True)
class RegionDown(Event):
    alert_type = AlertType.REGION_OUTAGE_ALERTS

    def identity(self) -> tuple[object, ...]:
        return ()

    def labels(self) -> dict[str, str]:
        return {"provider": "azure", "region": "westeurope", "deployment": "d1"}


@pytest.mark.parametrize("source", [source for source, _, _ in INHIBITS])
def test_a_sample_of_an_outage_speaks_for_nothing_real(source: Literal["outage_alerts"]) -> None:
    sample = Sample(RegionDown(), number="1", fired_by="ada")
    real = Subject("llm_exceptions", "High", RegionDown().labels())

    assert inhibitor(real, [Subject(source, "High", RegionDown().labels())]) is not None
    assert inhibitor(real, [Subject(source, "High", sample.labels())]) is None


@pytest.mark.django_db
@pytest.mark.parametrize("alert_type", sampled_types())
def test_a_sample_goes_the_way_of_every_event(alert_type: str) -> None:
    AlertSettings.objects.create(alert_types=list(AlertType))
    ops = channel("ops")
    reason, incident = fire(alert_type, fired_by="ada", now=NOW)

    assert reason == Reason.DELIVER
    assert incident is not None
    delivery = Delivery.objects.get()
    assert (delivery.channel, delivery.incident) == (ops, incident)
    assert delivery.message["title"].startswith("[Sample] ")


@pytest.mark.django_db
def test_each_sample_is_told_and_counts_on_no_other() -> None:
    channel("ops")
    for _ in range(6):
        assert fire("llm_exceptions", fired_by="ada", now=NOW)[0] == Reason.DELIVER

    assert list(Incident.objects.values_list("count", flat=True)) == [1] * 6


@pytest.mark.django_db
def test_a_sample_of_what_is_switched_off_is_not_told() -> None:
    channel("ops")
    AlertSettings.objects.create(alert_types=[])

    assert fire("new_team_created", fired_by="ada", now=NOW) == (Reason.TYPE_DISABLED, None)
    assert fire(ChannelFailing.alert_type, fired_by="ada", now=NOW)[0] == Reason.DELIVER
