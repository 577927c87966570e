"""The model routes (api.md 2.7): deployments, and the groups they form."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from proxy import auth, deployments
from proxy.addresses import ensure_addresses_allowed
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.model_objects import deployment_object, describe, describe_group
from proxy.management.pages import numbers, paginate
from proxy.management.schemas import models as schemas
from proxy.models import Deployment, Source
from proxy.runtime import running
from teams.errors import Envelope, Forbidden, Invalid, NotFound

# With these, somebody who is no proxy admin would reach into the operator's network or environment.
_OPERATORS_ONLY = frozenset({"api_base", "base_url", "headers", "extra_headers", "organization", "custom_llm_provider"})


class Models(ManagementViewSet):
    tag = "models"

    @route("POST", "/model/new", access=Access.MEMBER, body=schemas.NewModel, answer=schemas.DeploymentObject)
    def new(self, call: Call, body: schemas.NewModel) -> Any:
        """Add a deployment. It takes requests on every process within two seconds."""
        info = body.model_info.everything()
        row = Deployment(model_name=body.model_name, source=Source.API)
        if chosen := info.pop("id", None):
            if Deployment.objects.filter(pk=chosen).exists():
                raise Invalid(f"Model with id={chosen} already exists.", param="model_info.id")
            row.id = chosen
        row.model_info = info
        params = body.litellm_params.everything()
        _ensure_may_write(row, params, call)
        row.set_params(params)
        ensure_usable(row)
        row.save(force_insert=True)
        return deployment_object(row)

    @route("POST", "/model/update", access=Access.MEMBER, body=schemas.UpdateModel, answer=schemas.DeploymentObject)
    def update(self, call: Call, body: schemas.UpdateModel) -> Any:
        """Change a deployment: given parameters are merged into the stored ones, null takes one away."""
        named = body.model_info.id if body.model_info else None
        if named is None:
            raise Invalid("model_info.id is required: the id of the model to update.", param="model_info.id")
        return _update(_writable(named, call), body, call)

    @route(
        "PATCH",
        "/model/<str:model_id>/update",
        access=Access.MEMBER,
        body=schemas.UpdateModel,
        answer=schemas.DeploymentObject,
    )
    def patch(self, call: Call, body: schemas.UpdateModel, model_id: str) -> Any:
        """Change a deployment, as /model/update does."""
        return _update(_writable(model_id, call), body, call)

    @route("POST", "/model/delete", access=Access.MEMBER, body=schemas.NamedModel)
    def delete(self, call: Call, body: schemas.NamedModel) -> dict[str, Any]:
        """Remove a deployment. What stands in config.yaml must be removed there."""
        row = _visible(call).select_for_update().filter(pk=body.id).first()
        if row is None:
            raise Invalid(f"Model with id={body.id} not found in db")
        _ensure_may_write(row, {}, call)
        row.delete()
        return {"message": f"Model: {body.id} deleted successfully"}

    @route("GET", "/model/info", "/v1/model/info", access=Access.ANY, query=schemas.ModelQuery,
           answer=schemas.ModelData, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def info(self, call: Call, query: schemas.ModelQuery) -> dict[str, Any]:
        """The deployments behind the models that the caller may use, with prices; never a credential."""
        rows = _callable_by(call, _visible(call))
        if query.litellm_model_id:
            rows = [row for row in rows if row.pk == query.litellm_model_id]
            if not rows:
                raise Invalid(f"Model id = {query.litellm_model_id} not found on litellm proxy")
        return {"data": [describe(row, running().table) for row in rows]}

    @route("GET", "/v2/model/info", access=Access.ANY, query=schemas.ModelList, answer=schemas.ModelPage)
    def infos(self, call: Call, query: schemas.ModelList) -> dict[str, Any]:
        """The same by pages."""
        rows = _visible(call)
        if query.search:
            rows = rows.filter(model_name__icontains=query.search)
        exact = {"model_name": query.model, "pk": query.model_id, "model_info__team_id": query.team_id}
        rows = rows.filter(**{column: value for column, value in exact.items() if value})
        if not call.reach.sees_everything:
            # What a key may call is a matter of patterns, which no database knows: there are few enough to look at all.
            rows = rows.filter(pk__in=[row.pk for row in _callable_by(call, rows)])
        page = paginate(rows, number=query.page, size=query.size)
        table = running().table
        return {"data": [describe(row, table) for row in page.rows], **numbers(page), "size": page.size}

    @route("GET", "/model_group/info", access=Access.ANY, query=schemas.GroupQuery, answer=schemas.ModelData)
    def groups(self, call: Call, query: schemas.GroupQuery) -> dict[str, Any]:
        """One entry a model group: what its deployments have in common, and the highest price among them."""
        table, principal = running().table, call.principal
        names = table.model_names(team_id=principal.team_id)
        if query.model_group:
            names = [name for name in names if name == query.model_group]
        allowed = [name for name in names if auth.is_allowed(principal, name, access_groups=table.grants(name))]
        return {"data": [describe_group(name, table.deployments(name, team_id=principal.team_id)) for name in allowed]}

    @route("POST", "/model/block", access=Access.ADMIN, body=schemas.BlockedModel, answer=schemas.DeploymentObject)
    def block(self, call: Call, body: schemas.BlockedModel) -> Any:
        """Let a deployment take no requests."""
        return _set_blocked(call, body.model_id, blocked=True)

    @route("POST", "/model/unblock", access=Access.ADMIN, body=schemas.BlockedModel, answer=schemas.DeploymentObject)
    def unblock(self, call: Call, body: schemas.BlockedModel) -> Any:
        """Let it take requests again."""
        return _set_blocked(call, body.model_id, blocked=False)


def _visible(call: Call) -> QuerySet[Deployment]:
    """A team's own deployments exist for the team alone."""
    rows = Deployment.objects.order_by("model_name", "id")
    if call.reach.sees_everything:
        return rows
    mine = {*call.reach.team_ids, *([call.principal.team_id] if call.principal.team_id else [])}
    return rows.filter(Q(model_info__team_id__isnull=True) | Q(model_info__team_id__in=mine))


