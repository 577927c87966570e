"""What a principal may do on the request path: routes, models, and for which customers. No store is asked.

The order of the checks is LiteLLM's (api.md 3.1), except that a stranger is refused before the body is read.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from proxy.core.access import ALL_TEAM_MODELS, covers
from proxy.core.errors import BadRequest
from proxy.core.routes import covers_route
from proxy.policy import Policy
from teams.authentication import ensure_current, ensure_team_not_blocked
from teams.errors import (
    AuthenticationError,
    CustomerBlocked,
    CustomerModelAccessDenied,
    KeyModelAccessDenied,
    OrganizationModelAccessDenied,
    PermissionDenied,
    RouteDenied,
    TeamModelAccessDenied,
    UserModelAccessDenied,
)
from teams.snapshot import KnownCustomer, Principal


def target_model(principal: Principal, model: str) -> str:
    """The model group behind a name: the key's own aliases first, then its team's."""
    target = principal.aliases.get(model, model)
    return target if isinstance(target, str) and target else model


def ensure_completion_allowed(
    principal: Principal,
    *,
    path: str,
    model: str,
    access_groups: Collection[str],
    body: Mapping[str, Any],
    customer_id: str,
    customer: KnownCustomer | None,
    policy: Policy,
    now: datetime,
) -> None:
    """Everything after the key itself is known to be ours. Raises ApiError."""
    ensure_key_allows(principal, model, access_groups=access_groups)
    ensure_current(principal, now=now)
    ensure_route_allowed(principal, path, policy)
    ensure_team_not_blocked(principal)
    ensure_owners_allow(principal, model, access_groups=access_groups)
    if customer is not None:
        _ensure_customer_served(customer_id, customer, target_model(principal, model), access_groups=access_groups)
    _ensure_params_given(principal, body, policy)


def ensure_model_allowed(principal: Principal, model: str, *, access_groups: Collection[str] = ()) -> None:
    """By the key and by all its owners. Raises KeyModelAccessDenied or one of its subclasses."""
    ensure_key_allows(principal, model, access_groups=access_groups)
    ensure_owners_allow(principal, model, access_groups=access_groups)


def ensure_key_allows(principal: Principal, model: str, *, access_groups: Collection[str] = ()) -> None:
    """An alias is as good as what it stands for: whoever wrote it on the key meant it to be used."""
    grants = principal.key_models
    if principal.team_id is not None and ALL_TEAM_MODELS in grants:
        return
    target = target_model(principal, model)
    if not covers(grants, target, access_groups=access_groups) and model not in grants:
        raise KeyModelAccessDenied(_denied(model))


def ensure_owners_allow(principal: Principal, model: str, *, access_groups: Collection[str] = ()) -> None:
    """A user's own list binds keys outside of teams only."""
    target = target_model(principal, model)
    if not covers(principal.organization_models, target, access_groups=access_groups):
        raise OrganizationModelAccessDenied(_denied(model))
    if not covers(principal.team_models, target, access_groups=access_groups):
        raise TeamModelAccessDenied(_denied(model))
    if not covers(principal.member_models, target, access_groups=access_groups):
        raise TeamModelAccessDenied(_denied(model))
    if principal.team_id is None and not covers(principal.user_models, target, access_groups=access_groups):
        raise UserModelAccessDenied(_denied(model))


def _denied(model: str) -> str:
    return (
        f"The requested model '{model[:200]}' is not available for this API key, or the model name is invalid. "
        "Check the models available to you and try again."
    )


def ensure_route_allowed(principal: Principal, path: str, policy: Policy) -> None:
    """Raises RouteDenied for what the key or the whole gateway does not offer."""
    if not covers_route(principal.allowed_routes, path):
        raise RouteDenied(
            "Virtual key is not allowed to call this route. Only allowed to call routes: "
            f"{list(principal.allowed_routes)}. Tried to call route: {path}"
        )
    if principal.is_admin:
        return
    if not covers_route(policy.allowed_routes, path):
        raise PermissionDenied(f"Route {path} not allowed")
    if policy.admin_only_routes and covers_route(policy.admin_only_routes, path):
        raise AuthenticationError(f"Authentication Error, user not allowed to access this route. Route={path}")


def _ensure_customer_served(
    customer_id: str, customer: KnownCustomer, model: str, *, access_groups: Collection[str]
) -> None:
    if customer.blocked:
        raise CustomerBlocked(f"User blocked from making LLM API Calls. User={customer_id}")
    if not covers(customer.allowed_models, model, access_groups=access_groups):
        raise CustomerModelAccessDenied(
            f"The requested model '{model[:200]}' is not in the allowed models for this customer. "
            "Check the models available to the customer and try again."
        )


def _ensure_params_given(principal: Principal, body: Mapping[str, Any], policy: Policy) -> None:
    if policy.enforce_user and "user" not in body:
        raise BadRequest("BadRequest: 'user' param not passed in. 'enforce_user_param'=True", param="user")
    own = principal.metadata.get("enforced_params")
    for name in (*policy.enforced_params, *(own if isinstance(own, (list, tuple)) else ())):
        if isinstance(name, str) and not _given(body, name):
            raise BadRequest(
                f"BadRequest please pass param={name} in request body. This is a required param", param=name
            )


def _given(body: Mapping[str, Any], dotted: str) -> bool:
    value: Any = body
    for part in dotted.split("."):
        if not isinstance(value, Mapping) or value.get(part) is None:
            return False
        value = value[part]
    return True


def is_allowed(principal: Principal, name: str, *, access_groups: Collection[str] = ()) -> bool:
    try:
        ensure_model_allowed(principal, name, access_groups=access_groups)
    except KeyModelAccessDenied:
        return False
    return True
