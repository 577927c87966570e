"""Prices that are published: the `genai-prices` table, offline."""

from datetime import datetime
from decimal import Decimal

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from budgets.core.price_fields import sensible
from budgets.core.pricing import NANO, OtherRates, Price, Rate, per_million

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


def context_window(*, provider: str, model: str) -> int | None:
    """How many tokens a prompt may have, where the table knows."""
    found = _in_table(provider, model)
    return found.context_window if found else None


def published_price(*, provider: str, model: str, now: datetime) -> Price | None:
    """None when the table does not know one."""
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
        cache_creation_1h=_rate(prices.cache_write_1h_mtok),
        others=others,
    )


_MS_AN_HOUR = 3_600_000


def _table_others(prices: ModelPrice) -> OtherRates | None:
    """The table has no price of an image, a query or a second; it has hours, and thousands of requests."""
    hour = _plain(prices.input_audio_hours) or _plain(prices.audio_hours)
    search = per_million(_plain(prices.web_searches_kcount) / 1000)
    return sensible(
        OtherRates(
            input_audio=_rate(prices.input_audio_mtok),
            input_image=_rate(prices.input_image_mtok),
            output_audio=_rate(prices.output_audio_mtok),
            output_image=_rate(prices.output_image_mtok),
            millisecond=per_million(hour / _MS_AN_HOUR),
            character=_nano(_plain(prices.input_mchars)),
            answer=per_million(_plain(prices.requests_kcount) / 1000),
            search_low=search,
            search_medium=search,
            search_high=search,
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
