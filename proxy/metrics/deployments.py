"""How deployments are, as metrics: there before the first request, and as all processes together see it now."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from proxy.core.deployment_state import deployment_state
from proxy.deployments import Deployment
from proxy.exposition import TextFamily
from proxy.metrics.gauges import Gauges
from proxy.metrics.labels import label_value
from proxy.quota import Left, Quotas
from proxy.registry import RoutingTable
from proxy.state import RouterState


def address(one: Deployment) -> Mapping[str, str]:
    """The labels that every metric has of it."""
    return {
        "model_group": label_value(one.model_group),
        "litellm_model_name": label_value(one.model),
        "model_id": label_value(one.id),
        "api_base": label_value(one.api_base),
        "api_provider": label_value(one.provider_name),
    }


@dataclass(slots=True, eq=False)
class DeploymentMetrics:
    """A collector. The state is the event loop's own; here it is only looked at."""

    gauges: Gauges
    table: Callable[[], RoutingTable]
    state: RouterState
    label: str = "deployments"

    def describe(self) -> list[TextFamily]:
        return []

    def collect(self) -> Iterator[TextFamily]:
        table = self.table()
        deployments = table.all_deployments()
        yield from self.gauges.of(
            "litellm_deployment_state",
            # Who was taken out of service by an admin is not ill.
            ((address(one), self._state_of(one, table)) for one in deployments if not one.blocked),
        )
        for name, limits in (
            ("litellm_deployment_tpm_limit", ((one, one.tpm) for one in deployments)),
            ("litellm_deployment_rpm_limit", ((one, one.rpm) for one in deployments)),
        ):
            yield from self.gauges.of(name, ((address(one), limit) for one, limit in limits if limit is not None))

    def _state_of(self, one: Deployment, table: RoutingTable) -> int:
        successes, failures = self.state.judged_by(one.id) if self.state.knows(one.id) else (0, 0)
        return deployment_state(
            self.state.state(one.id),
            successes=successes,
            failures=failures,
            failure_percent=table.router.outlier_failure_percent,
            minimum_requests=table.router.outlier_minimum_requests,
        )


@dataclass(slots=True, eq=False)
class QuotaMetrics:
    """A collector of what providers, or limits of our own, leave of a deployment.

    Labels of keys are there for LiteLLM's dashboards and say `None`: a quota is the deployment's and no key's.
    Raises redis.RedisError when Redis does not answer.
    """

    gauges: Gauges
    table: Callable[[], RoutingTable]
    state: RouterState
    quotas: Quotas
    label: str = "provider_quota"

    def describe(self) -> list[TextFamily]:
        return []

    def collect(self) -> Iterator[TextFamily]:
        told = self.quotas.read()
        found = [(address(one), self._left(one, told.get(one.id))) for one in self.table().all_deployments()]
        yield from self.gauges.of(
            "litellm_remaining_requests_metric",
            ((labels, left.requests) for labels, left in found if left.requests is not None),
        )
        yield from self.gauges.of(
            "litellm_remaining_tokens_metric",
            ((labels, left.tokens) for labels, left in found if left.tokens is not None),
        )

    def _left(self, one: Deployment, told: Left | None) -> Left:
        """What the provider says goes before what its own limits leave."""
        requests, tokens = (told.requests, told.tokens) if told else (None, None)
        if requests is None and one.rpm is not None:
            requests = max(0, one.rpm - (self.state.requests(one.id) if self.state.knows(one.id) else 0))
        if tokens is None and one.tpm is not None:
            tokens = max(0, one.tpm - (self.state.tokens(one.id) if self.state.knows(one.id) else 0))
        return Left(requests, tokens)
