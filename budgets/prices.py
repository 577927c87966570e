"""Where a price comes from: the deployment's own fields, then the `genai-prices` table (offline).

Prices are looked up when the routing table is built, never while a request waits.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, TieredPrices

from budgets.core.pricing import NANO, Price, Rate, per_million
from budgets.models import PriceSnapshot

# LiteLLM's names of our providers, where the table has others.
_TABLE_PROVIDERS = {
    "azure_ai": "azure",
    "bedrock": "aws",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "moonshot": "moonshotai",
    "together_ai": "together",
    "vertex_ai": "google",
    "xai": "x-ai",
}


@dataclass(frozen=True, slots=True)
class KnownPrice:
    """A price and the row that proves it."""

    snapshot_id: int
    price: Price


def find_price(*, provider: str, model: str, params: Mapping[str, Any], now: datetime) -> KnownPrice | None:
    """The price of a deployment, stored as a snapshot; None when nobody knows one.

    `params` are LiteLLM's price fields (`input_cost_per_token`, ...), dollars per token.
    Raises ValueError when one of them is not a number.
    """
    if (price := _own_price(params)) is not None:
        return _snapshot(price, provider=provider, model=model, source="deployment")
    if (price := _table_price(provider, model, now=now)) is not None:
        return _snapshot(price, provider=provider, model=model, source="genai-prices")
    return None


def _own_price(params: Mapping[str, Any]) -> Price | None:
    rates = {
        "input": params.get("input_cost_per_token"),
        "output": params.get("output_cost_per_token"),
        "cached": params.get("cache_read_input_token_cost"),
        "cache_creation": params.get("cache_creation_input_token_cost"),
        "reasoning": params.get("output_cost_per_reasoning_token"),
    }
    if rates["input"] is None and rates["output"] is None:
        return None
    own = {name: Rate(per_million(_decimal(name, value))) for name, value in rates.items() if value is not None}
    return Price(
        input=own.get("input", Rate(0)),
        output=own.get("output", Rate(0)),
        cached=own.get("cached"),
        cache_creation=own.get("cache_creation"),
        reasoning=own.get("reasoning"),
    )


# Dollars per token; beyond it a price is a slip of the pen, and no amount fits its column.
_DEAREST = 1000


def _decimal(name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise ValueError(f"the {name} price {value!r} is not a number") from None
    if not number.is_finite() or not 0 <= number <= _DEAREST:
        raise ValueError(f"the {name} price {value!r} is not a number of dollars per token from 0 to {_DEAREST}")
    return number


def context_window(*, provider: str, model: str) -> int | None:
    """How many tokens a prompt may have, where the table knows."""
    found = _in_table(provider, model)
    return found.context_window if found else None


def _table_price(provider: str, model: str, *, now: datetime) -> Price | None:
    found = _in_table(provider, model)
    prices = found.get_prices(now) if found else None
    if prices is None or (input_rate := _rate(prices.input_mtok)) is None:
        return None
    return Price(
        input=input_rate,
        output=_rate(prices.output_mtok) or Rate(0),
        cached=_rate(prices.cache_read_mtok),
        cache_creation=_rate(prices.cache_write_mtok),
        reasoning=_rate(prices.output_reasoning_mtok),
    )


def _in_table(provider: str, model: str) -> ModelInfo | None:
    table = get_snapshot()
    table_provider = _TABLE_PROVIDERS.get(provider, provider)
    # For a provider it does not know the table guesses by the model's name; a price must not be a guess.
    if all(known.id != table_provider for known in table.providers):
        return None
    try:
        _, found = table.find_provider_model(model, None, table_provider, None)
    except LookupError:
        return None
    return found


def _rate(price: Decimal | TieredPrices | None) -> Rate | None:
    if price is None:
        return None
    if isinstance(price, TieredPrices):
        return Rate(_nano(price.base), tuple((tier.start, _nano(tier.price)) for tier in price.tiers))
    return Rate(_nano(price))


def _nano(dollars_per_million: Decimal) -> int:
    return round(dollars_per_million * NANO)


def _snapshot(price: Price, *, provider: str, model: str, source: str) -> KnownPrice:
    rates = asdict(price)
    digest = hashlib.sha256(orjson.dumps([provider, model, source, rates])).hexdigest()
    row, _ = PriceSnapshot.objects.get_or_create(
        digest=digest, defaults={"provider": provider, "model": model, "source": source, "rates": rates}
    )
    return KnownPrice(snapshot_id=row.pk, price=price)
