"""The routes that clients of a model call."""

from django.http import HttpResponse
from django.http.response import HttpResponseBase

from proxy import auth
from proxy.api import AsyncAPIView, json_response
from proxy.attempt import caller_labels
from proxy.core.errors import GatewayError, UpstreamError
from proxy.gateway import complete_chat
from proxy.metrics import Labels
from proxy.request import LeanRequest
from proxy.runtime import running
from teams.errors import ApiError


class ChatCompletions(AsyncAPIView):
    async def post(self, request: LeanRequest) -> HttpResponseBase:
        return await complete_chat(request, request.principal, running())

    def failed(self, request: LeanRequest, error: ApiError) -> None:
        """Count what never reached an upstream; what did was counted with the upstream's labels."""
        if isinstance(error, UpstreamError):
            return
        name = error.name if isinstance(error, GatewayError) else type(error).__name__
        running().metrics.failure(_labels(request), status=error.status_code, error_class=name)


class Models(AsyncAPIView):
    async def get(self, request: LeanRequest) -> HttpResponse:
        table = running().table
        names = auth.allowed_models(request.principal, table.model_names())
        return json_response({"data": [table.describe(name) for name in names], "object": "list"})


def _labels(request: LeanRequest) -> Labels:
    """Nothing that a stranger could choose becomes a label; the route is one of ours."""
    principal = getattr(request, "principal", None)
    if principal is None:
        return Labels(route=request.path)
    return Labels(**caller_labels(principal), route=request.path)
