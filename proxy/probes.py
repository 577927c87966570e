"""Probes: whether a deployment answers, found out by the smallest real request of its kind.

The provider bills them, so each is in the ledger, under a key of its own that nobody's spend includes.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from alerts.addresses import Network
from budgets.core.pricing import FREE, Usage, cost
from budgets.entries import Entry
from budgets.models import HEALTH_CHECK_KEY, Basis
from proxy.attempt import new_id
from proxy.core.calls import Call, clean
from proxy.core.errors import BadRequest, UpstreamError, redact
from proxy.core.exchange import Exchange, exchange
from proxy.core.measure import Measured, measure
from proxy.core.probing import NOT_PROBED, only_stopped_short, operation_of, probe_seconds, question
from proxy.deployments import Deployment
from proxy.upstream import Upstream, parse_object

logger = logging.getLogger(__name__)

# The column's.
LONGEST_ERROR = 500
_MOST_LIMITS = 10
_LONGEST_LIMIT = 100
# In `Deployment.health`: why it cannot be asked, as the row stands.
PROBLEM = "health_check_problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """`status` is the upstream's, 0 when it was not asked; `note` says why it was not. `seconds` it took.

    `rate_limits` are its headers `x-ratelimit-remaining-*`. `usage` is None when nothing was served.
    """

    deployment_id: str
    healthy: bool
    at: datetime
    status: int = 0
    error: str = ""
    error_class: str = ""
    note: str = ""
    seconds: float = 0.0
    rate_limits: Mapping[str, str] = field(default_factory=dict)
    usage: Usage | None = None
    estimated: bool = False
    upstream_id: str = ""

    @property
    def asked(self) -> bool:
        return self.status != 0


async def probe(deployment: Deployment, upstream: Upstream, *, now: datetime, limit: float | None = None) -> Probe:
    """Ask once. `limit` is in seconds; without it the deployment's own, 60 where it has none. Never raises."""
    if problem := deployment.health.get(PROBLEM):
        return Probe(deployment_id=deployment.id, healthy=False, at=now, error=str(problem))
    found = _question(deployment)
    if isinstance(found, str):
        return Probe(deployment_id=deployment.id, healthy=True, at=now, note=f"not probed: {found}")
    call, way = found
    began = time.perf_counter()
    try:
        measured, limits, upstream_id = await _ask(
            deployment, upstream, call, way, now=now,
            limit=limit or probe_seconds(deployment.health.get("health_check_timeout")),
        )  # fmt: skip
    except BadRequest as error:
        return Probe(deployment_id=deployment.id, healthy=False, at=now, error=error.message[:LONGEST_ERROR])
    except UpstreamError as error:
        return _failed(deployment, error, now=now, seconds=time.perf_counter() - began)
    except Exception:
        # One deployment that nobody foresaw must not leave all others unlooked at.
        logger.exception("A probe failed in a way nobody foresaw", extra={"deployment": deployment.id})
        return Probe(
            deployment_id=deployment.id, healthy=False, at=now, status=500, error="The gateway could not ask it.",
            error_class="InternalServerError", seconds=time.perf_counter() - began,
        )  # fmt: skip
    return Probe(
        deployment_id=deployment.id, healthy=True, at=now, status=200, seconds=time.perf_counter() - began,
        rate_limits=limits, usage=measured.usage, estimated=measured.estimated, upstream_id=upstream_id,
    )  # fmt: skip


async def probe_all(
    deployments: Sequence[Deployment],
    upstream: Upstream,
    concurrency: int,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Probe]:
    """In the order of `deployments`, at most `concurrency` at a time."""
    gate = asyncio.Semaphore(concurrency)

    async def one(deployment: Deployment) -> Probe:
        async with gate:
            return await probe(deployment, upstream, now=clock())

    return await asyncio.gather(*map(one, deployments))


def run_probes(deployments: Sequence[Deployment], concurrency: int, *, networks: Iterable[Network] = ()) -> list[Probe]:
    """The same from a thread that has no event loop, with connections of its own.

    `networks` are private ones where deployments that the operator did not write may be, too.
    """

    async def run() -> list[Probe]:
        upstream = Upstream(networks)
        try:
            return await probe_all(deployments, upstream, concurrency)
        finally:
            await upstream.close()

    return asyncio.run(run())


