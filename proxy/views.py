"""The routes that clients of a model call."""

import time
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from pydantic import BaseModel

from proxy import auth, bodies
from proxy.answers import WholeAnswer
from proxy.api import AsyncAPIView, json_response
from proxy.core.calls import clean, parse_call, parse_object
from proxy.core.dialects import DIALECTS
from proxy.core.errors import GatewayError
from proxy.core.measure import estimate_prompt
from proxy.core.operations import Operation
from proxy.gateway import serve
from proxy.metrics.requests import Labels
from proxy.registry import RoutingTable
from proxy.request import LeanRequest
from proxy.run import caller_labels, count_failure, finish
from proxy.runtime import running
from proxy.streaming import RelayResponse
from teams.errors import ApiError, AuthenticationError, PermissionDenied
from teams.snapshot import Principal

_MODELS_QUERY = [
    OpenApiParameter("team_id", description="Ask as a key of this team would."),
    OpenApiParameter("include_model_access_groups", OpenApiTypes.BOOL),
    OpenApiParameter("only_model_access_groups", OpenApiTypes.BOOL),
]


class Serve(AsyncAPIView):
    """Whatever is asked of a model. `operation` is told by the URL table; `model` may stand in the path."""

    # It asks for the key itself, among its other checks.
    public = True
    operation = Operation.CHAT

    async def post(self, request: LeanRequest, model: str = "") -> WholeAnswer | RelayResponse:
        return await serve(request, running(), self.operation, model=model)

    def failed(self, request: LeanRequest, error: ApiError) -> None:
        """Count and store it: under the last upstream's name, or without one when none was reached."""
        runtime, trace = running(), request.trace
        name = error.name if isinstance(error, GatewayError) else type(error).__name__
        if (run := request.run) is not None:
            run.count_failure(error, request.asked)
        else:
            count_failure(runtime, _labels(request), error, seconds=time.perf_counter() - request.arrived)
        if trace is not None:
            error.headers.setdefault("x-litellm-call-id", trace.call_id)
            trace.note("refused", error=name, status=error.status_code)
            seconds = (datetime.now(UTC) - trace.began_at).total_seconds()
            finish(runtime, trace, status=error.status_code, error=error, seconds=seconds)

    def told(self, request: LeanRequest, error: ApiError) -> dict[str, Any]:
        """In the words of the caller's API, except for what is wrong with the key (api.md, section 0)."""
        dialect = DIALECTS.get(self.operation)
        if dialect is None or isinstance(error, (AuthenticationError, PermissionDenied)):
            return error.envelope()
        return dialect.envelope(error)


def _documented(operation: Operation, summary: str, body: type[BaseModel]) -> type[Serve]:
    """A view of its own for the OpenAPI document."""
    named = type(f"Serve{operation.title().replace('_', '')}", (Serve,), {"operation": operation})
    schema = extend_schema(tags=["models"], summary=summary, request=body, responses=OpenApiTypes.OBJECT)
    return extend_schema_view(post=schema)(named)


SERVED: dict[Operation, type[Serve]] = {
    operation: _documented(operation, summary, body)
    for operation, summary, body in (
        (Operation.CHAT, "A chat completion; with `stream` as server-sent events.", bodies.Chat),
        (Operation.COMPLETION, "A completion of a text.", bodies.Completion),
        (Operation.EMBEDDING, "Embeddings of texts.", bodies.Embedding),
        (Operation.MESSAGES, "A message in Anthropic's shape, by any model.", bodies.Messages),
        (Operation.RESPONSES, "A response in OpenAI's Responses shape, by any model.", bodies.Responses),
        (Operation.MODERATION, "Whether a text is harmful.", bodies.Moderation),
        (Operation.IMAGE, "Images for a description.", bodies.Image),
        (Operation.TRANSCRIPTION, "The text of a recording.", bodies.Transcription),
        (Operation.SPEECH, "A text, spoken.", bodies.Speech),
        (Operation.RERANK, "Documents in the order of their relevance.", bodies.Rerank),
    )
}


class CountTokens(AsyncAPIView):
    """How long a prompt is, about: no provider is asked, and nothing is charged."""

    @extend_schema(
        tags=["models"],
        summary="An estimate of the tokens of a message, in Anthropic's shape.",
        request=bodies.CountTokens,
        responses=OpenApiTypes.OBJECT,
    )
    async def post(self, request: LeanRequest) -> HttpResponse:
        """An estimate of the tokens of a message, in Anthropic's shape."""
        body = parse_object(await request.read_json_body())
        call = parse_call(Operation.MESSAGES, {"max_tokens": 1, **body, "stream": False}, route=request.path)
        return json_response({"input_tokens": estimate_prompt(Operation.MESSAGES, call.body)})


class Models(AsyncAPIView):
    """What the key may call. `team_id` asks as a member of that team would."""

    @extend_schema(
        tags=["models"],
        summary="The models that the key may call.",
        parameters=_MODELS_QUERY,
        responses=OpenApiTypes.OBJECT,
    )
    async def get(self, request: LeanRequest) -> HttpResponse:
        """The models that the key may call."""
        runtime = running()
        principal, table = request.principal, runtime.table
        if team_id := request.GET.get("team_id"):
            principal = runtime.keys.in_team(principal, team_id)
        names = [] if _is_true(request, "only_model_access_groups") else _names(principal, table)
        if _is_true(request, "include_model_access_groups") or _is_true(request, "only_model_access_groups"):
            callable_names = _names(principal, table)
            names = sorted({*names, *(group for name in callable_names for group in table.access_groups.get(name, ()))})
        return json_response({"data": [table.describe(name) for name in names], "object": "list"})


class Model(AsyncAPIView):
    @extend_schema(tags=["models"], summary="One model, if the key may call it.", responses=OpenApiTypes.OBJECT)
    async def get(self, request: LeanRequest, name: str) -> HttpResponse:
        """One model, if the key may call it."""
        table = running().table
        if name not in _names(request.principal, table):
            raise UnlistedModel(f"The model `{clean(name)}` does not exist or is not accessible")
        return json_response(table.describe(name))


class UnlistedModel(ApiError):
    status_code = 404

    def envelope(self) -> dict[str, Any]:
        return {"detail": self.message}


def _names(principal: Principal, table: RoutingTable) -> list[str]:
    known = table.model_names(team_id=principal.team_id)
    aliases = [name for name, target in principal.aliases.items() if target in known]
    return [
        name
        for name in sorted({*known, *aliases})
        if auth.is_allowed(principal, name, access_groups=table.grants(auth.target_model(principal, name)))
    ]


def _is_true(request: LeanRequest, parameter: str) -> bool:
    return request.GET.get(parameter, "").lower() in ("true", "1")


def _labels(request: LeanRequest) -> Labels:
    """Nothing that a stranger could choose becomes a label; the route is one of ours."""
    principal, route = getattr(request, "principal", None), request.route or request.path
    if principal is None:
        return Labels(route=route)
    return Labels(**caller_labels(principal), route=route)
