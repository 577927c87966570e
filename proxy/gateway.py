"""A client's request, step by step: who asks, for what, may they, who serves it, what did it cost."""

import json
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from budgets.ledger import LedgerUnavailable
from budgets.models import Basis
from proxy import auth
from proxy.admission import admit, cap_answers
from proxy.answers import WholeAnswer
from proxy.attempt import Attempt, new_id
from proxy.core.calls import NO_OPTIONS, Call, clean, parse_call, parse_object, parse_retries, parse_seconds
from proxy.core.errors import BadRequest, ModelUnavailable, UpstreamError
from proxy.core.exchange import exchange
from proxy.core.fallback import client_fallbacks
from proxy.core.forms import parse_form
from proxy.core.measure import measure
from proxy.core.operations import Operation, answers_json
from proxy.core.settings import RouterSettings
from proxy.core.trace import Trace
from proxy.headers import common_headers, cost_headers, forwarded_headers
from proxy.metrics.labels import label_value
from proxy.policy import Policy
from proxy.registry import RoutingTable
from proxy.request import LeanRequest
from proxy.router import Router
from proxy.run import Run, merged_metadata
from proxy.runtime import Runtime
from proxy.streaming import Relay, RelayResponse
from proxy.upstream import Answer
from proxy.upstream import parse_object as parse_answer
from teams.errors import BudgetExceeded, KeyModelAccessDenied
from teams.snapshot import Principal


async def serve(
    request: LeanRequest, runtime: Runtime, operation: Operation, *, model: str = ""
) -> WholeAnswer | RelayResponse:
    """`model` is the one that the path names, if it does. Raises ApiError.

    The ledger entry is durable before the last byte is given.
    """
    arrived = request.arrived
    trace = request.trace = Trace(
        call_id="", request_id=new_id(), began_at=datetime.now(UTC), route=request.path, operation=operation
    )
    principal = request.principal = runtime.identify(request.META)
    trace.key_hash, trace.key_alias = principal.key_hash, principal.key_alias or ""
    trace.user_id, trace.team_id = principal.user_id or "", principal.team_id or ""
    trace.call_id = call_id = _call_id(request)
    body, size = await _read_body(request, runtime, operation)
    call = _with_headers(parse_call(operation, body, route=request.path, model=model), request, runtime.policy)
    if principal.tags:
        call = replace(call, tags=tuple(dict.fromkeys((*call.tags, *map(clean, principal.tags)))))
    trace.model, trace.stream, trace.tags = clean(call.model), call.stream, call.tags
    trace.end_user = call.end_user
    run = _authorized(request, runtime, principal, call=call, body=body, trace=trace, arrived=arrived, call_id=call_id)
    run.prompt_bytes = size
    runtime.under_way.add(run)
    try:
        await _admit(run)
        router = Router(run, trace.model_group)
        if call.stream:
            request.watch()
            return _stream_response(await router.answer(_open_stream))
        return await router.answer(_ask_whole)
    except BaseException as error:
        runtime.under_way.discard(run)
        if run.grant is not None:
            run.grant.release()
        if isinstance(error, LedgerUnavailable):
            raise ModelUnavailable("The gateway cannot keep its books at the moment, so it does not serve.") from None
        raise


async def _admit(run: Run) -> None:
    """By budgets and limits, or by those of a model that the key names for when they refuse. Raises ApiError."""
    trace = run.trace
    try:
        run.grant = await admit(run, trace.model_group)
    except BudgetExceeded as error:
        for name in _budget_fallbacks(run):
            group = run.runtime.table.resolve(name)
            try:
                auth.ensure_model_allowed(run.principal, name, access_groups=run.runtime.table.grants(name))
                run.grant = await admit(run, group)
            except (BudgetExceeded, KeyModelAccessDenied):
                continue
            trace.note("budget_fallback", model_group=group, after=trace.model_group, because=error.message)
            trace.model_group = group
            run.fallbacks += 1
            break
        else:
            raise
    cap_answers(run)


