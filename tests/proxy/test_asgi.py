"""The lean entry: which paths are its own, what a model may be called in them, and how an answer goes out."""

import asyncio
from email.header import decode_header, make_header
from typing import Any

import pytest
from django.http import HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.urls.exceptions import Resolver404
from django.urls.resolvers import RegexPattern, RoutePattern
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy import urls, views
from proxy.answers import WholeAnswer
from proxy.asgi import LeanHandler
from proxy.core.operations import Operation
from proxy.request import LeanRequest

HANDLER = LeanHandler(urls.lean)
# Django's own way to the same views.
RESOLVER = URLResolver(RegexPattern(r"^/"), urls.lean)


def found(where: str) -> tuple[Any, str, dict[str, str]] | None:
    """The operation (or the view's name), the route and the names."""
    if (match := HANDLER.find(where)) is None:
        return None
    view: Any
    view, route, names = match
    kind = view.cls
    operations = {served: operation for operation, served in views.SERVED.items()}
    return operations.get(kind, kind.__name__), route, names


@pytest.mark.parametrize(
    ("where", "operation"),
    [
        ("/chat/completions", Operation.CHAT),
        ("/v1/chat/completions", Operation.CHAT),
        ("/completions", Operation.COMPLETION),
        ("/v1/embeddings", Operation.EMBEDDING),
        ("/v1/messages", Operation.MESSAGES),
        ("/v1/responses", Operation.RESPONSES),
        ("/moderations", Operation.MODERATION),
        ("/v1/images/generations", Operation.IMAGE),
        ("/v1/audio/transcriptions", Operation.TRANSCRIPTION),
        ("/audio/speech", Operation.SPEECH),
        ("/v2/rerank", Operation.RERANK),
        ("/models", "Models"),
        ("/health/readiness", "Readiness"),
    ],
)
def test_a_route_is_found_whole(where: str, operation: Any) -> None:
    assert found(where) == (operation, where, {})


AZURE, ENGINES = "/openai/deployments/{model}/", "/engines/{model}/"
AROUND_A_MODEL = [
    ("/engines/gpt-4o/chat/completions", Operation.CHAT, f"{ENGINES}chat/completions", "gpt-4o"),
    ("/engines/gpt-4o/completions", Operation.COMPLETION, f"{ENGINES}completions", "gpt-4o"),
    ("/engines/gpt-4o/embeddings", Operation.EMBEDDING, f"{ENGINES}embeddings", "gpt-4o"),
    ("/openai/deployments/gpt-4o/chat/completions", Operation.CHAT, f"{AZURE}chat/completions", "gpt-4o"),
    ("/openai/deployments/a/images/generations", Operation.IMAGE, f"{AZURE}images/generations", "a"),
    ("/openai/deployments/a/audio/transcriptions", Operation.TRANSCRIPTION, f"{AZURE}audio/transcriptions", "a"),
    # Slashes belong to the model.
    ("/engines/openai/gpt-4o/chat/completions", Operation.CHAT, f"{ENGINES}chat/completions", "openai/gpt-4o"),
    ("/openai/deployments/a/b/c/embeddings", Operation.EMBEDDING, f"{AZURE}embeddings", "a/b/c"),
    ("/openai/deployments//a//embeddings", Operation.EMBEDDING, f"{AZURE}embeddings", "/a/"),
    # Named like a route themselves.
    ("/engines/chat/completions", Operation.COMPLETION, f"{ENGINES}completions", "chat"),
    ("/engines/chat/completions/completions", Operation.COMPLETION, f"{ENGINES}completions", "chat/completions"),
    (
        "/engines/a/chat/completions/chat/completions",
        Operation.CHAT,
        f"{ENGINES}chat/completions",
        "a/chat/completions",
    ),
    ("/engines/engines/a/embeddings", Operation.EMBEDDING, f"{ENGINES}embeddings", "engines/a"),
    # What the server has decoded already is not decoded again, and nothing of it leads anywhere.
    ("/engines/%2e%2e/embeddings", Operation.EMBEDDING, f"{ENGINES}embeddings", "%2e%2e"),
    ("/engines/../../etc/passwd/embeddings", Operation.EMBEDDING, f"{ENGINES}embeddings", "../../etc/passwd"),
    ("/engines/ ☃ /embeddings", Operation.EMBEDDING, f"{ENGINES}embeddings", " ☃ "),
]


@pytest.mark.parametrize(("where", "operation", "route", "model"), AROUND_A_MODEL)
def test_a_route_is_found_around_the_models_name(where: str, operation: Operation, route: str, model: str) -> None:
    """The route that metrics and traces have is without a client's name in it."""
    assert found(where) == (operation, route, {"model": model})


