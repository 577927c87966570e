"""An Azure OpenAI resource: deployments, api-versions, the v1 API and the content filter."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote

from tests.fakes.openai_others import OTHERS
from tests.fakes.server import Received, Reply
from tests.fakes.texts import SHAPES
from tests.fakes.upstream import FakeUpstream

FILTERED = (
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
    "Please modify your prompt and retry."
)
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


@dataclass(kw_only=True, eq=False)
class FakeAzure(FakeUpstream):
    """`deployments` None has any; `forbidden` is a word that the content filter refuses.

    `api_key` None takes any credential, but none it does not; `ad_token` is what a bearer must have.
    """

    deployments: frozenset[str] | None = None
    forbidden: str | None = None
    ad_token: str | None = None

    def respond(self, received: Received) -> Reply:
        if not self._knows(received):
            return azure_error(
                401,
                "401",
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key "
                "for an active subscription and use a correct regional API endpoint for your resource.",
            )
        match received.path.strip("/").split("/"):
            case ["openai", "deployments", deployment, *path] if received.query.get("api-version"):
                return self._serve(received, unquote(deployment), "/".join(path))
            case ["openai", "v1", *path] if received.query.get("api-version", "preview") == "preview":
                try:
                    model = received.json()["model"]
                except (KeyError, TypeError, ValueError):
                    return azure_error(400, "invalid_request", "Missing required parameter: 'model'.")
                return self._serve(received, model, "/".join(path))
        return azure_error(404, "404", "Resource not found")

    def _knows(self, received: Received) -> bool:
        key, bearer = received.headers.get("api-key"), received.headers.get("authorization", "")
        if bearer:
            return bearer.startswith("Bearer ") and self.ad_token in {None, bearer.removeprefix("Bearer ")}
        return bool(key) and self.api_key in {None, key}

    def _serve(self, received: Received, deployment: str, path: str) -> Reply:
        if self.deployments is not None and deployment not in self.deployments:
            return azure_error(
                404,
                "DeploymentNotFound",
                "The API deployment for this resource does not exist. If you created the deployment within the last 5 "
                "minutes, please wait a moment and try again.",
            )
        match received.method, path:
            case "POST", "chat/completions":
                return self._chat(received, deployment)
            case "POST", _ if f"/{path}" in SHAPES:
                return self._complete_text(received, SHAPES[f"/{path}"])
            case "POST", _ if f"/{path}" in OTHERS:
                return self._answer_other(received, f"/{path}")
        return azure_error(404, "404", "Resource not found")

    def _chat(self, received: Received, deployment: str) -> Reply:
        if self.forbidden and self.forbidden.encode() in received.body:
            return _filtered()
        try:
            asked = {**received.json(), "model": deployment}
        except (TypeError, ValueError):
            return azure_error(400, "BadRequest", "The request body is not valid JSON.")
        reply = self._complete(replace(received, body=json.dumps(asked).encode()))
        return reply if reply.chunks is None else replace(reply, chunks=_after_prompt_filter(reply.chunks))

    def _answer_other(self, received: Received, path: str) -> Reply:
        if path == "/embeddings" and not received.json().get("input"):
            return azure_error(400, "BadRequest", "'$.input' is invalid. Please check the API reference.")
        return super()._answer_other(received, path)


def azure_error(status: int, code: str, message: str, /, **fields: Any) -> Reply:
    """In Azure's shape, for `script`."""
    return Reply(status, {"error": {"code": code, "message": message, **fields}})


def _filtered() -> Reply:
    result = {**_SAFE, "violence": {"filtered": True, "severity": "medium"}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": result}
    return azure_error(400, "content_filter", FILTERED, param="prompt", type=None, status=400, innererror=inner)


def _after_prompt_filter(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """What Azure says of the prompt goes before the stream, in a chunk without choices."""
    first = {
        "choices": [],
        "created": 0,
        "id": "",
        "model": "",
        "object": "",
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _SAFE}],
    }
    yield b"data: %s\n\n" % json.dumps(first).encode()
    yield from chunks