def _budget_fallbacks(run: Run) -> list[str]:
    found = run.principal.budget_fallbacks
    named = found.get(run.call.model, found.get(run.trace.model_group, ()))
    return [name for name in named if isinstance(name, str)] if isinstance(named, (list, tuple)) else []


async def _read_body(request: LeanRequest, runtime: Runtime, operation: Operation) -> tuple[dict[str, Any], int]:
    """The body, and its size in bytes."""
    is_form = operation is Operation.TRANSCRIPTION
    raw = await (request.read_form_body() if is_form else request.read_json_body())
    runtime.policy.ensure_size_allowed(len(raw))
    body = parse_form(raw, request.META["CONTENT_TYPE"]) if is_form else parse_object(raw)
    return body, len(raw)


def _authorized(
    request: LeanRequest,
    runtime: Runtime,
    principal: Principal,
    *,
    call: Call,
    body: Mapping[str, Any],
    trace: Trace,
    arrived: float,
    call_id: str,
) -> Run:
    """Every check that needs no store. Raises ApiError."""
    table = runtime.table
    named = auth.target_model(principal, call.model)
    trace.model_group = group = table.resolve(named)
    if group != call.model:
        trace.note("alias", asked=clean(call.model), model_group=group)
    auth.ensure_completion_allowed(
        principal,
        path=request.path,
        model=call.model,
        access_groups=table.grants(named),
        body=body,
        customer_id=call.end_user,
        customer=runtime.keys.customer(call.end_user),
        policy=runtime.policy,
        now=datetime.now(UTC),
    )
    settings = table.router
    if call.options is not NO_OPTIONS or principal.router_settings:
        settings = _own_settings(principal, call, table, trace)
        _ensure_fallbacks_allowed(principal, call, table)
    custom = runtime.metrics.settings.custom
    deadline = call.options.timeout
    run = request.run = Run(
        runtime=runtime,
        request=request,
        principal=principal,
        call=call,
        settings=settings,
        route=request.route or request.path,
        call_id=call_id,
        request_id=trace.request_id,
        arrived=arrived,
        trace=trace,
        deadline=None if deadline is None else arrived + deadline,
        stream_timeout=call.options.stream_timeout,
        custom=custom.values(merged_metadata(call.metadata, principal.metadata), call.tags) if custom.names else (),
        requested=_requested(call.model, principal, table),
    )
    return run


def _requested(model: str, principal: Principal, table: RoutingTable) -> str:
    """What metrics call it: never a name that a client could make up."""
    return label_value(model) if model in principal.aliases else table.label_of(model, team_id=principal.team_id)


def _own_settings(principal: Principal, call: Call, table: RoutingTable, trace: Trace) -> RouterSettings:
    """What is stored on the key or its team goes before what the client sends. Raises BadRequest for the latter."""
    if principal.router_settings:
        try:
            return table.router.overridden(principal.router_settings, stored=True)
        except ValueError as error:
            trace.note("ignored", setting="router_settings of the key or team", because=str(error))
            return table.router
    if call.options.overrides is None:
        return table.router
    try:
        return table.router.overridden(call.options.overrides)
    except ValueError as error:
        raise BadRequest(f"router_settings_override: {error}", param="router_settings_override") from None


def _ensure_fallbacks_allowed(principal: Principal, call: Call, table: RoutingTable) -> None:
    """A client that names a fallback must be allowed to call it. Raises KeyModelAccessDenied."""
    for name in client_fallbacks(call.options):
        auth.ensure_model_allowed(principal, name, access_groups=table.grants(auth.target_model(principal, name)))


def _with_headers(call: Call, request: LeanRequest, policy: Policy) -> Call:
    """What a client says in headers: its customer, tags, time-outs and retries. The body's word goes first."""
    meta = request.META
    if customer := next((meta[name] for name in policy.customer_headers if meta.get(name)), ""):
        call = replace(call, end_user=clean(customer))
    if tags := meta.get("HTTP_X_LITELLM_TAGS"):
        found = (clean(tag.strip()) for tag in tags.split(",", 64)[:64])
        call = replace(call, tags=tuple(dict.fromkeys((*call.tags, *filter(None, found)))))
    wishes: dict[str, Any] = {}
    for header, name, parse in _WISHES:
        if (given := meta.get(header)) is not None and getattr(call.options, name) is None:
            wishes[name] = parse(given, param=header.removeprefix("HTTP_").replace("_", "-").lower())
    return replace(call, options=replace(call.options, **wishes)) if wishes else call


