"""What would happen to a request: who would be asked, who would be passed over and why, without asking anybody.

The decisions are those of a real request (proxy.auth, proxy.core.routing, fallback and retries); nothing is counted.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from django.utils.translation import gettext as _

from proxy import auth
from proxy.core import errors
from proxy.core.calls import clean
from proxy.core.operations import Operation
from proxy.core.settings import RouterSettings
from proxy.deployments import Deployment
from proxy.policy import Policy
from proxy.prospects import FleetView, Link, Prospect, Prospects, Question
from proxy.registry import RoutingTable
from teams.authentication import ensure_current, ensure_not_blocked, ensure_team_not_blocked
from teams.errors import ApiError
from teams.snapshot import Principal

if TYPE_CHECKING:
    from proxy.runtime import Runtime

ROUTES: Mapping[Operation, str] = {
    Operation.CHAT: "/v1/chat/completions",
    Operation.COMPLETION: "/v1/completions",
    Operation.EMBEDDING: "/v1/embeddings",
    Operation.MESSAGES: "/v1/messages",
    Operation.RESPONSES: "/v1/responses",
    Operation.MODERATION: "/v1/moderations",
    Operation.IMAGE: "/v1/images/generations",
    Operation.TRANSCRIPTION: "/v1/audio/transcriptions",
    Operation.SPEECH: "/v1/audio/speech",
    Operation.RERANK: "/v1/rerank",
}
# What fails, by the list of fallbacks that it calls for.
_FAILURES: Mapping[str, ApiError] = {
    "error": errors.UpstreamFailure("", provider=""),
    "context_window": errors.ContextWindowExceeded("", provider=""),
    "content_policy": errors.ContentPolicyViolation("", provider=""),
}


def preview_now(question: Question, principal: Principal, *, runtime: "Runtime", now: datetime) -> dict[str, Any]:
    """By what this process knows. For a thread without an event loop. May look up the price of a pattern's model."""

    def find(name: str) -> Sequence[Deployment]:
        return async_to_sync(runtime.group_of)(name, team_id=principal.team_id).deployments

    return preview(
        question, principal=principal, table=runtime.table, view=runtime.state, policy=runtime.policy, find=find,
        crossings=runtime.spending.crossings, now=now,
    )  # fmt: skip


def preview(
    question: Question,
    *,
    principal: Principal,
    table: RoutingTable,
    view: FleetView,
    policy: Policy,
    find: Callable[[str], Sequence[Deployment]],
    crossings: Callable[[Sequence[str]], Sequence[str]],
    now: datetime,
) -> dict[str, Any]:
    """`find` gives a group's deployments, those of a pattern for the model that was asked; `crossings` is Spending's.

    `error` is what the client would be told at once. Whoever may not call the model is told no more of it.
    """
    settings = _settings(principal, table)
    question = replace(question, tags=tuple(dict.fromkeys((*question.tags, *principal.tags))))
    answer: dict[str, Any] = {
        "allowed": False,
        "error": None,
        "summary": "",
        "model": clean(question.model),
        "caller": {
            "key": principal.key_hash,
            "key_alias": principal.key_alias,
            "user_id": principal.user_id,
            "team_id": principal.team_id,
        },
        "operation": str(question.operation),
        "stream": question.stream,
        "tags": list(question.tags),
    }
    try:
        _ensure_allowed(question, principal, table, policy, now=now)
    except ApiError as error:
        return {**answer, "error": told(error), "summary": _("Refused: %(why)s") % {"why": error.message}}
    prospects = Prospects(question, principal, table, view, settings, find, crossings)
    group = prospects.group(table.resolve(auth.target_model(principal, question.model)))
    chains = {kind: list(prospects.chain(group.name, error)) for kind, error in _FAILURES.items()}
    served_by = group.name if group.selection.eligible else _first_that_serves(chains["error"])
    answer |= {
        "allowed": bool(served_by),
        "error": None if served_by or group.error is None else told(group.error),
        "summary": _summary(group, served_by, settings),
        "resolution": list(_resolution(question.model, principal, table)),
        "model_group": group.name,
        "served_by": served_by,
        "strategy": settings.routing_strategy,
        "eligible": len(group.selection.eligible),
        "candidates_count": len(group.deployments),
        "candidates": list(prospects.candidates(group)),
        "retries": prospects.retries(group),
        "fallbacks": {kind: [link.as_json() for link in chain] for kind, chain in chains.items()},
    }
    return answer


def told(error: ApiError) -> dict[str, Any]:
    """A refusal as the client would see it."""
    return {
        "status": error.status_code,
        "class": getattr(error, "name", type(error).__name__),
        "type": error.type,
        "message": error.message,
    }


def _settings(principal: Principal, table: RoutingTable) -> RouterSettings:
    """With those of the key or its team; such as make no sense are ignored by real requests, too."""
    try:
        return table.router.overridden(principal.router_settings, stored=True)
    except ValueError:
        return table.router


def _ensure_allowed(
    question: Question, principal: Principal, table: RoutingTable, policy: Policy, *, now: datetime
) -> None:
    """In the order of a real request (proxy.auth.ensure_completion_allowed), without what depends on its body."""
    model = question.model
    groups = table.grants(auth.target_model(principal, model))
    ensure_not_blocked(principal)
    auth.ensure_key_allows(principal, model, access_groups=groups)
    ensure_current(principal, now=now)
    auth.ensure_route_allowed(principal, ROUTES[question.operation], policy)
    ensure_team_not_blocked(principal)
    auth.ensure_owners_allow(principal, model, access_groups=groups)


def _resolution(model: str, principal: Principal, table: RoutingTable) -> Iterator[dict[str, str]]:
    """From the name that was asked for to the group, a step each."""
    if (target := auth.target_model(principal, model)) != model:
        yield {"by": "alias of the key or its team", "from": clean(model), "to": target}
    if (group := table.resolve(target)) != target:
        yield {"by": "model_group_alias", "from": target, "to": group}
    if not table.group(group, team_id=principal.team_id).deployments and (matched := table.pattern_of(group)):
        yield {"by": "pattern", "from": clean(group), "to": matched[0]}


def _first_that_serves(chain: Sequence[Link]) -> str:
    return next((link.group.name for link in chain if link.permitted and link.group.selection.eligible), "")


def _summary(group: Prospect, served_by: str, settings: RouterSettings) -> str:
    eligible, all_of_them = len(group.selection.eligible), len(group.deployments)
    facts = {
        "group": group.name, "number": eligible, "all": all_of_them, "strategy": settings.routing_strategy,
        "fallback": served_by,
    }  # fmt: skip
    if eligible == all_of_them == 1:
        return _("%(group)s would serve it by its only deployment.") % facts
    if eligible:
        if eligible == 1:
            said = _("%(group)s would serve it: 1 of %(all)d deployments may be asked, it is the only one left.")
        else:
            said = _("%(group)s would serve it: %(number)d of %(all)d deployments may be asked, by %(strategy)s.")
        return said % facts
    if served_by:
        return _("%(group)s has nobody to ask at the moment; the fallback %(fallback)s would serve it.") % facts
    return _("Refused: %(why)s") % {"why": group.error.message if group.error else _("nobody may be asked.")}