def _callable_by(call: Call, rows: Iterable[Deployment]) -> list[Deployment]:
    if call.reach.sees_everything:
        return list(rows)
    table, mine = running().table, call.reach.team_ids
    return [
        row
        for row in rows
        if row.model_info.get("team_id") in mine
        or auth.is_allowed(call.principal, row.model_name, access_groups=table.grants(row.model_name))
    ]


def _writable(model_id: str, call: Call) -> Deployment:
    row = _visible(call).select_for_update().filter(pk=model_id).first()
    if row is None:
        raise Invalid("Authentication Error, model not found", type_="auth_error")
    _ensure_may_write(row, {}, call)
    return row


def _ensure_may_write(row: Deployment, params: dict[str, Any], call: Call) -> None:
    """Proxy admins write any; admins of a team write their team's, with nothing of the operator's in it."""
    if not row._state.adding and row.source == Source.CONFIG:
        raise Invalid(f"Can't change model {row.pk} here: it stands in config.yaml.")
    if call.reach.is_admin:
        return
    team_id = row.model_info.get("team_id")
    team = call.reach.teams().filter(pk=str(team_id)).first() if team_id else None
    if team is None or not call.reach.administers_team(team):
        raise Forbidden("Only proxy admins, and admins of a team for models of the team, can change models.")
    if reserved := sorted(_OPERATORS_ONLY & params.keys()):
        raise Forbidden(f"Only proxy admins can set {', '.join(reserved)}.", param=reserved[0])
    if "os.environ/" in json.dumps(params):
        raise Forbidden("Only proxy admins can refer to variables of the environment.")


def _update(row: Deployment, body: schemas.UpdateModel, call: Call) -> dict[str, Any]:
    given = body.litellm_params.everything() if body.litellm_params else {}
    info = body.model_info.everything() if body.model_info else {}
    info.pop("id", None)
    if "team_id" in info and info["team_id"] != row.model_info.get("team_id") and not call.reach.is_admin:
        raise Forbidden("Only proxy admins can give a model to another team.", param="model_info.team_id")
    _ensure_may_write(row, given, call)
    row.model_name = body.model_name or row.model_name
    row.model_info = _merged(row.model_info, info)
    row.set_params(_merged({**row.litellm_params, **row.secret_params()}, given))
    ensure_usable(row)
    row.save()
    return deployment_object(row)


def _merged(stored: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**stored, **given}.items() if value is not None}


def ensure_usable(row: Deployment) -> None:
    try:
        deployments.build(row, now=datetime.now(UTC))
        ensure_addresses_allowed(row.litellm_params)
    except ValueError as error:
        raise Invalid(f"This model could take no request: {error}", param="litellm_params") from None


def _set_blocked(call: Call, model_id: str, *, blocked: bool) -> dict[str, Any]:
    row = _visible(call).select_for_update().filter(pk=model_id).first()
    if row is None:
        raise NotFound(f"Model {model_id} not found on proxy.")
    row.blocked = blocked
    row.save(update_fields=["blocked", "updated_at", "updated_by"])
    return deployment_object(row)
