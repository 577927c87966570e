"""What something would cost or has cost, by the prices of the deployments and of the table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from budgets.core.pricing import Cost, Price, Usage, cost
from budgets.prices import look_up_price
from proxy.core.measure import estimate_prompt
from proxy.core.operations import Operation
from proxy.core.usage import read_usage
from proxy.price_sources import stored_sources
from proxy.providers import split_model
from proxy.registry import RoutingTable
from teams.errors import Invalid


@dataclass(frozen=True, slots=True)
class Priced:
    provider: str
    price: Price


def priced(model: str, table: RoutingTable, *, team_id: str | None, now: datetime) -> Priced:
    """Of a model group its first deployment with a price, else of a deployment's model, else of the table.

    Raises Invalid for a model whose price nobody knows.
    """
    group = table.deployments(table.resolve(model), team_id=team_id)
    asked = [one for one in table.all_deployments() if model in (one.model, one.qualified_model)]
    for one in (*group, *asked):
        if one.price is not None:
            return Priced(one.provider.name, one.price.price)
    provider, name = split_model(model)
    if (price := look_up_price(provider=provider, model=name, now=now, sources=stored_sources())) is not None:
        return Priced(provider, price)
    raise Invalid(f"Bad Request - no price is known for model {model!r}", param="model")


def of_messages(messages: Sequence[Any], price: Price) -> Cost:
    """Of sending them, without an answer. Tokens are estimated."""
    return cost(Usage(prompt_tokens=estimate_prompt(Operation.CHAT, {"messages": list(messages)})), price)


def usage_of(answer: Mapping[str, Any]) -> Usage:
    """Raises Invalid for an answer that says nothing of its tokens."""
    if (usage := read_usage(answer.get("usage"))) is None:
        raise Invalid("Bad Request - completion_response has no usage", param="completion_response")
    return usage
