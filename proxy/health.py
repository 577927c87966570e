"""Is it alive, is it ready, do the upstreams answer, and do the alert channels really work."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import alerts.services
from proxy import health_checks
from proxy.api import AsyncAPIView, json_response
from proxy.core.errors import BadRequest, GatewayError
from proxy.core.health import HealthSettings
from proxy.core.routing import Skip
from proxy.deployments import Deployment
from proxy.health_report import Finding, asked_about, report, sees_everything
from proxy.models import Deployment as Row
from proxy.request import LeanRequest
from proxy.runtime import Runtime, running
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
        body = _readiness(runtime)
        if _health_settings(runtime).public_readiness_details:
            body = _details(runtime)
        return json_response(body, status=503 if runtime.draining else 200)


@extend_schema_view(get=extend_schema(tags=["health"], responses=OpenApiTypes.OBJECT))
class ReadinessDetails(AsyncAPIView):
    """The same with what an operator asks next; `allow_public_health_readiness_details` adds it to the public route."""

    async def get(self, request: LeanRequest) -> HttpResponse:
        runtime = running()
        return json_response(_details(runtime), status=503 if runtime.draining else 200)


def _readiness(runtime: Runtime) -> dict[str, Any]:
    return {
        "status": "draining" if runtime.draining else "healthy" if runtime.database_ok else "degraded",
        "db": "connected" if runtime.database_ok else "disconnected",
        "ledger": "spool" if runtime.ledger.spooling else "database",
        "litellm_version": VERSION,
    }


def _details(runtime: Runtime) -> dict[str, Any]:
    level = logging.getLogger().getEffectiveLevel()
    return {
        **_readiness(runtime),
        # Nothing but a Redis that answers counts, as LiteLLM has it.
        "cache": "redis" if runtime.fleet.connected else None,
        "success_callbacks": runtime.callbacks(),
        "last_updated": datetime.now(UTC).isoformat(),
        "use_aiohttp_transport": True,
        "log_level": logging.getLevelName(level),
        "is_detailed_debug": level <= logging.DEBUG,
        "draining": runtime.draining,
        "snapshot_age_seconds": round(runtime.seconds_behind, 1),
        "deployments": _deployments(runtime),
    }


def _deployments(runtime: Runtime) -> Mapping[str, int]:
    names = {Skip.COOLDOWN: "cooling", Skip.PROBING: "cooling", Skip.UNHEALTHY: "unhealthy", None: "in_service"}
    counts = Counter(
        "drained" if one.blocked else names.get(runtime.state.state(one.id), "in_service")
        for one in runtime.table.all_deployments()
    )
    return {name: counts[name] for name in ("in_service", "cooling", "unhealthy", "drained")}


def _health_settings(runtime: Runtime) -> HealthSettings:
    return HealthSettings.read(runtime.table.settings["general_settings"])


@extend_schema_view(get=extend_schema(tags=["health"], responses=OpenApiTypes.OBJECT))
class Backlog(AsyncAPIView):
    """How many requests to upstreams this process is waiting for."""

    async def get(self, request: LeanRequest) -> HttpResponse:
        return json_response({"in_flight_requests": running().state.in_flight_here()})


@extend_schema_view(
    get=extend_schema(
        tags=["health"],
        parameters=[OpenApiParameter("model"), OpenApiParameter("model_id")],
        responses=OpenApiTypes.OBJECT,
    )
)
class Health(AsyncAPIView):
    """Whether the upstreams answer: asks each now, or says what the background checks found. 503 when none does.

    Of everything for admins; others are told of what they may call, and no more than whether it is well.
    """

    async def get(self, request: LeanRequest) -> HttpResponse:
        runtime, principal = running(), request.principal
        wanted = _health_settings(runtime)
        deployments = asked_about(
            runtime.table, principal, model=request.GET.get("model", ""), model_id=request.GET.get("model_id", "")
        )
        if wanted.background:
            findings = await _remembered(deployments)
        else:
            by = principal.key_alias or principal.key_hash
            findings = await _found_out(runtime, deployments, concurrency=wanted.concurrency, checked_by=by)
        in_full = sees_everything(principal)
        rows = await _rows(deployments) if in_full and wanted.details else {}
        body = report(deployments, findings, rows, in_full=in_full, details=wanted.details)
        return json_response(body, status=200 if body["healthy_count"] else 503)


async def _found_out(
    runtime: Runtime, deployments: Sequence[Deployment], *, concurrency: int, checked_by: str
) -> list[Finding]:
    try:
        asked = await asyncio.to_thread(
            health_checks.in_thread, health_checks.as_asked, deployments, at=datetime.now(UTC)
        )
    except (DatabaseError, InterfaceError):
        asked = list(deployments)
    probes = await runtime.prober.ask(asked, concurrency=concurrency, checked_by=checked_by)
    return [Finding.of_probe(probe) for probe in probes]


async def _remembered(deployments: Sequence[Deployment]) -> list[Finding]:
    ids = [one.id for one in deployments]
    try:
        rows = await asyncio.to_thread(health_checks.in_thread, health_checks.latest, ids)
    except (DatabaseError, InterfaceError):
        raise ResultsAway("The results of the health checks are in the database, which is away.") from None
    return [Finding.of_row(rows.get(one.id), one) for one in deployments]


async def _rows(deployments: Sequence[Deployment]) -> Mapping[str, Row]:
    """For their parameters; without a database the report does without them."""
    try:
        return await asyncio.to_thread(health_checks.in_thread, Row.objects.in_bulk, [one.id for one in deployments])
    except (DatabaseError, InterfaceError):
        return {}


class ResultsAway(GatewayError):
    status_code = 503
    type = "no_db_connection"


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

    def get(self, request: Request) -> Response:
        service = request.query_params.get("service", "")
        if not service:
            return Response(
                {"detail": [{"type": "missing", "loc": ["query", "service"], "msg": "Field required"}]}, status=422
            )
        if service not in _SERVICES:
            raise BadRequest(f"Service must be one of {list(_SERVICES)}, not {service[:100]!r}.", param="service")
        kind, name = _SERVICES[service]
        tests = alerts.services.test_channels(kind=kind)
        if not tests:
            raise NotConfigured(f'"{kind}" not in proxy config: general_settings. Unable to test this.')
        if failed := [test for test in tests if test.error]:
            raise ChannelFailed(" ".join(f"{test.channel}: {test.error}" for test in failed))
        return Response(
            {
                "status": "success",
                "alert_types": alerts.services.enabled_alert_types(),
                "message": f"Mock {name} Alert sent, verify {name} Alert Received on your channel",
                "channels": [{"channel": test.channel, "status": test.status} for test in tests],
            }
        )


# By LiteLLM's names of services, and ours: the kind of channel, and what people call it.
_SERVICES = {
    "slack": ("slack", "Slack"),
    "slack_budget_alerts": ("slack", "Slack"),
    "ms_teams": ("ms_teams", "MS Teams"),
    "email": ("email", "Email"),
    "webhook": ("webhook", "Webhook"),
    "discord": ("discord", "Discord"),
    "pagerduty": ("pagerduty", "PagerDuty"),
    "alertmanager": ("alertmanager", "Alertmanager"),
    "apprise": ("apprise", "Apprise"),
}