_WISHES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("HTTP_X_LITELLM_TIMEOUT", "timeout", parse_seconds),
    ("HTTP_X_LITELLM_STREAM_TIMEOUT", "stream_timeout", parse_seconds),
    ("HTTP_X_LITELLM_NUM_RETRIES", "num_retries", parse_retries),
)


async def _ask_whole(attempt: Attempt) -> WholeAnswer:
    """Raises UpstreamError, settled, or LedgerUnavailable."""
    run, deployment = attempt.run, attempt.deployment
    call, runtime = run.call, run.runtime
    way = exchange(call.operation, deployment.provider)
    assert way is not None, "the router asks only who can serve"
    request = way.request(call, deployment.target, deployment.defaults, now=datetime.now(UTC))
    sent = time.perf_counter()
    try:
        answer = await runtime.upstream.complete(deployment, request, timeout=attempt.timeout)
        received = time.perf_counter()
        body, reported = None, None
        if answers_json(call.operation, call.body):
            body = parse_answer(answer.content, deployment)
            attempt.upstream_id = clean(body["id"]) if isinstance(body.get("id"), str) else ""
            body, reported = way.answer(
                call,
                body,
                model=run.shown_model(deployment),
                fallback_id=run.answer_id,
                created=int(attempt.started_at.timestamp()),
            )
    except UpstreamError as error:
        await attempt.fail(error)
        error.headers.update(common_headers(attempt), **{"x-litellm-response-cost": "0"})
        raise
    measured = measure(call.operation, call.body, body, answer.content, reported)
    await attempt.succeed(measured.usage, basis=Basis.ESTIMATED if measured.estimated else Basis.USAGE)
    total = time.perf_counter() - run.arrived
    headers = [
        ("content-type", "application/json" if body is not None else _media_type(answer)),
        *common_headers(attempt).items(),
        *cost_headers(attempt.cost, price=deployment.price.price if deployment.price else None),
        ("x-litellm-response-duration-ms", f"{total * 1000:.3f}"),
        ("x-litellm-overhead-duration-ms", f"{(total - (received - sent)) * 1000:.3f}"),
        *forwarded_headers(answer.headers),
    ]
    run.close(attempt, status=200)
    return WholeAnswer(answer.content if body is None else _encode(body), headers)


def _media_type(answer: Answer) -> str:
    told = answer.headers.get("content-type", "")
    return told if told and told.isascii() and told.isprintable() else "application/octet-stream"


def _encode(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        # Nested too deeply for this encoder; the answer is paid for all the same.
        return json.dumps(body).encode()


async def _open_stream(attempt: Attempt) -> Relay:
    """Raises UpstreamError, settled, as long as the client has not seen a byte."""
    run, deployment = attempt.run, attempt.deployment
    way = exchange(run.call.operation, deployment.provider)
    assert way is not None, "the router asks only who can serve"
    request = way.request(run.call, deployment.target, deployment.defaults, now=datetime.now(UTC))
    try:
        try:
            upstream = await run.runtime.upstream.stream(deployment, request, timeout=attempt.timeout)
        except UpstreamError as error:
            await attempt.fail(error)
            raise
        relay = Relay(upstream, attempt, way)
        await relay.open()
    except UpstreamError as error:
        error.headers.update(common_headers(attempt), **{"x-litellm-response-cost": "0"})
        raise
    return relay


def _stream_response(relay: Relay) -> RelayResponse:
    headers = [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-cache"),
        # nginx and its like would hold a stream back until it ends.
        ("x-accel-buffering", "no"),
        *common_headers(relay.attempt).items(),
        *forwarded_headers(relay.headers),
    ]
    return RelayResponse(relay, headers)


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
