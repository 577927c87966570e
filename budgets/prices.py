"""Where a price comes from: the deployment's own fields, then the `genai-prices` table (offline).

Prices are looked up when the routing table is built, never while a request waits.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from budgets.core.pricing import NANO, OtherRates, Price, Rate, per_million
from budgets.models import PriceSnapshot

# LiteLLM's names of our providers, where the table has others.
_TABLE_PROVIDERS = {
    "azure_ai": "azure",
    "bedrock": "aws",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "moonshot": "moonshotai",
    "text-completion-openai": "openai",
    "together_ai": "together",
    "vertex_ai": "google",
    "voyage": "voyageai",
    "xai": "x-ai",
    "zhipu": "zhipuai",
}


@dataclass(frozen=True, slots=True)
class KnownPrice:
    """A price and the row that proves it."""

    snapshot_id: int
    price: Price


def find_price(*, provider: str, model: str, params: Mapping[str, Any], now: datetime) -> KnownPrice | None:
    """The price of a deployment, stored as a snapshot; None when nobody knows one.

    `params` are LiteLLM's price fields (`input_cost_per_token`, ...), dollars per token, image, second, ....
    Raises ValueError when one of them is not a number.
    """
    if (price := _own_price(params)) is not None:
        return _snapshot(price, provider=provider, model=model, source="deployment")
    if (price := _table_price(provider, model, now=now)) is not None:
        return _snapshot(price, provider=provider, model=model, source="genai-prices")
    return None


# LiteLLM's names. Without one of the first a model has no price of its own: the rest are refinements.
_RATES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_creation": "cache_creation_input_token_cost",
    "reasoning": "output_cost_per_reasoning_token",
}
_KINDS = {
    "input_audio": "input_cost_per_audio_token",
    "input_image": "input_cost_per_image_token",
    "output_audio": "output_cost_per_audio_token",
    "output_image": "output_cost_per_image_token",
}
# An image or a second is charged once; LiteLLM's own table has either or both of the names for the same thing.
_UNITS = {
    "image": ("output_cost_per_image", "input_cost_per_image"),
    "millisecond": ("output_cost_per_second", "input_cost_per_second"),
    "character": ("input_cost_per_character",),
    "query": ("input_cost_per_query",),
}
_PER_UNIT = {"millisecond": 1000}
_ENOUGH = (
    "input_cost_per_token",
    "output_cost_per_token",
    *_KINDS.values(),
    *(n for ns in _UNITS.values() for n in ns),
)


def _own_price(params: Mapping[str, Any]) -> Price | None:
    if all(params.get(name) is None for name in _ENOUGH):
        return None
    own, kinds = _own_rates(_RATES, params), _own_rates(_KINDS, params)
    units = {unit: _unit(params, names, each=_PER_UNIT.get(unit, 1)) for unit, names in _UNITS.items()}
    return Price(
        input=own.get("input", Rate(0)),
        output=own.get("output", Rate(0)),
        cached=own.get("cached"),
        cache_creation=own.get("cache_creation"),
        reasoning=own.get("reasoning"),
        others=_others(
            OtherRates(
                input_audio=kinds.get("input_audio"),
                input_image=kinds.get("input_image"),
                output_audio=kinds.get("output_audio"),
                output_image=kinds.get("output_image"),
                image=units["image"],
                millisecond=units["millisecond"],
                character=units["character"],
                query=units["query"],
            )
        ),
    )


def _own_rates(names: Mapping[str, str], params: Mapping[str, Any]) -> dict[str, Rate]:
    return {
        kind: Rate(per_million(_decimal(name, params[name])))
        for kind, name in names.items()
        if params.get(name) is not None
    }


def _unit(params: Mapping[str, Any], names: Sequence[str], *, each: int) -> int:
    found = [_decimal(name, params[name]) for name in names if params.get(name) is not None]
    return per_million(next(filter(None, found), Decimal(0)) / each)


def _others(rates: OtherRates) -> OtherRates | None:
    """Nothing for a model of text. What has a price per token is not charged by the piece as well."""
    if rates.input_audio or rates.output_audio:
        rates = replace(rates, millisecond=0)
    if rates.input_image or rates.output_image:
        rates = replace(rates, image=0)
    return rates if rates != OtherRates() else None


# Dollars; beyond it a price is a slip of the pen, and no amount fits its column.
_DEAREST = 1000


def _decimal(name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise ValueError(f"the price {name} {value!r} is not a number") from None
    if not number.is_finite() or not 0 <= number <= _DEAREST:
        raise ValueError(f"the price {name} {value!r} is not a number of dollars from 0 to {_DEAREST}")
    return number


def context_window(*, provider: str, model: str) -> int | None:
    """How many tokens a prompt may have, where the table knows."""
    found = _in_table(provider, model)
    return found.context_window if found else None


def _table_price(provider: str, model: str, *, now: datetime) -> Price | None:
    found = _in_table(provider, model)
    prices = found.get_prices(now) if found else None
    if prices is None:
        return None
    others = _table_others(prices)
    if (input_rate := _rate(prices.input_mtok)) is None and others is None:
        return None
    return Price(
        input=input_rate or Rate(0),
        output=_rate(prices.output_mtok) or Rate(0),
        cached=_rate(prices.cache_read_mtok),
        cache_creation=_rate(prices.cache_write_mtok),
        reasoning=_rate(prices.output_reasoning_mtok),
        others=others,
    )


_MS_AN_HOUR = 3_600_000


def _table_others(prices: ModelPrice) -> OtherRates | None:
    """The table has no price of an image, a query or a second; it has hours, and thousands of requests."""
    hour = _plain(prices.input_audio_hours) or _plain(prices.audio_hours)
    return _others(
        OtherRates(
            input_audio=_rate(prices.input_audio_mtok),
            input_image=_rate(prices.input_image_mtok),
            output_audio=_rate(prices.output_audio_mtok),
            output_image=_rate(prices.output_image_mtok),
            millisecond=per_million(hour / _MS_AN_HOUR),
            character=_nano(_plain(prices.input_mchars)),
            answer=per_million(_plain(prices.requests_kcount) / 1000),
        )
    )


def _plain(price: Decimal | TieredPrices | None) -> Decimal:
    """Tiers go by the size of a prompt, which audio and characters do not have."""
    return price.base if isinstance(price, TieredPrices) else price or Decimal(0)


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
    if price.others is None:
        # A model of text has the digest that it always had.
        del rates["others"]
    digest = hashlib.sha256(orjson.dumps([provider, model, source, rates])).hexdigest()
    row, _ = PriceSnapshot.objects.get_or_create(
        digest=digest, defaults={"provider": provider, "model": model, "source": source, "rates": rates}
    )
    return KnownPrice(snapshot_id=row.pk, price=price)
