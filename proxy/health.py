"""Is it alive, is it ready, and do the alert channels really work."""

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import alerts.services
from proxy.api import AsyncAPIView, json_response
from proxy.core.errors import BadRequest, GatewayError
from proxy.request import LeanRequest
from proxy.runtime import running
from proxy.version import VERSION


@extend_schema_view(get=extend_schema(tags=["health"], auth=[], responses=OpenApiTypes.STR))
class Liveliness(AsyncAPIView):
    """Answers as long as the event loop turns; asks no store."""

    public = True

    async def get(self, request: LeanRequest) -> HttpResponse:
        return json_response("I'm alive!")


@extend_schema_view(get=extend_schema(tags=["health"], auth=[], responses=OpenApiTypes.OBJECT))
class Readiness(AsyncAPIView):
    """200 while requests can be served: without the database they are, from the last snapshot and with the spool."""

    public = True

    async def get(self, request: LeanRequest) -> HttpResponse:
        runtime = running()
        body = {
            "status": "draining" if runtime.draining else "healthy" if runtime.database_ok else "degraded",
            "db": "connected" if runtime.database_ok else "disconnected",
            "ledger": "spool" if runtime.ledger.spooling else "database",
            "litellm_version": VERSION,
        }
        return json_response(body, status=503 if runtime.draining else 200)


class NotConfigured(GatewayError):
    status_code = 422
    type = "auth_error"
    param = "None"


class ChannelFailed(GatewayError):
    status_code = 502
    type = "channel_error"


@extend_schema_view(
    get=extend_schema(
        tags=["health"], parameters=[OpenApiParameter("service", required=True)], responses=OpenApiTypes.OBJECT
    )
)
class Services(APIView):
    """`GET /health/services?service=slack`: sends a test message, waits for the answer and tells it as it is."""

    known = ("slack", "slack_budget_alerts")

    def get(self, request: Request) -> Response:
        service = request.query_params.get("service", "")
        if not service:
            return Response(
                {"detail": [{"type": "missing", "loc": ["query", "service"], "msg": "Field required"}]}, status=422
            )
        if service not in self.known:
            raise BadRequest(f"Service must be one of {list(self.known)}, not {service[:100]!r}.", param="service")
        tests = alerts.services.test_channels(kind="slack")
        if not tests:
            raise NotConfigured('"slack" not in proxy config: general_settings. Unable to test this.')
        if failed := [test for test in tests if test.error]:
            raise ChannelFailed(" ".join(f"{test.channel}: {test.error}" for test in failed))
        return Response(
            {
                "status": "success",
                "alert_types": alerts.services.enabled_alert_types(),
                "message": "Mock Slack Alert sent, verify Slack Alert Received on your channel",
                "channels": [{"channel": test.channel, "status": test.status} for test in tests],
            }
        )
