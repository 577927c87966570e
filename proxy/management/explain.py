"""What happened to a request, and what would happen to one."""

import time
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet

from proxy.core.calls import clean
from proxy.explain import MOST_REQUESTS, explain, named, visible
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.key_lists import hashed
from proxy.management.schemas import explain as schemas
from proxy.models import RequestTrace
from proxy.preview import preview_now
from proxy.prospects import Question
from proxy.runtime import running
from proxy.trace_policy import Kept, TracePolicy
from teams.errors import NotFound
from teams.snapshot import Principal

# A trace is written a moment after its answer.
WAIT_SECONDS = 1.0
_POLL_SECONDS = 0.1
_KEPT = {
    Kept.ALL: "Traces are kept for {retention}.",
    Kept.FAILURES: "Traces are kept of failed and retried requests only, for {retention}.",
    Kept.NONE: "No traces are kept: general_settings.request_traces is false.",
}


class Explain(ManagementViewSet):
    tag = "explain"

    @route("GET", "/explain/<path:call_id>", access=Access.ANY, answer=schemas.Explanation)
    def explain(self, call: Call, call_id: str) -> Any:
        """What happened to a request: who was asked, who was not and why, what was told and what it cost.

        By its x-litellm-call-id, or by the request id of the ledger. Requests of others do not exist for you.
        """
        rows = _found(named(visible(call.reach), call_id))
        if not rows:
            raise NotFound(f"No request {clean(call_id)} is known. {_kept(running().policy.traces)}", param="call_id")
        found = {"call_id": rows[0].call_id, "requests": explain(rows)}
        return schemas.Explanation.model_validate(found).model_dump(mode="json", by_alias=True)

    @route("POST", "/route/preview", access=Access.ANY, body=schemas.RoutePreview, answer=schemas.Previewed, reads=True)
    def preview(self, call: Call, body: schemas.RoutePreview) -> dict[str, Any]:
        """What would happen to a request, without calling anybody: who may be asked, retries and fallbacks."""
        now = datetime.now(UTC)
        principal = _principal(call, body.key, now=now)
        if body.team_id:
            principal = running().keys.in_team(principal, body.team_id)
        question = Question(
            model=body.model,
            operation=body.operation,
            tags=tuple(map(clean, body.tags)),
            stream=body.stream,
            prompt_tokens=body.prompt_tokens,
        )
        return preview_now(question, principal, runtime=running(), now=now)


def _found(rows: QuerySet[RequestTrace]) -> list[RequestTrace]:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := list(rows.all()[:MOST_REQUESTS])) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return found


def _kept(policy: TracePolicy) -> str:
    hours = policy.retention.total_seconds() / 3600
    retention = f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"
    return _KEPT[policy.kept].format(retention=retention)


def _principal(call: Call, key: str | None, *, now: datetime) -> Principal:
    """Of a key that the caller sees. Raises NotFound."""
    if not key:
        return call.principal
    found = _named_key(call, key)
    principal = running().keys.find(found, now=now) if found else None
    if principal is None:
        raise NotFound("Key not found, or not one of yours.", param="key")
    return principal


def _named_key(call: Call, name: str) -> str | None:
    """The hash of a key that is named by itself, its hash or its alias."""
    if (own := hashed(name)) == call.principal.key_hash:
        return own
    keys = call.reach.keys().order_by()
    found = keys.filter(token_hash=own).values_list("token_hash", flat=True).first()
    return found or keys.filter(alias=name).values_list("token_hash", flat=True).first()
