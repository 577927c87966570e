"""What `GET /health` answers: which deployments a caller is told about, how each is doing, and how much of it is said.

Shapes are LiteLLM's (api.md 2.9).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proxy import auth
from proxy.core.calls import clean
from proxy.core.errors import UnknownModel
from proxy.deployments import Deployment
from proxy.models import Deployment as Row
from proxy.models import HealthCheck
from proxy.probes import Probe
from proxy.registry import Group, RoutingTable
from teams.errors import NotFound
from teams.models import Role
from teams.secrets import without_secrets
from teams.snapshot import Principal

_NOT_YET = "not checked yet"
_NOT_IN_BACKGROUND = "not probed: model_info.disable_background_health_check"
_ADDRESSES = frozenset({"api_base", "base_url"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one deployment is doing, asked just now or some time ago."""

    healthy: bool
    error: str = ""
    note: str = ""
    response_ms: int | None = None
    checked_at: datetime | None = None
    rate_limits: Mapping[str, str] | None = None

    @classmethod
    def of_probe(cls, probe: Probe) -> "Finding":
        return cls(
            healthy=probe.healthy,
            error=probe.error,
            note=probe.note,
            response_ms=round(probe.seconds * 1000) if probe.asked else None,
            checked_at=probe.at if probe.asked else None,
            rate_limits=probe.rate_limits,
        )

    @classmethod
    def of_row(cls, row: HealthCheck | None, deployment: Deployment) -> "Finding":
        """Nobody knows of anything wrong with what was never checked."""
        if row is None:
            off = deployment.health.get("disable_background_health_check") is True
            return cls(healthy=True, note=_NOT_IN_BACKGROUND if off else _NOT_YET)
        return cls(healthy=row.healthy, error=row.error, response_ms=row.response_ms, checked_at=row.checked_at)


def sees_everything(principal: Principal) -> bool:
    return principal.is_admin or principal.role == Role.PROXY_ADMIN_VIEWER


def asked_about(table: RoutingTable, principal: Principal, *, model: str = "", model_id: str = "") -> list[Deployment]:
    """The deployments to report on: in service, of a group that the caller may call; by id, a drained one as well.

    Raises UnknownModel, NotFound or KeyModelAccessDenied.
    """
    if model_id:
        visible = [one for group in _visible(table, principal) for one in group.deployments]
        found = [one for one in visible if one.id == model_id]
        if not found:
            raise NotFound(f"Model {clean(model_id)} not found on proxy.", param="model_id")
        return found
    groups = list(_named(table, principal, model) if model else _visible(table, principal))
    return [one for group in groups for one in group.deployments if not one.blocked]


def _named(table: RoutingTable, principal: Principal, model: str) -> Iterable[Group]:
    name = table.resolve(auth.target_model(principal, model))
    if not sees_everything(principal):
        auth.ensure_model_allowed(principal, model, access_groups=table.grants(name))
        groups = [table.group(name, team_id=principal.team_id)]
    else:
        own = [group for (_, group_name), group in table.team_groups.items() if group_name == name]
        groups = [*([table.groups[name]] if name in table.groups else []), *own]
    if not any(group.deployments for group in groups) and (matched := table.pattern_of(name)) is not None:
        groups = [table.groups[matched[0]]]
    if not any(group.deployments for group in groups):
        raise UnknownModel(clean(model))
    return groups


def _visible(table: RoutingTable, principal: Principal) -> Iterable[Group]:
    if sees_everything(principal):
        yield from (*table.groups.values(), *table.team_groups.values())
        return
    own = {name: group for (team_id, name), group in table.team_groups.items() if team_id == principal.team_id}
    for name, group in {**table.groups, **own}.items():
        if auth.is_allowed(principal, name, access_groups=table.grants(name)):
            yield group


def report(
    deployments: Sequence[Deployment],
    findings: Sequence[Finding],
    rows: Mapping[str, Row],
    *,
    in_full: bool,
    details: bool,
) -> dict[str, Any]:
    """`in_full` is for admins: parameters, addresses and errors. Without `details`, only the names."""
    endpoints: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for deployment, finding in zip(deployments, findings, strict=True):
        shown = _parameters(deployment, rows.get(deployment.id)) if in_full and details else {}
        endpoint = {**shown, **_names(deployment), **(_facts(finding) if details else {})}
        if finding.error and in_full:
            endpoint["error"] = finding.error
        endpoints[finding.healthy].append(endpoint)
    return {
        "healthy_endpoints": endpoints[True],
        "unhealthy_endpoints": endpoints[False],
        "healthy_count": len(endpoints[True]),
        "unhealthy_count": len(endpoints[False]),
    }


def describe(deployment: Deployment, finding: Finding, row: Row) -> dict[str, Any]:
    """One endpoint in full, as an admin sees it."""
    told = {"error": finding.error} if finding.error else {}
    return {**_parameters(deployment, row), **_names(deployment), **_facts(finding), **told}


def _names(deployment: Deployment) -> dict[str, Any]:
    return {
        "model": deployment.qualified_model,
        "model_id": deployment.id,
        "model_name": deployment.model_group,
    }


def _facts(finding: Finding) -> dict[str, Any]:
    facts: dict[str, Any] = dict(finding.rate_limits or {})
    if finding.response_ms is not None:
        facts["response_time_ms"] = finding.response_ms
    if finding.checked_at is not None:
        facts["checked_at"] = finding.checked_at.isoformat()
    if finding.note:
        facts["note"] = finding.note
    return facts


def _parameters(deployment: Deployment, row: Row | None) -> dict[str, Any]:
    """litellm_params as they are stored, without secrets; of an address, what is safe to show."""
    stored: dict[str, Any] = without_secrets(row.litellm_params) if row is not None else {}
    plain = {name: value for name, value in stored.items() if name not in _ADDRESSES}
    return {**plain, "api_base": deployment.api_base}
