"""A completion, step by step: who asks, for what, may they, who serves it, what did it cost, here is the answer."""

import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from budgets.core.pricing import NANO, Cost, Usage
from budgets.ledger import LedgerUnavailable
from budgets.models import Basis
from proxy import auth
from proxy.attempt import Attempt
from proxy.core.chat import ChatRequest, clean, parse_chat
from proxy.core.errors import BadRequest, ModelUnavailable, UnknownModel, UpstreamError
from proxy.core.routing import simple_shuffle
from proxy.registry import Deployment
from proxy.request import LeanRequest
from proxy.runtime import Runtime
from proxy.streaming import Relay, RelayResponse, estimate_tokens
from proxy.version import VERSION
from teams.snapshot import Principal


@dataclass(frozen=True, slots=True)
class Call:
    """A client's request once it is known who calls."""

    principal: Principal
    route: str
    call_id: str
    arrived: float


async def complete_chat(request: LeanRequest, principal: Principal, runtime: Runtime) -> HttpResponseBase:
    """Raises ApiError. The ledger entry is durable before the last byte is given."""
    call = Call(principal, route=request.path, call_id=_call_id(request), arrived=time.perf_counter())
    chat = parse_chat(await request.read_json_body(), route=request.path)
    deployment = _pick(runtime, principal, chat)
    attempt = Attempt(
        runtime, principal, chat, deployment, route=call.route, call_id=call.call_id, arrived=call.arrived
    )
    try:
        if chat.stream:
            return await _stream(request, attempt)
        return await _whole(attempt)
    except LedgerUnavailable:
        raise ModelUnavailable("The gateway cannot keep its books at the moment, so it does not serve.") from None


def _pick(runtime: Runtime, principal: Principal, chat: ChatRequest) -> Deployment:
    auth.ensure_model_allowed(principal, chat.model)
    deployments = runtime.table.groups.get(chat.model)
    if not deployments:
        raise UnknownModel(clean(chat.model))
    return simple_shuffle(deployments, chance=runtime.chance)


async def _whole(attempt: Attempt) -> HttpResponse:
    deployment = attempt.deployment
    sent = time.perf_counter()
    try:
        answer = await attempt.runtime.upstream.complete(deployment, _upstream_body(attempt))
    except UpstreamError as error:
        await attempt.fail(error)
        error.headers.update(_common_headers(attempt), **{"x-litellm-response-cost": "0"})
        raise
    received = time.perf_counter()
    body = answer.body
    attempt.upstream_id = clean(body["id"]) if isinstance(body.get("id"), str) else ""
    usage = deployment.provider.usage(body.get("usage"))
    basis = Basis.USAGE if usage else Basis.ESTIMATED
    await attempt.succeed(usage or _estimate(attempt, body), basis=basis)
    if "model" in body:
        body["model"] = attempt.chat.model
    response = HttpResponse(orjson.dumps(body), content_type="application/json")
    headers = response.headers
    for name, value in _common_headers(attempt).items():
        headers[name] = value
    for name, value in _cost_headers(attempt.cost, known=deployment.price is not None):
        headers[name] = value
    total = time.perf_counter() - attempt.arrived
    headers["x-litellm-response-duration-ms"] = f"{total * 1000:.3f}"
    headers["x-litellm-overhead-duration-ms"] = f"{(total - (received - sent)) * 1000:.3f}"
    for name, value in forwarded_headers(answer.headers):
        headers[name] = value
    return response


async def _stream(request: LeanRequest, attempt: Attempt) -> RelayResponse:
    try:
        upstream = await attempt.runtime.upstream.stream(attempt.deployment, _upstream_body(attempt))
    except UpstreamError as error:
        await attempt.fail(error)
        error.headers.update(_common_headers(attempt), **{"x-litellm-response-cost": "0"})
        raise
    headers = {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        # nginx and its like would hold a stream back until it ends.
        "X-Accel-Buffering": "no",
        **_common_headers(attempt),
        **dict(forwarded_headers(upstream.headers)),
    }
    return RelayResponse(Relay(upstream, attempt, gone=request.client_gone).parts(), headers=headers)


def _upstream_body(attempt: Attempt) -> dict[str, Any]:
    return {**attempt.deployment.defaults, **attempt.chat.upstream, "model": attempt.deployment.model}


def _estimate(attempt: Attempt, body: Mapping[str, Any]) -> Usage:
    """An upstream that reports no usage is charged by length: four bytes a token, as the entry's basis says."""
    choices = body.get("choices")
    return Usage(
        prompt_tokens=estimate_tokens(attempt.chat.upstream["messages"]),
        completion_tokens=estimate_tokens(choices) if choices else 0,
    )


def _common_headers(attempt: Attempt) -> dict[str, str]:
    return {
        "x-litellm-call-id": attempt.call_id,
        **dict(attempt.deployment.answer_headers),
        "x-litellm-model-group": attempt.deployment.model_group,
        "x-litellm-version": VERSION,
        "x-litellm-attempted-retries": "0",
        "x-litellm-attempted-fallbacks": "0",
        **dict(attempt.principal.limit_headers),
    }


def _cost_headers(cost: Cost, *, known: bool) -> list[tuple[str, str]]:
    """Dollars, as LiteLLM writes them; nothing at all when no price is known."""
    if not known:
        return []
    parts = (
        ("x-litellm-response-cost", cost.total),
        ("x-litellm-response-cost-original", cost.total),
        ("x-litellm-response-cost-input", cost.input),
        ("x-litellm-response-cost-output", cost.output),
        ("x-litellm-response-cost-cache-read", cost.cache_read),
        ("x-litellm-response-cost-cache-creation", cost.cache_creation),
        ("x-litellm-response-cost-reasoning", cost.reasoning),
    )
    return [(name, repr(nano / NANO)) for name, nano in parts[:2]] + [
        (name, repr(nano / NANO)) for name, nano in parts[2:] if nano
    ]


# Ours to decide, or only true between the upstream and us.
_NOT_FORWARDED = frozenset(
    {"connection", "content-encoding", "content-length", "keep-alive", "set-cookie", "trailer", "transfer-encoding"}
)


def forwarded_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The upstream's headers under `llm_provider-`, its rate limits also under their own names."""
    found = []
    for name, value in headers.items():
        if name in _NOT_FORWARDED or not value.isprintable():
            continue
        found.append((f"llm_provider-{name}", value))
        if name.startswith("x-ratelimit-"):
            found.append((name, value))
    return found


_random_bits = random.Random().getrandbits  # noqa: S311 - an id, not a secret
_CALL_ID = re.compile(r"[\w.:@/+=-]{1,128}", re.ASCII)


def _call_id(request: LeanRequest) -> str:
    """The client's own or a new one. Raises BadRequest for one that could not go into a header or a log."""
    given: str | None = request.META.get("HTTP_X_LITELLM_CALL_ID")
    if given is None:
        return str(UUID(int=_random_bits(128), version=4))
    if not _CALL_ID.fullmatch(given):
        raise BadRequest(
            "x-litellm-call-id must be 1 to 128 letters, digits or any of ._:@/+=-", param="x-litellm-call-id"
        )
    return given
