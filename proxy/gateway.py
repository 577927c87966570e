"""A completion, step by step: who asks, for what, may they, who serves it, what did it cost, here is the answer."""

import json
import random
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from budgets.core.pricing import Usage
from budgets.ledger import LedgerUnavailable
from budgets.models import Basis
from proxy import auth
from proxy.attempt import Attempt
from proxy.core.chat import ChatRequest, clean, parse_chat, parse_object
from proxy.core.errors import BadRequest, ModelUnavailable, UnknownModel, UpstreamError
from proxy.core.routing import simple_shuffle
from proxy.headers import common_headers, cost_headers, forwarded_headers
from proxy.policy import Policy
from proxy.registry import Deployment
from proxy.request import LeanRequest
from proxy.runtime import Runtime
from proxy.streaming import Relay, RelayResponse, estimate_tokens
from teams.snapshot import Principal


async def complete_chat(request: LeanRequest, runtime: Runtime) -> HttpResponseBase:
    """Raises ApiError. The ledger entry is durable before the last byte is given."""
    arrived = time.perf_counter()
    principal = request.principal = runtime.identify(request.META)
    call_id = _call_id(request)
    raw = await request.read_json_body()
    runtime.policy.ensure_size_allowed(len(raw))
    body = parse_object(raw)
    chat = parse_chat(body, route=request.path)
    if customer_id := _customer_id(request, runtime.policy):
        chat = replace(chat, end_user=customer_id)
    model = auth.target_model(principal, chat.model)
    auth.ensure_completion_allowed(
        principal,
        path=request.path,
        model=chat.model,
        access_groups=runtime.table.access_groups.get(model, ()),
        body=body,
        customer_id=chat.end_user,
        customer=runtime.keys.customer(chat.end_user),
        policy=runtime.policy,
        now=datetime.now(UTC),
    )
    deployment = _pick(runtime, principal, model, asked=chat.model)
    content = _upstream_body(chat, deployment)
    attempt = Attempt(runtime, principal, chat, deployment, route=request.path, call_id=call_id, arrived=arrived)
    try:
        if chat.stream:
            return await _stream(request, attempt, content)
        return await _whole(attempt, content)
    except LedgerUnavailable:
        raise ModelUnavailable("The gateway cannot keep its books at the moment, so it does not serve.") from None


def _customer_id(request: LeanRequest, policy: Policy) -> str:
    """The end user that a header names; it goes before the body's."""
    for header in policy.customer_headers:
        if named := request.META.get(header):
            return clean(named)
    return ""


def _pick(runtime: Runtime, principal: Principal, model: str, *, asked: str) -> Deployment:
    deployments = runtime.table.deployments(model, team_id=principal.team_id)
    if not deployments:
        raise UnknownModel(clean(asked))
    return simple_shuffle(deployments, chance=runtime.chance)


async def _whole(attempt: Attempt, content: bytes) -> HttpResponse:
    deployment = attempt.deployment
    sent = time.perf_counter()
    try:
        answer = await attempt.runtime.upstream.complete(deployment, content)
    except UpstreamError as error:
        await attempt.fail(error)
        error.headers.update(common_headers(attempt), **{"x-litellm-response-cost": "0"})
        raise
    received = time.perf_counter()
    body = answer.body
    attempt.upstream_id = clean(body["id"]) if isinstance(body.get("id"), str) else ""
    usage = deployment.provider.usage(body.get("usage"))
    basis = Basis.USAGE if usage else Basis.ESTIMATED
    await attempt.succeed(usage or _estimate(attempt, body), basis=basis)
    response = HttpResponse(_answer_body(body, attempt.chat.model), content_type="application/json")
    headers = response.headers
    for name, value in common_headers(attempt).items():
        headers[name] = value
    for name, value in cost_headers(attempt.cost, known=deployment.price is not None):
        headers[name] = value
    total = time.perf_counter() - attempt.arrived
    headers["x-litellm-response-duration-ms"] = f"{total * 1000:.3f}"
    headers["x-litellm-overhead-duration-ms"] = f"{(total - (received - sent)) * 1000:.3f}"
    for name, value in forwarded_headers(answer.headers):
        headers[name] = value
    return response


def _answer_body(body: dict[str, Any], model: str) -> bytes:
    """Under the name the client asked for."""
    if "model" in body:
        body["model"] = model
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        # Nested too deeply for this encoder; the answer is paid for all the same.
        return json.dumps(body).encode()


async def _stream(request: LeanRequest, attempt: Attempt, content: bytes) -> RelayResponse:
    try:
        upstream = await attempt.runtime.upstream.stream(attempt.deployment, content)
    except UpstreamError as error:
        await attempt.fail(error)
        error.headers.update(common_headers(attempt), **{"x-litellm-response-cost": "0"})
        raise
    headers = {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        # nginx and its like would hold a stream back until it ends.
        "X-Accel-Buffering": "no",
        **common_headers(attempt),
        **dict(forwarded_headers(upstream.headers)),
    }
    return RelayResponse(Relay(upstream, attempt, gone=request.client_gone).parts(), headers=headers)


def _upstream_body(chat: ChatRequest, deployment: Deployment) -> bytes:
    """Raises BadRequest for what the decoder takes and the encoder does not: very deep nesting."""
    try:
        return orjson.dumps({**deployment.defaults, **chat.upstream, "model": deployment.model})
    except orjson.JSONEncodeError:
        raise BadRequest("Invalid JSON payload: nested too deeply.", param="request_body") from None


def _estimate(attempt: Attempt, body: Mapping[str, Any]) -> Usage:
    """An upstream that reports no usage is charged by length: four bytes a token, as the entry's basis says."""
    choices = body.get("choices")
    return Usage(
        prompt_tokens=estimate_tokens(attempt.chat.upstream["messages"]),
        completion_tokens=estimate_tokens(choices) if choices else 0,
    )


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
