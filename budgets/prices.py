"""Where a price comes from: the deployment's own fields, the operator's table, the published one; and on which terms.

Prices are looked up when the routing table is built, never while a request waits.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

import orjson

from budgets.core.price_fields import read_price
from budgets.core.pricing import Price
from budgets.core.terms import AllTerms
from budgets.models import PriceSnapshot
from budgets.price_book import BookEntry, PriceBook
from budgets.published_prices import context_window, published_price

# LiteLLM's rule for xAI: the dearer tier begins with a prompt of just its size.
_FROM_THE_EDGE = frozenset({"xai"})


@dataclass(frozen=True, slots=True)
class KnownPrice:
    """A price and the row that proves it."""

    snapshot_id: int
    price: Price


@dataclass(frozen=True, slots=True)
class Sources:
    """What is asked beside a deployment's own fields; read once for all deployments.

    `snapshots` are rows that are known to be there, by their digest.
    """

    terms: AllTerms = field(default_factory=AllTerms)
    book: PriceBook = field(default_factory=PriceBook)
    snapshots: Mapping[str, int] = field(default_factory=dict, repr=False)


NO_SOURCES = Sources()


def find_price(
    *, provider: str, model: str, params: Mapping[str, Any], now: datetime, sources: Sources = NO_SOURCES
) -> KnownPrice | None:
    """The price of a deployment, stored as a snapshot; None when nobody knows one.

    `params` are LiteLLM's price fields (`input_cost_per_token`, ...), dollars per token, image, second, ....
    Raises ValueError when one of them is not a number.
    """
    found = (
        _own_price(provider, model, params)
        or _price_of_book(provider, model, sources.book)
        or _published(provider, model, now=now)
    )
    if found is None:
        return None
    # Whatever table the price is from, the terms are those of who is asked.
    found = replace(found, price=replace(found.price, terms=sources.terms.of(provider)))
    return KnownPrice(snapshot_id=_snapshot_id(found, sources.snapshots), price=found.price)


def look_up_price(*, provider: str, model: str, now: datetime, sources: Sources = NO_SOURCES) -> Price | None:
    """What the tables say, for who only asks: nothing is stored."""
    found = _price_of_book(provider, model, sources.book) or _published(provider, model, now=now)
    return replace(found.price, terms=sources.terms.of(provider)) if found else None


def output_limit(*, provider: str, model: str, params: Mapping[str, Any], sources: Sources = NO_SOURCES) -> int | None:
    """How many tokens an answer may have: as the deployment says, else as the table of prices does."""
    entry = _entry(provider, model, sources.book)
    for limits in (params, entry.limits if entry else {}):
        for name in ("max_output_tokens", "max_tokens"):
            if (limit := _limit(limits.get(name))) is not None:
                return limit
    return None


def input_limit(*, provider: str, model: str, sources: Sources = NO_SOURCES) -> int | None:
    """How many tokens a prompt may have, as the table of prices says, else as is published."""
    entry = _entry(provider, model, sources.book)
    limit = _limit(entry.limits.get("max_input_tokens")) if entry else None
    return limit if limit is not None else context_window(provider=provider, model=model)


def deprecation_date(*, provider: str, model: str, book: PriceBook) -> date | None:
    """When the provider takes the model out of service, as the table of prices says."""
    entry = _entry(provider, model, book)
    return entry.deprecation_date if entry else None


def _limit(value: Any) -> int | None:
    """A number of tokens; what is none, a deployment's own form says."""
    try:
        limit = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return limit if limit > 0 and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True)
class _Found:
    price: Price
    provider: str
    model: str
    source: str


def _own_price(provider: str, model: str, params: Mapping[str, Any]) -> _Found | None:
    price = read_price(params, from_the_edge=provider in _FROM_THE_EDGE)
    return None if price is None else _Found(price, provider, model, "deployment")


def _price_of_book(provider: str, model: str, book: PriceBook) -> _Found | None:
    for known_provider, known_model in _names(provider, model):
        if (entry := book.find(known_provider, known_model)) is None:
            continue
        if (price := price_of_fields(known_provider, entry.prices)) is not None:
            return _Found(price, known_provider, entry.model, "table")
    return None


def price_of_fields(provider: str, prices: Mapping[str, Any]) -> Price | None:
    """A row of the operator's table as a price; None when it has none, or one that cannot be read."""
    try:
        return read_price(prices, from_the_edge=provider in _FROM_THE_EDGE)
    except ValueError:
        return None


def _entry(provider: str, model: str, book: PriceBook) -> BookEntry | None:
    found = (book.find(*name) for name in _names(provider, model))
    return next((entry for entry in found if entry is not None), None)


def _published(provider: str, model: str, *, now: datetime) -> _Found | None:
    for known_provider, known_model in reversed(_names(provider, model)):
        if (price := published_price(provider=known_provider, model=known_model, now=now)) is not None:
            return _Found(price, known_provider, known_model, "genai-prices")
    return None


def _names(provider: str, model: str) -> list[tuple[str, str]]:
    """Either a prefix names whose model it really is, or it is part of the model's own name (meta-llama/...)."""
    prefix, slash, name = model.partition("/")
    return [(provider, model), (prefix, name)] if slash else [(provider, model)]


def _snapshot_id(found: _Found, known: Mapping[str, int]) -> int:
    rates = proof(found.price)
    digest = hashlib.sha256(orjson.dumps([found.provider, found.model, found.source, rates])).hexdigest()
    if (snapshot_id := known.get(digest)) is not None:
        return snapshot_id
    row, _ = PriceSnapshot.objects.get_or_create(
        digest=digest,
        defaults={"provider": found.provider, "model": found.model, "source": found.source, "rates": rates},
    )
    return row.pk


def known_snapshots() -> dict[str, int]:
    """For whoever builds many deployments: most of their prices have their row already."""
    return dict(PriceSnapshot.objects.order_by().values_list("digest", "pk"))


def proof(price: Price) -> dict[str, Any]:
    """A price as a row keeps it. What was not there when rows were first kept is left out where there is none of it:

    the same price has the digest that it always had.
    """
    rates = asdict(replace(price, variants=()))
    for name in ("others", "cache_creation_1h", "variants", "terms"):
        if not rates[name]:
            del rates[name]
    if price.others is not None:
        rates["others"] = {name: value for name, value in rates["others"].items() if value or name not in _LATER_RATES}
    if price.variants:
        rates["variants"] = {name: proof(variant) for name, variant in price.variants}
    return rates


_LATER_RATES = frozenset({"prompt_image", "search_low", "search_medium", "search_high"})
