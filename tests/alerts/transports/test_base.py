"""Speaking to a channel over HTTP: what is refused, what is retried, and that no error tells the address."""

import pytest

from alerts.core.message import Message
from alerts.models import AlertChannel
from alerts.transports.base import Receipt, TransportError
from alerts.transports.slack import SlackTransport
from tests.fakes.server import Reply
from tests.fakes.slack import FakeSlack

SECRET = "hidden0123456789"
PATH = f"/services/T0/B0/{SECRET}"
MESSAGE = Message(kind="firing", alert_type="llm_exceptions", level="High", title="It broke", at="2026-11-23T12:00:00")


def notify(url: str, *, private_allowed: bool = True) -> Receipt:
    channel = AlertChannel(name="ops", kind="slack", url=url, private_address_allowed=private_allowed)
    return SlackTransport().notify(channel, MESSAGE)


def failure(url: str, *, private_allowed: bool = True) -> TransportError:
    with pytest.raises(TransportError) as caught:
        notify(url, private_allowed=private_allowed)
    error = caught.value
    assert str(error)
    assert SECRET not in str(error)
    assert SECRET not in repr(error.__cause__)
    return error


@pytest.mark.parametrize("body", ["ok", "", "1"])
def test_the_channels_answer_is_the_receipt(slack: FakeSlack, body: str) -> None:
    slack.script(Reply(200, body))

    assert notify(slack.url + PATH) == Receipt(status=200, body=body)
    assert slack.received[0].headers["host"] == f"127.0.0.1:{slack.port}"
    assert slack.received[0].path == PATH


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(slack: FakeSlack, status: int) -> None:
    slack.script(Reply(status, headers={"Location": f"{slack.url}/elsewhere"}))

    assert failure(slack.url + PATH).permanent
    assert [one.path for one in slack.received] == [PATH]


@pytest.mark.parametrize(
    "told", [f"Cannot POST {PATH}", f"<a href='{PATH}'>", f"no such hook: {SECRET}", PATH.replace("/", "%2F")]
)
@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_channel_that_echoes_its_address_does_not_make_us_tell_it(slack: FakeSlack, status: int, told: str) -> None:
    slack.script(Reply(status, f"error: {told}"))

    failure(slack.url + PATH)


@pytest.mark.parametrize("body", ["Webhook message delivery failed with error: 500", "Error: throttled"])
def test_a_teams_connector_that_complains_with_200_is_tried_again(slack: FakeSlack, body: str) -> None:
    slack.script(Reply(200, body))
    error = failure(slack.url + PATH)

    assert not error.permanent
    assert body in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:port/",
        "http://[::1/",
        "http:///",
        "ftp://127.0.0.1/",
        "http://user:password@127.0.0.1/",
        "http://169.254.169.254/",
        "",
    ],
)
def test_an_address_that_is_none_is_refused_for_good(url: str) -> None:
    assert failure(url + SECRET).permanent


def test_a_private_address_that_nobody_allowed_is_never_called(slack: FakeSlack) -> None:
    assert failure(slack.url + PATH, private_allowed=False).permanent
    assert slack.received == []


def test_a_closed_port_is_tried_again(slack: FakeSlack) -> None:
    slack.close()

    assert not failure(slack.url + PATH).permanent


def test_an_answer_without_end_is_cut(slack: FakeSlack) -> None:
    slack.script(Reply(500, chunks=(b"x" * 10_000 for _ in range(1000))))

    assert len(str(failure(slack.url + PATH))) < 400
