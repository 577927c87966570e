"""The operator's discounts and margins (`cost_discount_config`, `cost_margin_config`), by provider. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Self

from budgets.core.pricing import SHARE, Terms, per_million

# Of the margins: what holds for providers without one of their own.
EVERYBODY = "global"
_MOST_MARGIN = 100
_MOST_FIXED = 1000


@dataclass(frozen=True, slots=True)
class AllTerms:
    """`discounts` are shares, `margins` a share and a fixed amount, as Terms has them."""

    discounts: Mapping[str, int] = field(default_factory=dict)
    margins: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, discounts: Any, margins: Any) -> tuple[Self, list[str]]:
        """The two settings as they are stored, and a sentence about each part of them that is not used."""
        doubts: list[str] = []
        found_discounts: dict[str, int] = {}
        found_margins: dict[str, tuple[int, int]] = {}
        for name, value in _entries("cost_discount_config", discounts, doubts):
            try:
                found_discounts[name] = read_discount(value)
            except ValueError as error:
                doubts.append(f"litellm_settings.cost_discount_config.{name} {error}; it is not used")
        for name, value in _entries("cost_margin_config", margins, doubts):
            try:
                found_margins[name] = read_margin(value)
            except ValueError as error:
                doubts.append(f"litellm_settings.cost_margin_config.{name} {error}; it is not used")
        return cls(found_discounts, found_margins), doubts

    def of(self, provider: str) -> Terms | None:
        """LiteLLM's rule: a provider's own margin goes before the global one; discounts are never global."""
        margin, fixed = self.margins.get(provider) or self.margins.get(EVERYBODY) or (0, 0)
        terms = Terms(self.discounts.get(provider, 0), margin, fixed)
        return terms if terms != Terms() else None


def _entries(setting: str, given: Any, doubts: list[str]) -> list[tuple[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, Mapping):
        doubts.append(f"litellm_settings.{setting} is not a mapping of providers; it is not used")
        return []
    return [(str(name), value) for name, value in given.items()]


def read_discount(value: Any) -> int:
    """A share from 0 to 1, in parts of SHARE. Raises ValueError."""
    return _share(_number(value, most=1, kind="a share from 0 to 1, such as 0.05"))


def read_margin(value: Any) -> tuple[int, int]:
    """A share, or an object of `percentage` (a share as well) and `fixed_amount` (dollars an answer).

    Raises ValueError.
    """
    kind = f"a share from 0 to {_MOST_MARGIN}, such as 0.1"
    if not isinstance(value, Mapping):
        return _share(_number(value, most=_MOST_MARGIN, kind=kind)), 0
    if unknown := sorted(map(str, value.keys() - {"percentage", "fixed_amount"})):
        raise ValueError(f"has {unknown[0][:40]!r}; known are percentage and fixed_amount")
    if not value:
        raise ValueError("must have a percentage or a fixed_amount")
    share = _number(value.get("percentage", 0), most=_MOST_MARGIN, kind=f"{kind}, in percentage")
    fixed = _number(
        value.get("fixed_amount", 0), most=_MOST_FIXED, kind=f"dollars from 0 to {_MOST_FIXED}, in fixed_amount"
    )
    return _share(share), per_million(fixed)


def _number(value: Any, *, most: int, kind: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise ValueError(f"must be {kind}") from None
    if not number.is_finite() or not 0 <= number <= most:
        raise ValueError(f"must be {kind}")
    return number


def _share(number: Decimal) -> int:
    return int((number * SHARE).quantize(Decimal(1), rounding=ROUND_HALF_UP))