@pytest.mark.parametrize(
    "where",
    [
        "",
        "/",
        "//",
        "chat/completions",
        "/chat/completions/",
        "//chat/completions",
        "/v1//chat/completions",
        "/V1/chat/completions",
        "/v1/chat/completions\n",
        "/messages",
        "/engines",
        "/engines/",
        "/engines//embeddings",
        "/engines/embeddings",
        "/engines/gpt-4o/embeddings/",
        "/engines/gpt-4o/models",
        "/engines/gpt-4o/messages",
        "/openai/deployments/embeddings",
        "/openai/deployments//embeddings",
        "/openai/deployments/gpt-4o",
        "/v1/engines/gpt-4o/embeddings",
        "/prefix/engines/gpt-4o/embeddings",
        "/models/gpt-4o",
        "/key/generate",
        "/admin/",
        "/../v1/chat/completions",
    ],
)
def test_what_is_another_path_is_left_to_django(where: str) -> None:
    assert found(where) is None


_segments = st.sampled_from(
    ["engines", "openai", "deployments", "chat", "completions", "embeddings", "images", "generations", "v1", "v2",
     "models", "rerank", "health", "liveness", "gpt-4o", "", ".", "..", "a b", "☃"]
)  # fmt: skip


@given(st.lists(_segments, max_size=7).map(lambda segments: "/" + "/".join(segments)))
@example("/engines//chat/completions")
@settings(deadline=None, max_examples=500)
def test_it_finds_what_django_would_find(where: str) -> None:
    try:
        expected = RESOLVER.resolve(where)
    except Resolver404:
        assert HANDLER.find(where) is None
        return
    match = HANDLER.find(where)
    assert match is not None
    assert (match[0], match[2]) == (expected.func, expected.kwargs)


Sent = list[dict[str, Any]]


def called(handler: LeanHandler, where: str, *, method: str = "POST") -> Sent:
    """What the server is told."""
    sent: Sent = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    match = handler.find(where)
    assert match is not None
    scope: Any = {"type": "http", "method": method, "path": where, "query_string": b"", "headers": []}
    asyncio.run(handler(match, scope, receive, send))
    return sent


async def _echo(request: LeanRequest, **names: str) -> HttpResponse:
    return HttpResponse(f"{request.route} {names}", status=201, headers={"X-Said": "naïve"})


ECHO = LeanHandler([path("plain", _echo), path("engines/<path:model>/embeddings", _echo)])


def test_a_whole_answer_goes_out_with_its_length_and_the_headers_of_all() -> None:
    start, body = called(ECHO, "/engines/a/b/embeddings")

    headers = dict(start["headers"])
    assert start["status"] == 201
    assert body["body"] == b"/engines/{model}/embeddings {'model': 'a/b'}"
    assert body["more_body"] is False
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert headers[b"x-said"] == "naïve".encode("latin-1")
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_a_head_has_the_headers_and_no_body() -> None:
    start, body = called(ECHO, "/plain", method="HEAD")

    assert dict(start["headers"])[b"content-length"] == str(len(b"/plain {}")).encode()
    assert body["body"] == b""


def test_nobody_watches_for_a_client_that_has_been_answered_or_failed() -> None:
    watchers = []

    async def watching(request: LeanRequest) -> HttpResponse:
        request.watch()
        watchers.append(request._watcher)
        if request.method == "GET":
            raise ZeroDivisionError
        return HttpResponse("done")

    handler = LeanHandler([path("plain", watching)])
    called(handler, "/plain")
    with pytest.raises(ZeroDivisionError):
        called(handler, "/plain", method="GET")

    assert [watcher is not None and watcher.cancelled() for watcher in watchers] == [True, True]


def test_an_answer_of_the_gateway_goes_out_whole_whatever_stands_in_its_headers() -> None:
    async def answer(request: LeanRequest) -> WholeAnswer:
        return WholeAnswer(
            b"{}", [("content-type", "application/json"), ("x-name", "☃\r\nx-evil: 1"), ("x-plain", "é")]
        )

    start, body = called(LeanHandler([URLPattern(RoutePattern("plain"), answer)]), "/plain")

    headers = dict(start["headers"])
    assert (start["status"], body["body"], headers[b"content-length"]) == (200, b"{}", b"2")
    assert str(make_header(decode_header(headers[b"x-name"].decode("ascii")))) == "☃  x-evil: 1"
    assert headers[b"x-plain"] == "é".encode("latin-1")
    assert not any(set(b"\r\n") & set(name + value) for name, value in start["headers"])
