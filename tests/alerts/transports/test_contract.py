"""What holds for every kind of channel: what is tried again, what is never told, and that user text stays text."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from django.utils import timezone

from alerts.core.message import Message
from alerts.models import AlertChannel, ChannelKind
from alerts.transports import TRANSPORTS, base
from alerts.transports.base import Receipt, TransportError
from tests.alerts.transports.cases import FULL, HTTP_CASES, KEY, KINDS, SECRET, HttpCase
from tests.alerts.transports.hostile import TEXTS
from tests.fakes.server import FakeServer, Reply

by_kind = pytest.mark.parametrize("case", HTTP_CASES, ids=lambda case: case.kind)
# Nobody sees these, and a renderer obeys them.
OBEYED = {
    *map(chr, range(0x20)),
    *map(chr, range(0x7F, 0xA0)),
    *"\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2069",
}


@pytest.fixture
def server(case: HttpCase) -> Iterator[FakeServer]:
    with case.fake() as running:
        yield running


@pytest.fixture
def channel(case: HttpCase, server: FakeServer) -> AlertChannel:
    return case.channel(server.url)


@pytest.fixture(autouse=True)
def _nothing_secret_in_any_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)


def failure(case: HttpCase, channel: AlertChannel, message: Message = FULL) -> TransportError:
    with pytest.raises(TransportError) as caught:
        case.transport.notify(channel, message)
    error = caught.value
    told = f"{error} {error!r} {error.__cause__!r}"
    assert str(error).endswith((".", "…")) or error.status
    assert SECRET.lower() not in told.lower()
    return error


def test_every_kind_of_channel_has_a_transport_and_is_tested_here() -> None:
    assert set(TRANSPORTS) == set(ChannelKind)
    assert {case.kind for case in HTTP_CASES} | {"email", "apprise"} == set(ChannelKind)


@by_kind
@pytest.mark.parametrize("kind", KINDS)
def test_a_message_of_each_kind_is_taken(case: HttpCase, server: FakeServer, channel: AlertChannel, kind: str) -> None:
    receipt = case.transport.notify(channel, replace(FULL, kind=kind))

    assert receipt.status in (200, 202, 204)
    assert len(server.received) == 1
    assert server.received[0].method == "POST"
    assert server.received[0].headers["content-type"] == "application/json"
    assert server.received[0].headers["host"] == f"127.0.0.1:{server.port}"


@by_kind
def test_a_message_with_nothing_but_a_title_is_taken(case: HttpCase, channel: AlertChannel) -> None:
    bare = Message(kind="test", alert_type="budget_alerts", level="Low", title="A test", at="2026-11-23T12:00:00+00:00")

    assert case.transport.notify(channel, bare).status in (200, 202, 204)


@by_kind
def test_what_the_vendor_takes_is_a_receipt(case: HttpCase, server: FakeServer, channel: AlertChannel) -> None:
    server.script(*case.taken)

    receipts = [case.transport.notify(channel, FULL) for _ in case.taken]
    assert [receipt.status for receipt in receipts] == [reply.status for reply in case.taken]


@by_kind
def test_what_may_pass_is_tried_again(case: HttpCase, server: FakeServer, channel: AlertChannel) -> None:
    for status in case.retried:
        server.script(Reply(status, "busy"))
        error = failure(case, channel)
        assert (error.permanent, error.most_attempts, error.status) == (False, 0, status)


@by_kind
def test_what_hardly_passes_is_tried_again_a_few_times(
    case: HttpCase, server: FakeServer, channel: AlertChannel
) -> None:
    for status in case.doubted:
        server.script(Reply(status, "no"))
        error = failure(case, channel)
        assert (error.permanent, error.most_attempts, error.status) == (False, 3, status)


@by_kind
def test_what_will_not_pass_is_not_tried_again(case: HttpCase, server: FakeServer, channel: AlertChannel) -> None:
    for status in (*case.refused, 301, 302, 307, 308):
        server.script(Reply(status, "no", headers={"Location": f"{server.url}/elsewhere"}))
        error = failure(case, channel)
        assert (error.permanent, error.status) == (True, status)
    assert all("elsewhere" not in one.path for one in server.received)


@by_kind
def test_an_answer_of_success_that_is_none_is_tried_again(
    case: HttpCase, server: FakeServer, channel: AlertChannel
) -> None:
    for reply in case.complaints:
        server.script(reply)
        error = failure(case, channel)
        assert (error.permanent, error.status) == (False, reply.status)


@by_kind
@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(drop=True), Reply(200, "ok", cut_after=1)])
def test_a_network_that_fails_is_tried_again(
    case: HttpCase, server: FakeServer, channel: AlertChannel, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "_TIMEOUT", httpx.Timeout(0.2))
    server.script(reply)

    error = failure(case, channel)
    assert (error.permanent, error.status) == (False, None)


@by_kind
def test_a_closed_port_is_tried_again(case: HttpCase, server: FakeServer, channel: AlertChannel) -> None:
    server.close()

    assert not failure(case, channel).permanent


@by_kind
@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("30", 30, 30),
        ("0.5", 0.5, 0.5),
        ("4000", 3600, 3600),
        ("soon", 60, 60),
        ("-5", 60, 60),
        ("nan", 60, 60),
        ("inf", 60, 60),
        ("99999999", 60, 60),
        (None, 60, 60),
        ("in a minute", 55, 60),
    ],
)
def test_a_channel_that_asks_for_quiet_gets_it(
    case: HttpCase, server: FakeServer, channel: AlertChannel, said: str | None, least: float, most: float
) -> None:
    if said == "in a minute":
        said = format_datetime(timezone.now() + timedelta(seconds=60), usegmt=True)
    # Not case.fake's own idea of quiet: FakeSlack reads the header as seconds.
    with FakeServer() as plain:
        plain.script(Reply(429, headers={"Retry-After": said} if said else {}))
        error = failure(case, case.channel(plain.url))

    assert error.retry_after is not None
    assert least <= error.retry_after <= most
    assert not error.permanent


@by_kind
def test_quiet_asked_for_with_503_is_kept(case: HttpCase, server: FakeServer, channel: AlertChannel) -> None:
    server.script(Reply(503, headers={"Retry-After": "7"}))

    assert failure(case, channel).retry_after == 7


@by_kind
@pytest.mark.parametrize("status", [200, 202, 204, 400, 404, 410, 429, 500])
def test_a_vendor_that_quotes_address_and_key_does_not_make_us_tell_them(
    case: HttpCase, server: FakeServer, channel: AlertChannel, status: int
) -> None:
    address = channel.url
    quotes = (address, case.path, case.query, channel.secret, quote(address, safe=""), address.upper(), *pieces(case))
    for text in filter(None, quotes):
        server.script(Reply(status, f"error: cannot POST {text} {json.dumps(text)} {text.replace('/', chr(92) + '/')}"))
        assert SECRET.lower() not in outcome(case, channel).lower()


def pieces(case: HttpCase) -> tuple[str, ...]:
    """What is secret within the address."""
    return (SECRET, SECRET.upper()) if SECRET in case.channel().url else ()


def outcome(case: HttpCase, channel: AlertChannel) -> str:
    try:
        return repr(case.transport.notify(channel, FULL))
    except TransportError as error:
        return f"{error} {error!r}"


@by_kind
def test_a_vendor_that_talks_without_end_is_cut_short(
    case: HttpCase, server: FakeServer, channel: AlertChannel
) -> None:
    server.script(Reply(500, chunks=(b"x" * 10_000 for _ in range(1000))))

    assert len(str(failure(case, channel))) < 400


@by_kind
def test_a_private_address_that_nobody_allowed_is_never_called(case: HttpCase, server: FakeServer) -> None:
    assert failure(case, case.channel(server.url, private_address_allowed=False)).permanent
    assert server.received == []


@by_kind
@pytest.mark.parametrize(
    "url",
    ["ftp://127.0.0.1/", "http://127.0.0.1:99999/", "http://[::1/", "http:///", "hidden", "http://u:p@127.0.0.1/"],
)
def test_an_address_that_is_none_is_a_problem_and_never_called(case: HttpCase, url: str) -> None:
    channel = case.channel(url=f"{url}{SECRET}")

    problem = case.transport.problems(channel)["url"]
    assert SECRET not in problem
    assert failure(case, channel).permanent


@by_kind
def test_a_channel_as_it_should_be_has_no_problems(case: HttpCase) -> None:
    assert case.transport.problems(case.channel()) == {}


@by_kind
def test_an_option_that_the_kind_does_not_know_is_a_problem(case: HttpCase) -> None:
    channel = case.channel(options={"colour": "red"})

    assert "colour" in case.transport.problems(channel)["options"]
    assert failure(case, channel).permanent


@by_kind
def test_each_option_takes_its_values_and_no_other(case: HttpCase) -> None:
    choices: dict[str, dict[str, tuple[str, ...]]] = {
        "format": {"slack": ("blocks", "text"), "webhook": ("tollkeeper", "litellm")},
        "card": {},
    }
    choices["card"]["ms_teams"] = ("envelope", "bare")
    for name in case.transport.options:
        for value in choices[name][case.kind]:
            assert case.transport.problems(case.channel(options={name: value})) == {}
        others: tuple[Any, ...] = ("other", 1, None, [], {}, True)
        for wrong in others:
            assert name in case.transport.problems(case.channel(options={name: wrong}))["options"]


def test_there_are_hostile_texts_enough() -> None:
    assert len(set(TEXTS)) >= 200


def hostile(text: str) -> Message:
    """The text wherever a user may have had his hand in."""
    return replace(
        FULL,
        title=text,
        actor=text,
        details={text: text, "Model": text},
        labels={"model": text, text: text, "team_id": text},
        links=(
            (text, "https://gateway.example/admin/1"),
            ("Runbook", text),
            ("Dashboard", f"https://x.example/{text}"),
        ),
        sections=((text, (text, text)), ("Top", (text,))),
        files=((text, text),),
    )


@by_kind
@pytest.mark.parametrize("kind", ["firing", "notice"])
def test_no_text_makes_a_message_that_the_vendor_refuses(case: HttpCase, kind: str) -> None:
    fake = case.fake()
    for text in TEXTS:
        message = replace(hostile(text), kind=kind)
        body = json.dumps(case.transport.payload(case.channel(), message), ensure_ascii=False)
        reply = fake.respond(case.received(body.encode("utf-8", "replace"), message))
        assert reply.status in (200, 202, 204), (text[:50], reply.body)
    assert getattr(fake, "lost", []) == []


# A webhook's reader is a machine, which gets what was said as it was said: test_webhook.py.
@pytest.mark.parametrize("case", [one for one in HTTP_CASES if one.kind != "webhook"], ids=lambda case: case.kind)
def test_no_text_hides_what_a_renderer_obeys(case: HttpCase) -> None:
    for text in TEXTS:
        for said in strings(case.transport.payload(case.channel(), hostile(text))):
            # Lines are ours where we join some.
            assert not OBEYED.intersection(said.replace("\n", "")), (text[:50], said[:200])
            said.encode()


@by_kind
def test_the_worst_texts_arrive_over_the_wire(case: HttpCase, server: FakeServer, channel: AlertChannel) -> None:
    for text in ("a\x00\r\nb\u202e\ud800", "x" * 100_000, "👩" * 20_000, "@everyone <!channel>", '"\\' * 5000):
        receipt = case.transport.notify(channel, hostile(text))
        assert receipt.status in (200, 202, 204)


@by_kind
def test_what_is_too_much_is_cut_and_says_so(case: HttpCase, server: FakeServer, channel: AlertChannel) -> None:
    many = replace(
        FULL,
        details={f"Fact {number}": 'é"\\<&*' * 200 for number in range(500)},
        sections=tuple((f"Part {part}", tuple(f"line {n} *@<&" * 20 for n in range(500))) for part in range(60)),
    )

    assert case.transport.notify(channel, many).status in (200, 202, 204)
    if case.kind != "webhook":
        assert "more" in server.received[0].body.decode() or "Left out" in server.received[0].body.decode()


def strings(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from (name, *strings(value))
    elif isinstance(part, list):
        for one in part:
            yield from strings(one)


def test_receipts_and_errors_keep_no_key_of_another_kind() -> None:
    """The key itself, not only what stands in an address."""
    channel = HTTP_CASES[3].channel()

    assert KEY not in TRANSPORTS["pagerduty"].quoted(channel, f"bad routing_key {KEY}")
    assert Receipt(200, "ok") == Receipt(status=200, body="ok")
