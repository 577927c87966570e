"""How a budget or limit that refuses is told: LiteLLM's sentences (api.md 4.3, 4.5), and when it will be otherwise."""

from datetime import datetime, timedelta

from budgets.core.admission import Refused, RefusedBy
from budgets.core.allowances import owner_and_model
from budgets.models import Scope
from budgets.request_limits import Counter, Meter, Parallel
from teams.errors import BudgetExceeded, RateLimited
from teams.money import to_dollars
from teams.principal import Principal

_LEAST_SECONDS = 1


def budget_exceeded(
    counter: Counter, refused: Refused, principal: Principal, *, status: int, floor_nano: int = 0
) -> BudgetExceeded:
    """What is spent counts as the current cost; beside it, what requests in flight hold and what this one needs."""
    told = _sentence(counter, refused, principal)
    if refused.spent < counter.check.limit_nano:
        if refused.held:
            told += f" ({_dollars(refused.held)} more is held by requests in flight)"
        told += f" This request may cost {_dollars(floor_nano)} or more."
    if counter.ends is not None:
        told += f" Budget resets at {_time(counter.ends)}."
    return BudgetExceeded(told, status=status)


def _sentence(counter: Counter, refused: Refused, principal: Principal) -> str:
    one = counter.allowance
    spent, limit = to_dollars(refused.spent), to_dollars(counter.check.limit_nano)
    if one.scope == Scope.KEY_MODEL:
        model = owner_and_model(one.entity_id)[1]
        return (
            f"LiteLLM Virtual Key: {principal.key_hash}, key_alias: {principal.key_alias}, "
            f"exceeded budget for model={model} Current cost: {spent}, Max budget: {limit}"
        )
    if one.is_further:
        whose = "Key" if one.scope == Scope.KEY else _subject(one.scope, one.entity_id, principal)
        return f"ExceededBudget: {whose} over {one.window} budget. Spend=${spent:.4f}, Limit=${limit:.2f}"
    if one.scope == Scope.USER:
        return f"ExceededBudget: User={one.entity_id} over budget. Spend={spent}, Budget={limit}"
    if one.scope == Scope.CUSTOMER:
        return f"ExceededBudget: End User={one.entity_id} over budget. Spend={spent}, Budget={limit}"
    subject = _subject(one.scope, one.entity_id, principal)
    return f"Budget has been exceeded!{f' {subject}' if subject else ''} Current cost: {spent}, Max budget: {limit}"


def _subject(scope: str, entity_id: str, principal: Principal) -> str:
    if scope == Scope.PROXY:
        return ""
    if scope == Scope.KEY:
        return f"Key={principal.key_alias or 'key'} ({principal.key_name})"
    if scope == Scope.MEMBER:
        return f"User={principal.user_id} in Team={principal.team_id}"
    if scope == Scope.TEAM_MODEL:
        team, model = owner_and_model(entity_id)
        return f"Team={team} for model={model}"
    return f"{_WORDS.get(Scope(scope), scope.title())}={entity_id}"


_WORDS = {Scope.USER: "User", Scope.CUSTOMER: "End User", Scope.ORGANIZATION: "Organization", Scope.TEAM: "Team"}
_LIMIT_TYPES = {
    RefusedBy.REQUESTS: "requests",
    RefusedBy.TOKENS: "tokens",
    RefusedBy.PARALLEL: "max_parallel_requests",
}


def rate_limited(limit: Meter | Parallel, refused: Refused, *, now: datetime) -> RateLimited:
    kind = _LIMIT_TYPES[refused.kind]
    most = _most(limit, refused.kind)
    seconds = max(_LEAST_SECONDS, -(-refused.retry_after_ms // 1000))
    reset_at = _time(now + timedelta(seconds=seconds))
    return RateLimited(
        f"Rate limit exceeded for {limit.name}: {limit.value}. Limit type: {kind}. Current limit: {most}, "
        f"Remaining: {max(0, most - refused.used)}. Limit resets at: {reset_at}",
        headers={"retry-after": str(seconds), "rate_limit_type": kind, "reset_at": reset_at},
    )


def _most(limit: Meter | Parallel, kind: RefusedBy) -> int:
    if isinstance(limit, Parallel):
        return limit.check.limit
    most = limit.check.requests if kind == RefusedBy.REQUESTS else limit.check.tokens
    return most or 0


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _dollars(nano: int) -> str:
    return f"{to_dollars(nano)}"
