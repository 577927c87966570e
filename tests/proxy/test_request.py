"""A body is read whole, or refused as soon as that is known; a client that leaves is noticed."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from pytest_django import Settings

from proxy.core.errors import BadRequest, GatewayError, RequestTooLarge, UnsupportedMediaType
from proxy.request import LeanRequest

JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}


def request(headers: dict[str, str], *pieces: bytes, leaves: bool = False) -> LeanRequest:
    last = len(pieces) - 1
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": leaves or position < last}
        for position, piece in enumerate(pieces)
    ]
    if leaves:
        messages.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return messages.pop(0)

    scope: Any = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return LeanRequest(scope, receive)


def json_body(headers: dict[str, str], *pieces: bytes, leaves: bool = False) -> bytes:
    return asyncio.run(request(headers, *pieces, leaves=leaves).read_json_body())


def form_body(headers: dict[str, str], *pieces: bytes, leaves: bool = False) -> bytes:
    return asyncio.run(request(headers, *pieces, leaves=leaves).read_form_body())


@pytest.mark.parametrize("pieces", [[b""], [b"{}"], [b"{", b"}"], [b"", b"{", b"", b"}"], [b"x" * 1000] * 200])
def test_a_body_is_put_together_of_its_pieces(pieces: Sequence[bytes]) -> None:
    assert json_body(JSON, *pieces) == b"".join(pieces)
    assert form_body(FORM, *pieces) == b"".join(pieces)


@pytest.mark.parametrize("kind", ["", "application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_json_may_come_under_these_types(kind: str) -> None:
    assert json_body({"content-type": kind}, b"{}") == b"{}"


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"])
def test_json_under_another_type_is_refused(kind: str) -> None:
    with pytest.raises(UnsupportedMediaType, match="must be application/json"):
        json_body({"content-type": kind}, b"{}")


@pytest.mark.parametrize("headers", [{}, JSON, {"content-type": "application/x-www-form-urlencoded"}])
def test_a_form_under_another_type_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(UnsupportedMediaType, match="must be multipart/form-data"):
        form_body(headers, b"")


@pytest.mark.parametrize(("read", "headers"), [(json_body, JSON), (form_body, FORM)])
@pytest.mark.parametrize(
    ("more", "pieces", "leaves", "kind"),
    [
        ({"content-encoding": "gzip"}, [b"x"], False, UnsupportedMediaType),
        ({"content-length": "11"}, [b""], False, RequestTooLarge),
        ({}, [b"x" * 6, b"x" * 5], False, RequestTooLarge),
        ({}, [b"x" * 5, b"x" * 6, b"x" * 100], False, RequestTooLarge),
        ({}, [b"x"], True, BadRequest),
    ],
)
def test_json_and_forms_have_the_same_limits(
    read: Any,
    headers: dict[str, str],
    more: dict[str, str],
    pieces: list[bytes],
    leaves: bool,
    kind: type[GatewayError],
    settings: Settings,
) -> None:
    settings.MAX_REQUEST_BYTES = 10

    with pytest.raises(kind):
        read(headers | more, *pieces, leaves=leaves)


def test_a_body_that_just_fits_is_read(settings: Settings) -> None:
    settings.MAX_REQUEST_BYTES = 10

    assert form_body(FORM | {"content-length": "10"}, b"x" * 4, b"x" * 6) == b"x" * 10


class Client:
    """The server's side of a connection: `leave` tells the application that the client has left."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.heard = 0

    def send(self, body: bytes = b"") -> None:
        self._messages.put_nowait({"type": "http.request", "body": body, "more_body": False})

    def leave(self) -> None:
        self._messages.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> Any:
        self.heard += 1
        return await self._messages.get()

    def request(self) -> LeanRequest:
        scope: Any = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
        return LeanRequest(scope, self.receive)


async def _leave_and_tell(client: Client, request: LeanRequest) -> None:
    client.leave()
    await asyncio.wait_for(request.client_gone.wait(), 5)


def test_a_client_that_leaves_is_noticed_once_somebody_watches() -> None:
    async def scene() -> list[str]:
        client, told = Client(), []
        request = client.request()
        request.on_gone(lambda: told.append("first"))
        request.on_gone(lambda: told.append("second"))
        request.watch()
        await asyncio.sleep(0)
        assert not request.client_gone.is_set()
        assert told == []
        await _leave_and_tell(client, request)
        return told

    assert asyncio.run(scene()) == ["first", "second"]


def test_who_comes_after_the_client_has_left_is_told_at_once() -> None:
    async def scene() -> list[str]:
        client, told = Client(), []
        request = client.request()
        request.watch()
        await _leave_and_tell(client, request)
        request.on_gone(lambda: told.append("late"))
        return told

    assert asyncio.run(scene()) == ["late"]


def test_what_else_the_server_says_is_no_farewell() -> None:
    async def scene() -> None:
        client = Client()
        request = client.request()
        request.watch()
        client.send()
        client.send(b"more than was announced")
        for _ in range(5):
            await asyncio.sleep(0)
        assert client.heard == 3
        assert not request.client_gone.is_set()
        await _leave_and_tell(client, request)

    asyncio.run(scene())


def test_a_request_is_watched_once() -> None:
    async def scene() -> int:
        client = Client()
        request = client.request()
        request.watch()
        request.watch()
        assert not await request.has_gone()
        await asyncio.sleep(0)
        request.stop_watching()
        return client.heard

    assert asyncio.run(scene()) == 1


@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("left", [False, True])
def test_whether_the_client_has_gone_can_be_asked_at_any_time(left: bool, watched: bool) -> None:
    async def scene() -> tuple[bool, bool]:
        client = Client()
        request = client.request()
        if watched:
            request.watch()
        if left:
            client.leave()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        first = await request.has_gone()
        second = await request.has_gone()
        request.stop_watching()
        return first, second

    assert asyncio.run(scene()) == (left, left)


def test_who_stops_watching_is_told_nothing_more() -> None:
    async def scene() -> list[str]:
        client, told = Client(), []
        request = client.request()
        request.on_gone(lambda: told.append("gone"))
        request.watch()
        await asyncio.sleep(0)
        request.stop_watching()
        client.leave()
        for _ in range(5):
            await asyncio.sleep(0)
        return told

    assert asyncio.run(scene()) == []


def test_nobody_needs_to_have_watched_to_stop() -> None:
    async def scene() -> bool:
        request = Client().request()
        request.stop_watching()
        return request.client_gone.is_set()

    assert asyncio.run(scene()) is False
