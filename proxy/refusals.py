"""Why none of a group's deployments may be asked, in LiteLLM's words."""

from collections.abc import Callable, Sequence

from proxy.core.calls import clean
from proxy.core.errors import BudgetCrossed, NoDeploymentAvailable, PriceUnknown, TagsDenied, UnknownModel
from proxy.core.routing import Skip
from proxy.core.settings import RouterSettings
from teams.errors import ApiError


def nobody_to_ask(
    model: str,
    skipped: Sequence[tuple[str, Skip]],
    *,
    cooling_seconds: Callable[[str], float],
    crossings: Callable[[Sequence[str]], Sequence[str]],
    settings: RouterSettings,
) -> ApiError:
    """`cooling_seconds` says how long a deployment still cools down, `crossings` which budgets of these are crossed."""
    reasons = {reason for _, reason in skipped}
    if reasons == {Skip.TAGS}:
        return TagsDenied()
    if Skip.BUDGET in reasons and reasons <= {Skip.BUDGET, Skip.DRAINED}:
        return BudgetCrossed(crossings([name for name, _ in skipped]))
    if Skip.NO_PRICE in reasons and reasons <= {Skip.NO_PRICE, Skip.DRAINED}:
        return PriceUnknown(clean(model))
    if reasons <= {Skip.DRAINED}:
        return UnknownModel(clean(model))
    cooling = [name for name, reason in skipped if reason in (Skip.COOLDOWN, Skip.PROBING)]
    return NoDeploymentAvailable(
        clean(model),
        retry_after=min(map(cooling_seconds, cooling), default=0.0),
        cooling=cooling,
        reasons=sorted(map(str, reasons)),
        pre_call_checks=settings.enable_pre_call_checks,
    )
