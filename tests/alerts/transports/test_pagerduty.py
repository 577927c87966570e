"""PagerDuty: trouble pages once and ends, news pages nobody."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alerts.models import AlertChannel
from alerts.transports import TRANSPORTS
from alerts.transports.base import TransportError
from alerts.transports.pagerduty import PagerDutyTransport
from tests.alerts.transports.cases import FULL, KEY
from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.server import Reply


@pytest.fixture
def pagerduty() -> Iterator[FakePagerDuty]:
    with FakePagerDuty() as server:
        yield server


def channel(server: FakePagerDuty | None = None, **columns: Any) -> AlertChannel:
    plain = {"url": f"{server.url}/v2/enqueue" if server else "", "secret": KEY, "private_address_allowed": True}
    return AlertChannel(name="on call", kind="pagerduty", **{**plain, **columns})


def tell(server: FakePagerDuty, *kinds: str) -> None:
    for kind in kinds:
        TRANSPORTS["pagerduty"].notify(channel(server), replace(FULL, kind=kind))


def test_trouble_pages_once_however_often_it_is_told(pagerduty: FakePagerDuty) -> None:
    tell(pagerduty, "firing", "firing", "repeat", "escalated")

    assert pagerduty.pages == {FULL.incident_id: 1}
    assert pagerduty.states == {FULL.incident_id: "triggered"}


def test_what_somebody_looks_after_is_acknowledged_and_what_is_over_closed(pagerduty: FakePagerDuty) -> None:
    tell(pagerduty, "firing", "acknowledged")
    assert pagerduty.states == {FULL.incident_id: "acknowledged"}
    tell(pagerduty, "resolved")
    assert pagerduty.states == {FULL.incident_id: "resolved"}


@pytest.mark.parametrize("kind", ["notice", "digest", "test"])
def test_news_is_a_change_that_pages_nobody(pagerduty: FakePagerDuty, kind: str) -> None:
    tell(pagerduty, kind)

    assert (pagerduty.pages, pagerduty.events) == ({}, [])
    assert pagerduty.changes[0]["payload"]["summary"] == "gpt-4o fails"


def test_an_alert_says_what_who_and_since_when(pagerduty: FakePagerDuty) -> None:
    tell(pagerduty, "firing")

    (event,) = pagerduty.events
    payload = event["payload"]
    assert (payload["summary"], payload["severity"], payload["class"]) == ("gpt-4o fails", "critical", "llm_exceptions")
    assert (payload["source"], payload["component"], payload["group"]) == (
        "https://gateway.example",
        "gpt-4o",
        "search",
    )
    assert payload["timestamp"] == FULL.opened_at
    assert payload["custom_details"]["Model"] == "gpt-4o"
    assert payload["custom_details"]["Top models"] == ["gpt-4o: $12.00", "gpt-4o-mini: $1.00"]
    assert event["links"][0] == {"href": "https://gateway.example/admin/1", "text": "Incident"}
    assert (event["client"], event["client_url"]) == ("Tollkeeper", "https://gateway.example")


@pytest.mark.parametrize(("level", "severity"), [("High", "critical"), ("Medium", "warning"), ("Low", "info")])
def test_the_level_is_the_severity(pagerduty: FakePagerDuty, level: str, severity: str) -> None:
    TRANSPORTS["pagerduty"].notify(channel(pagerduty), replace(FULL, level=level))

    assert pagerduty.events[0]["payload"]["severity"] == severity


@pytest.mark.parametrize("key", ["", "short", KEY + "x", "ü" * 32, "a" * 31 + "\n"])
def test_a_key_that_is_none_is_a_problem_and_nothing_is_sent(pagerduty: FakePagerDuty, key: str) -> None:
    made = channel(pagerduty, secret=key)

    assert "32 characters" in PagerDutyTransport().problems(made)["secret"]
    with pytest.raises(TransportError, match="32 characters") as caught:
        PagerDutyTransport().notify(made, FULL)
    assert caught.value.permanent
    assert pagerduty.received == []


def test_a_key_that_pagerduty_refuses_is_not_quoted_back() -> None:
    with FakePagerDuty() as pagerduty:
        made = channel(pagerduty, secret="-" * 16 + "hidden0123456789")
        with pytest.raises(TransportError) as caught:
            PagerDutyTransport().notify(made, FULL)

    assert "'routing_key' is invalid" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert caught.value.permanent


def test_without_an_address_it_is_pagerdutys_own() -> None:
    transport = PagerDutyTransport()

    assert transport.problems(channel()) == {}
    assert transport.address(channel(), FULL) == "https://events.pagerduty.com/v2/enqueue"
    notice = replace(FULL, kind="notice")
    assert transport.address(channel(), notice) == "https://events.pagerduty.com/v2/change/enqueue"


def test_an_address_of_another_api_is_a_problem() -> None:
    made = channel(url="https://api.pagerduty.com/incidents")

    assert "/v2/enqueue" in PagerDutyTransport().problems(made)["url"]


def test_a_page_is_never_merged_and_hears_of_acknowledgements() -> None:
    assert not PagerDutyTransport.merges
    assert PagerDutyTransport.tells_acknowledgement


def test_too_many_events_are_tried_again_when_pagerduty_says(pagerduty: FakePagerDuty) -> None:
    pagerduty.script(Reply(429, headers={"Retry-After": "20"}))
    with pytest.raises(TransportError) as caught:
        tell(pagerduty, "firing")

    assert (caught.value.permanent, caught.value.retry_after) == (False, 20)
