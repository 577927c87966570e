"""The routes that clients of a model call."""

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from pydantic import BaseModel, Field

from proxy import auth
from proxy.api import AsyncAPIView, json_response
from proxy.attempt import caller_labels
from proxy.core.chat import clean
from proxy.core.errors import GatewayError, UpstreamError
from proxy.gateway import complete_chat
from proxy.metrics import Labels
from proxy.registry import RoutingTable
from proxy.request import LeanRequest
from proxy.runtime import running
from teams.errors import ApiError
from teams.snapshot import Principal


class ChatBody(BaseModel):
    """For the OpenAPI document; proxy.core.chat reads the body."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool = False
    user: str | None = Field(None, description="The end user that spend is counted for.")
    metadata: dict[str, Any] | None = None
    tags: list[str] | None = None


_MODELS_QUERY = [
    OpenApiParameter("team_id", description="Ask as a key of this team would."),
    OpenApiParameter("include_model_access_groups", OpenApiTypes.BOOL),
    OpenApiParameter("only_model_access_groups", OpenApiTypes.BOOL),
]


class ChatCompletions(AsyncAPIView):
    # It asks for the key itself, among its other checks.
    public = True

    @extend_schema(tags=["completions"], summary="A chat completion.", request=ChatBody, responses=OpenApiTypes.OBJECT)
    async def post(self, request: LeanRequest) -> HttpResponseBase:
        """A chat completion, in OpenAI's shape in and out; with `stream` as server-sent events."""
        return await complete_chat(request, running())

    def failed(self, request: LeanRequest, error: ApiError) -> None:
        """Count what never reached an upstream; what did was counted with the upstream's labels."""
        if isinstance(error, UpstreamError):
            return
        name = error.name if isinstance(error, GatewayError) else type(error).__name__
        running().metrics.failure(_labels(request), status=error.status_code, error_class=name)


class Models(AsyncAPIView):
    """What the key may call. `team_id` asks as a member of that team would."""

    @extend_schema(
        tags=["completions"],
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
    @extend_schema(tags=["completions"], summary="One model, if the key may call it.", responses=OpenApiTypes.OBJECT)
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
        if auth.is_allowed(
            principal, name, access_groups=table.access_groups.get(auth.target_model(principal, name), ())
        )
    ]


def _is_true(request: LeanRequest, parameter: str) -> bool:
    return request.GET.get(parameter, "").lower() in ("true", "1")


def _labels(request: LeanRequest) -> Labels:
    """Nothing that a stranger could choose becomes a label; the route is one of ours."""
    principal = getattr(request, "principal", None)
    if principal is None:
        return Labels(route=request.path)
    return Labels(**caller_labels(principal), route=request.path)
