"""The routes about health checks (api.md 2.9): what they found, and whether a deployment to be would answer."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from proxy import deployments, health_checks
from proxy.health_report import Finding, describe
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.models import ensure_usable
from proxy.management.schemas import health as schemas
from proxy.models import Deployment, HealthCheck, Source
from proxy.runtime import running
from teams.errors import PermissionDenied


class HealthChecks(ManagementViewSet):
    tag = "health"

    @route("GET", "/health/history", access=Access.ADMIN_READ, query=schemas.HistoryQuery,
           answer=schemas.HistoryAnswer)  # fmt: skip
    def history(self, call: Call, query: schemas.HistoryQuery) -> Any:
        """Health checks, newest first."""
        rows = _filtered(query)
        found = rows[query.offset : query.offset + query.limit]
        return schemas.HistoryAnswer(
            health_checks=[_object(row, [row]) for row in found],
            total_records=rows.count(),
            limit=query.limit,
            offset=query.offset,
        )

    @route("GET", "/health/latest", access=Access.ADMIN_READ, answer=schemas.LatestAnswer)
    def latest(self, call: Call) -> Any:
        """The last health check of each model group: its newest, with how many of its deployments are well."""
        known = {one.id for one in running().table.all_deployments()}
        groups: dict[str, list[HealthCheck]] = {}
        for deployment_id, row in sorted(health_checks.latest().items()):
            if deployment_id in known:
                groups.setdefault(row.model_name, []).append(row)
        found = {
            name: _object(max(rows, key=lambda row: row.checked_at), rows) for name, rows in sorted(groups.items())
        }
        return schemas.LatestAnswer(latest_health_checks=found, total_models=len(found))

    @route("POST", "/health/test_connection", access=Access.ADMIN, body=schemas.Connection,
           answer=schemas.ConnectionAnswer, reads=True)  # fmt: skip
    def test_connection(self, call: Call, body: schemas.Connection) -> Any:
        """Ask a deployment that does not exist yet. Nothing is stored, in the ledger neither."""
        if not call.principal.is_admin:
            # It changes nothing, so there is no transaction around it; viewers may not send requests anywhere, though.
            raise PermissionDenied(f"user not allowed to access this route, role= {call.principal.role}")
        params, info = body.litellm_params.everything(), body.model_info.everything()
        if named := info.get("health_check_model"):
            params["model"] = str(named)
        if body.mode:
            info["mode"] = body.mode
        row = Deployment(model_name=body.litellm_params.model, model_info=info, source=Source.API)
        row.set_params(params)
        ensure_usable(row)
        built = deployments.build(row, now=timezone.now(), defaults=health_checks.default_params())
        probe = health_checks.ask(built)
        result = describe(built, Finding.of_probe(probe), row)
        # The id was made up for the occasion.
        del result["model_id"]
        return {"status": "success" if probe.healthy else "error", "result": result}


def _filtered(query: schemas.HistoryQuery) -> QuerySet[HealthCheck]:
    rows = HealthCheck.objects.order_by("-checked_at", "-id")
    if query.model:
        rows = rows.filter(model_name=query.model)
    if query.model_id:
        rows = rows.filter(deployment_id=query.model_id)
    if status := query.status or query.status_filter:
        rows = rows.filter(healthy=status == "healthy")
    return rows


def _object(row: HealthCheck, rows: list[HealthCheck]) -> schemas.CheckObject:
    """`rows` are the latest of the same group; with one that is well, the group is."""
    healthy = sum(1 for one in rows if one.healthy)
    failing = next((one for one in rows if one.error), row)
    return schemas.CheckObject(
        health_check_id=str(row.pk),
        model_name=row.model_name,
        model_id=row.deployment_id,
        status="healthy" if healthy else "unhealthy",
        healthy_count=healthy,
        unhealthy_count=len(rows) - healthy,
        error_message=failing.error or None,
        response_time_ms=row.response_ms,
        details={"deployments": {one.deployment_id: "healthy" if one.healthy else "unhealthy" for one in rows}},
        checked_by=row.checked_by,
        checked_at=row.checked_at,
        created_at=row.checked_at,
    )
