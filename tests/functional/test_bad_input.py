"""Whatever a client sends, it gets a 4xx with a sentence in the documented envelope, and nothing is stored."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.fakes.upstream import FakeUpstream
from tests.gateway import MASTER_KEY, Gateway, chat

MEGABYTE = 1024 * 1024
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
def client(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_reaches_the_upstream_or_the_ledger(gateway: Gateway, shared_upstream: FakeUpstream) -> Iterator[None]:
    before = gateway.rows("SELECT count(*) FROM budgets_ledgerentry")
    yield
    assert shared_upstream.received == []
    assert gateway.rows("SELECT count(*) FROM budgets_ledgerentry") == before


def envelope(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == str(status)
    assert error["message"]
    return error


def raw(body: str) -> bytes:
    return body.encode("utf-8", "surrogatepass")


BROKEN_JSON = {
    "nothing": b"",
    "half an object": b'{"model": "gpt-4o"',
    "NaN": raw('{"model": "gpt-4o", "messages": [], "temperature": NaN}'),
    "infinity": raw('{"model": "gpt-4o", "messages": [], "temperature": Infinity}'),
    "lone surrogate": raw(r'{"model": "gpt-4o", "messages": [{"role": "user", "content": "\ud800"}]}'),
    "raw surrogate": raw('{"model": "\ud800", "messages": []}'),
    "not UTF-8": b'{"model": "gpt-4o\xff", "messages": []}',
    "nesting of 10,000": b'{"model": "gpt-4o", "messages": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "nesting of 500": b'{"model": "gpt-4o", "messages": [{"role": "user", "content": '
    + b"[" * 500
    + b"]" * 500
    + b"}]}",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "a list of requests": json.dumps([chat()]).encode(),
}


@pytest.mark.parametrize("body", BROKEN_JSON.values(), ids=BROKEN_JSON.keys())
def test_body_that_is_no_json_object(client: httpx.Client, body: bytes) -> None:
    response = client.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})

    error = envelope(response, 400)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == "request_body"
    assert error["message"].startswith("Invalid JSON payload")


WRONG_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"messages": []}, "model"),
    "model of null": (chat() | {"model": None}, "model"),
    "model as a number": (chat() | {"model": 4}, "model"),
    "empty model": (chat() | {"model": ""}, "model"),
    "no messages": ({"model": "gpt-4o"}, "messages"),
    "messages as text": (chat() | {"messages": "hi"}, "messages"),
    "messages of texts": (chat() | {"messages": ["hi"]}, "messages"),
    "stream as text": (chat(stream="yes"), "stream"),
    "stream_options as list": (chat(stream=True, stream_options=[]), "stream_options"),
    "metadata as list": (chat(metadata=["a"]), "metadata"),
    "tags as text": (chat(metadata={"tags": "prod"}), "tags"),
    "tags of numbers": (chat(metadata={"tags": [1]}), "tags"),
    "too many tags": (chat(tags=[str(number) for number in range(1000)]), "tags"),
    "user as object": (chat(user={"id": 1}), "user"),
    "own credentials": (chat(api_key="sk-mine"), "api_key"),
    "own address": (chat(api_base="http://169.254.169.254"), "api_base"),
    "mock parameters": (chat(mock_testing_fallbacks=True), "mock_testing_fallbacks"),
}


@pytest.mark.parametrize(("body", "param"), WRONG_FIELDS.values(), ids=WRONG_FIELDS.keys())
def test_field_of_the_wrong_kind_is_named(client: httpx.Client, body: dict[str, Any], param: str) -> None:
    error = envelope(client.post("/v1/chat/completions", json=body), 400)

    assert error["type"] == "invalid_request_error"
    assert error["param"] == param


def test_missing_messages_has_litellms_sentence(client: httpx.Client) -> None:
    error = envelope(client.post("/chat/completions", json={"model": "gpt-4o"}), 400)

    assert error["message"] == "/chat/completions: Missing required parameter: 'messages'."


@pytest.mark.parametrize(
    "name", ["nope", "gpt-4o\r\nX-Evil: 1", "\x00", "../../etc/passwd", "g" * 100_000, "<script>", "gpt-4o ", "模型"]
)
def test_unknown_or_hostile_model_name(client: httpx.Client, name: str) -> None:
    response = client.post("/v1/chat/completions", json=chat(name))

    error = envelope(response, 400)
    assert error["message"].startswith("litellm.BadRequestError: You passed in model=")
    assert len(error["message"]) < 1000
    assert "x-evil" not in response.headers


def test_body_of_20_mb_is_refused(client: httpx.Client) -> None:
    response = client.post("/v1/chat/completions", json=chat(content="x" * 20 * MEGABYTE))

    envelope(response, 413)


def test_body_of_20_mb_in_chunks_is_refused_as_soon_as_it_is_too_long(client: httpx.Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(40):
            sent += MEGABYTE
            yield b"x" * MEGABYTE

    response = client.post("/v1/chat/completions", content=endless(), headers={"Content-Type": "application/json"})

    envelope(response, 413)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_wrong_content_type(client: httpx.Client, kind: str) -> None:
    response = client.post("/v1/chat/completions", content=json.dumps(chat()), headers={"Content-Type": kind})

    assert kind.partition(";")[0] in envelope(response, 415)["message"]


def test_compressed_body(client: httpx.Client) -> None:
    response = client.post(
        "/v1/chat/completions",
        content=b"\x1f\x8b",
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )

    envelope(response, 415)


AUTHENTICATION: dict[str, tuple[dict[str, str], str, str]] = {
    "no key": ({}, "auth_error", "No api key passed in"),
    "without Bearer": ({"Authorization": MASTER_KEY}, "auth_error", "Malformed API Key passed in"),
    "not sk-": ({"Authorization": "Bearer nope-this-is-a-key"}, "auth_error", "Received=nope****-key"),
    "short": ({"Authorization": "Bearer abc"}, "auth_error", "Received=****"),
    "unknown": ({"x-api-key": "sk-unknown-key-1234"}, "token_not_found_in_db", "Received API Key = sk-...1234"),
    "the hash of a key": ({"api-key": "a" * 64}, "auth_error", "expected to start with 'sk-'"),
    "not ASCII": ({"Authorization": "Bearer sk-schlüssel"}, "token_not_found_in_db", "Received API Key"),
}


@pytest.mark.parametrize(("headers", "kind", "sentence"), AUTHENTICATION.values(), ids=AUTHENTICATION.keys())
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/health/services?service=slack"])
def test_no_entry(gateway: Gateway, path: str, headers: dict[str, str], kind: str, sentence: str) -> None:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    with gateway.client(key="") as stranger:
        method = "POST" if "chat" in path else "GET"
        response = stranger.request(method, path, headers=encoded, content=b"{}" if method == "POST" else b"")

    error = envelope(response, 401)
    assert error["type"] == kind
    assert sentence in error["message"]


@pytest.mark.parametrize("call_id", ["a b", "x" * 200, "ü", "a;b", "<script>"])
def test_call_id_that_is_unfit_for_a_header(client: httpx.Client, call_id: str) -> None:
    headers = [(b"x-litellm-call-id", call_id.encode("latin-1"))]
    response = client.post("/v1/chat/completions", json=chat(), headers=headers)

    assert envelope(response, 400)["param"] == "x-litellm-call-id"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GARBAGE\r\n\r\n",
        HEAD + b"X-Bad: a\x00b\r\n\r\n",
        HEAD + b"X-Bad : a\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
    ],
)
def test_what_is_not_http_gets_the_envelope_too(gateway: Gateway, request_bytes: bytes) -> None:
    parts = urlsplit(gateway.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(request_bytes)
        answer = connection.makefile("rb").read()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["code"] == "400"


def test_methods_and_paths_that_do_not_exist(client: httpx.Client) -> None:
    assert client.get("/v1/chat/completions").status_code == 405
    assert client.get("/v1/chat/completions").json() == {"detail": "Method Not Allowed"}
    options = client.options("/v1/chat/completions")
    assert (options.status_code, options.headers["allow"]) == (204, "POST, OPTIONS")
    assert client.request("PROPFIND", "/v1/chat/completions").status_code == 405
    assert client.get("/v1/nothing").status_code == 404
    assert client.get("/v1/nothing").json() == {"detail": "Not Found"}


def test_health_services_wants_a_known_service(client: httpx.Client) -> None:
    assert client.get("/health/services").status_code == 422
    envelope(client.get("/health/services?service=carrier-pigeon"), 400)


def test_gateway_still_answers_and_logged_no_traceback(gateway: Gateway, client: httpx.Client) -> None:
    assert client.get("/v1/models").status_code == 200
    assert "Traceback" not in gateway.log()