def entry_of(deployment: Deployment, found: Probe) -> Entry:
    """What the ledger says of a probe that was sent."""
    usage, known = found.usage or Usage(), deployment.price
    basis = Basis.NONE if found.usage is None else Basis.ESTIMATED if found.estimated else Basis.USAGE
    units, unit = usage.counted
    charged = cost(usage, known.price) if known and found.usage else FREE
    entry_id = new_id()
    return Entry(
        id=entry_id,
        request_id=entry_id,
        attempt=0,
        call_id=f"health-{entry_id}",
        call_type="/health",
        upstream_id=found.upstream_id,
        status="failure" if found.usage is None else "success",
        status_code=found.status,
        error_class=found.error_class,
        started_at=found.at,
        ended_at=found.at + timedelta(seconds=found.seconds),
        key_hash=HEALTH_CHECK_KEY,
        key_alias=HEALTH_CHECK_KEY,
        tags=[HEALTH_CHECK_KEY],
        requested_model=deployment.model_group,
        model_group=deployment.model_group,
        deployment_id=deployment.id,
        provider=deployment.provider.name,
        model=deployment.model,
        stream=False,
        basis=basis.value,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        cache_creation_tokens=usage.cache_creation_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        units=units,
        unit=unit,
        service_tier=usage.service_tier,
        amount_nano=charged.total,
        original_nano=charged.original,
        price_id=known.snapshot_id if known else None,
    )


def _question(deployment: Deployment) -> tuple[Call, Exchange] | str:
    """The call and how its provider serves it, or why it is not made."""
    health = deployment.health
    if deployment.template is not None:
        return "a pattern needs model_info.health_check_model"
    operation = operation_of(health.get("mode"), deployment.model)
    if operation is None:
        return f"nothing is known to ask in mode {str(health.get('mode'))[:50]}"
    call = question(
        operation, provider=deployment.provider.name, model=deployment.model,
        max_tokens=health.get("health_check_max_tokens"),
    )  # fmt: skip
    if call is None:
        return f"{operation.replace('_', ' ')} costs too much to be asked for each time"
    way = exchange(operation, deployment.provider)
    return f"{deployment.provider.name} does not serve {operation}" if way is None else (call, way)


async def _ask(
    deployment: Deployment, upstream: Upstream, call: Call, way: Exchange, *, now: datetime, limit: float
) -> tuple[Measured, Mapping[str, str], str]:
    """What was served, what the limits are, and the provider's id of it. Raises UpstreamError or BadRequest."""
    defaults = {name: value for name, value in deployment.defaults.items() if name not in NOT_PROBED}
    request = way.request(call, deployment.target, defaults, now=now)
    answer = await upstream.complete(deployment, request, timeout=limit)
    told = parse_object(answer.content, deployment)
    upstream_id = clean(told["id"]) if isinstance(told.get("id"), str) else ""
    body, reported = way.answer(
        call, told, model=deployment.model, fallback_id="health-check", created=int(now.timestamp())
    )
    measured = measure(call.operation, call.body, body, answer.content, reported)
    return measured, _limits(answer.headers), upstream_id


def _limits(headers: Mapping[str, str]) -> Mapping[str, str]:
    told = (
        (name, value[:_LONGEST_LIMIT])
        for name, value in ((spelled.lower(), value) for spelled, value in headers.items())
        if name.startswith("x-ratelimit-remaining-") and len(name) <= _LONGEST_LIMIT and value.isprintable()
    )
    return dict(list(told)[:_MOST_LIMITS])


def _failed(deployment: Deployment, error: UpstreamError, *, now: datetime, seconds: float) -> Probe:
    message = redact(error.message, secrets=deployment.secrets)[:LONGEST_ERROR]
    healthy = error.status_code == 400 and only_stopped_short(message)
    return Probe(
        deployment_id=deployment.id, healthy=healthy, at=now, status=error.status_code, seconds=seconds,
        error="" if healthy else message, error_class="" if healthy else error.name,
    )  # fmt: skip
