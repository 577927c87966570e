"""Apprise, where it is installed, and a clear sentence where it is not."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from alerts.models import AlertChannel
from alerts.transports import TRANSPORTS
from alerts.transports.base import TransportError
from tests.alerts.transports.cases import FULL, KINDS
from tests.alerts.transports.hostile import TEXTS
from tests.alerts.transports.test_contract import OBEYED, hostile
from tests.fakes.server import FakeServer, Reply

pytest.importorskip("apprise", reason="not run for want of a component: apprise")
SECRET = "hidden0123456789"
APPRISE = TRANSPORTS["apprise"]


@pytest.fixture
def service() -> Iterator[FakeServer]:
    with FakeServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_secret_in_any_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)


def channel(server: FakeServer, **columns: object) -> AlertChannel:
    plain = {"url": f"json://127.0.0.1:{server.port}/{SECRET}", "private_address_allowed": True}
    return AlertChannel(name="ops", kind="apprise", **{**plain, **columns})


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_gets_title_and_text(service: FakeServer, kind: str) -> None:
    receipt = APPRISE.notify(channel(service), replace(FULL, kind=kind))

    (received,) = service.received
    body = received.json()
    assert body["title"].endswith("gpt-4o fails")
    assert "Model: gpt-4o" in body["message"]
    assert "Top models\ngpt-4o: $12.00" in body["message"]
    assert "Runbook: https://wiki.example/it-broke" in body["message"]
    assert body["type"] == ("success" if kind == "resolved" else "failure")
    assert receipt.status is None


@pytest.mark.parametrize("reply", [Reply(500), Reply(404), Reply(429), Reply(drop=True)])
def test_what_a_service_does_not_take_is_tried_again(service: FakeServer, reply: Reply) -> None:
    service.script(*[reply] * 5)
    with pytest.raises(TransportError) as caught:
        APPRISE.notify(channel(service), FULL)

    assert not caught.value.permanent
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", [f"nonsense://{SECRET}", SECRET, f"discord://{SECRET}"])
def test_an_address_that_apprise_does_not_know_is_a_problem(service: FakeServer, url: str) -> None:
    made = channel(service, url=url)

    assert APPRISE.problems(made) == {"url": "Apprise does not know such an address."}
    with pytest.raises(TransportError) as caught:
        APPRISE.notify(made, FULL)
    assert caught.value.permanent
    assert SECRET not in str(caught.value)


def test_only_the_operator_may_let_apprise_call(service: FakeServer) -> None:
    with pytest.raises(TransportError, match="operator") as caught:
        APPRISE.notify(channel(service, private_address_allowed=False), FULL)

    assert caught.value.permanent
    assert service.received == []


def test_without_apprise_there_is_a_sentence(service: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # What an import of a package does that is not there.
    monkeypatch.setitem(sys.modules, "apprise", None)

    assert "tollkeeper[apprise]" in APPRISE.problems(channel(service))["url"]
    with pytest.raises(TransportError, match="not installed") as caught:
        APPRISE.notify(channel(service), FULL)
    assert caught.value.permanent
    assert service.received == []


def test_no_text_calls_anybody_or_hides_what_a_renderer_obeys(service: FakeServer) -> None:
    for text in TEXTS[::10]:
        APPRISE.notify(channel(service), hostile(text))
    for received in service.received:
        body = received.json()
        for said in (body["title"], *body["message"].splitlines()):
            assert "@" not in said.replace("@\u200b", "")
            assert not OBEYED.intersection(said), said[:50]
        assert len(body["message"]) < 8000


def test_a_channel_without_an_address_or_with_options_is_a_problem(service: FakeServer) -> None:
    assert set(APPRISE.problems(channel(service, url="", options={"tag": "x"}))) == {"url", "options"}
