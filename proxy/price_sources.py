"""Where the prices of deployments come from besides their own rows: the stored settings, and the operator's table."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from budgets.core.terms import AllTerms
from budgets.price_book import load_price_book
from budgets.prices import Sources, known_snapshots
from proxy.models import ConfigField, Section

_DISCOUNTS, _MARGINS = "cost_discount_config", "cost_margin_config"


def stored_sources() -> Sources:
    """For a deployment that is built alone; whoever builds many asks `sources_of` once."""
    fields = ConfigField.objects.filter(section=Section.LITELLM, name__in=(_DISCOUNTS, _MARGINS))
    terms, _ = _terms({field.name: field.value for field in fields})
    return Sources(terms, load_price_book(now=timezone.now()))


def sources_of(litellm: Mapping[str, Any], *, now: datetime) -> tuple[Sources, list[str]]:
    """By the stored litellm_settings, and a sentence about each of their values that is not used."""
    terms, doubts = _terms(litellm)
    return Sources(terms, load_price_book(now=now), known_snapshots()), doubts


def _terms(litellm: Mapping[str, Any]) -> tuple[AllTerms, list[str]]:
    return AllTerms.read(litellm.get(_DISCOUNTS), litellm.get(_MARGINS))
