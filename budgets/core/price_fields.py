"""LiteLLM's price fields (`input_cost_per_token`, ...) as a price, or as sentences about what is wrong with them. Pure.

Dollars for one token, image, second, .... Beside its plain name a field may be there with `_above_<N>k_tokens` (for
prompts longer than that) and with `_batches`, `_flex`, `_priority`, ... (for a service tier).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from budgets.core.pricing import OtherRates, Price, Rate, SearchSize, Service, per_million

Fields = Mapping[str, Any]

_RATES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_creation": "cache_creation_input_token_cost",
    "cache_creation_1h": "cache_creation_input_token_cost_above_1hr",
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
    "answer": ("input_cost_per_request",),
    "prompt_image": ("input_cost_per_image",),
}
_PER_UNIT = {"millisecond": 1000}
_SEARCH = "search_context_cost_per_query"
_BY_SIZE = "tiered_pricing"
# Without one of these a model has no price: the rest are refinements.
_ENOUGH = (
    "input_cost_per_token", "output_cost_per_token", *_KINDS.values(), *(n for ns in _UNITS.values() for n in ns),
)  # fmt: skip
_SUFFIXES = {
    "_batches": Service.BATCH,
    "_flex": Service.FLEX,
    "_priority": Service.PRIORITY,
    "_balanced": Service.BALANCED,
    "_ultrafast": Service.ULTRAFAST,
}
_TOKEN_FIELDS = frozenset({*_RATES.values(), *_KINDS.values()})
_PLAIN_FIELDS = frozenset(_ENOUGH) - _TOKEN_FIELDS
_TIERED = re.compile(r"(?P<name>.+)_above_(?P<thousands>\d{1,6})k_tokens(?P<suffix>_[a-z]+)?")
# Dollars; beyond it a price is a slip of the pen, and no amount fits its column.
_DEAREST = 1000


def read_price(fields: Fields, *, from_the_edge: bool = False) -> Price | None:
    """None when the fields hold no price of their own. Raises ValueError when one of them is not a number.

    `from_the_edge`: a tier begins with a prompt of just its size, as at xAI, and not with a longer one.
    """
    by_size = _by_size(fields)
    if not by_size and all(fields.get(name) is None for name in _ENOUGH):
        return None
    book = _Book(fields, by_size, _tiers(fields), edge=1 if from_the_edge else 0)
    used = {suffix for name in fields if fields[name] is not None and (suffix := _suffix(name))}
    variants = [(_SUFFIXES[suffix].value, book.price(suffix)) for suffix in sorted(used)]
    return replace(book.price(""), variants=tuple(variants))


def price_fields(fields: Fields) -> dict[str, Any]:
    """Those that make a price, of whatever else a model is described by."""
    return {name: value for name, value in fields.items() if is_price_field(name) and value is not None}


def is_price_field(name: str) -> bool:
    return name in _PLAIN_FIELDS or name in (_SEARCH, _BY_SIZE) or _token_field(name) is not None


def unit_of(name: str) -> str:
    """What a price field is the price of one of; empty for one that holds several prices."""
    if _token_field(name) is not None:
        return "token"
    return name.rpartition("_per_")[2] if name in _PLAIN_FIELDS else ""


def problems(fields: Fields) -> list[str]:
    """A sentence about each field that cannot be used, and one when there is no price in them."""
    found = []
    for name in sorted(fields):
        if not is_price_field(name):
            found.append(f"{name} is not a price field.")
        elif fields[name] is not None:
            found += _problem(lambda: _check(name, fields[name]))  # noqa: B023 - called before the next
    if not found and read_price(fields) is None:
        found.append("There is no price: give input_cost_per_token, output_cost_per_token or a price of another unit.")
    return found


def _problem(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except ValueError as error:
        return [f"{error}.".replace("the price", "The price", 1)]
    return []


def _check(name: str, value: Any) -> None:
    if name == _SEARCH:
        _searches({name: value})
    elif name == _BY_SIZE:
        _by_size({name: value})
    else:
        _decimal(name, value)


@dataclass(frozen=True, slots=True)
class _Book:
    """`tiers` are the sizes, in thousands, from which a field has other prices."""

    fields: Fields
    by_size: Sequence[tuple[int, Fields]]
    tiers: Mapping[str, Sequence[int]]
    edge: int

    def price(self, suffix: str) -> Price:
        rates = {kind: self._rate(name, suffix) for kind, name in _RATES.items()}
        own = f"output_cost_per_token{suffix}"
        if suffix and self.fields.get(own) is not None and not self._has(f"{_RATES['reasoning']}{suffix}"):
            # Reasoning at a tier with a price for output is that tier's output.
            rates["reasoning"] = None
        return Price(
            input=rates["input"] or Rate(0),
            output=rates["output"] or Rate(0),
            cached=rates["cached"],
            cache_creation=rates["cache_creation"],
            reasoning=rates["reasoning"],
            cache_creation_1h=rates["cache_creation_1h"],
            others=self._others(suffix),
        )

    def _has(self, name: str) -> bool:
        return self.fields.get(name) is not None

    def _rate(self, name: str, suffix: str) -> Rate | None:
        base = self._plain(name, suffix)
        found = [
            (thousands * 1000 - self.edge, rate)
            for thousands in self.tiers.get(name, ())
            if (rate := self._plain(f"{name}_above_{thousands}k_tokens", suffix, flat=base)) is not None
        ]
        if any(name in step for _, step in self.by_size):
            (_, base), *found = [(start, _amount(name, _of_step(name, step))) for start, step in self.by_size]
        return None if base is None and not found else Rate(base or 0, tuple(found))

    def _plain(self, name: str, suffix: str, *, flat: int | None = None) -> int | None:
        """At a service tier without a price of its own, the usual one; of a batch, half of it."""
        if (own := self.fields.get(f"{name}{suffix}")) is not None:
            return _amount(f"{name}{suffix}", own)
        if not suffix or (usual := self.fields.get(name)) is None:
            return None
        if suffix != "_batches":
            return _amount(name, usual)
        # A batch's flat price holds for prompts of any length.
        return _amount(name, usual, share=2) if flat is None or not self._has(_flat(name) + suffix) else flat

    def _others(self, suffix: str) -> OtherRates | None:
        kinds: dict[str, Any] = {kind: self._rate(name, suffix) for kind, name in _KINDS.items()}
        units: dict[str, Any] = {unit: self._unit(names, each=_PER_UNIT.get(unit, 1)) for unit, names in _UNITS.items()}
        return sensible(OtherRates(**kinds, **units, **_searches(self.fields)))

    def _unit(self, names: Sequence[str], *, each: int) -> int:
        found = [_decimal(name, self.fields[name]) for name in names if self.fields.get(name) is not None]
        return per_million(next(filter(None, found), Decimal(0)) / each)


def sensible(rates: OtherRates) -> OtherRates | None:
    """None for a model of text alone. What has a price per token is not charged by the piece as well."""
    if rates.input_audio or rates.output_audio:
        rates = replace(rates, millisecond=0)
    if rates.input_image or rates.output_image:
        rates = replace(rates, image=0, prompt_image=0)
    return rates if rates != OtherRates() else None


def _tiers(fields: Fields) -> dict[str, list[int]]:
    found: dict[str, set[int]] = {}
    for name, value in fields.items():
        if value is not None and _token_field(name) and (tiered := _TIERED.fullmatch(name)):
            found.setdefault(tiered["name"], set()).add(int(tiered["thousands"]))
    return {name: sorted(sizes) for name, sizes in found.items()}


def _token_field(name: str) -> str | None:
    """The plain name of a field of tokens, whatever its size and service tier."""
    flat = _flat(name.removesuffix(_suffix(name)))
    return flat if flat in _TOKEN_FIELDS else None


def _flat(name: str) -> str:
    tiered = _TIERED.fullmatch(name)
    return name if tiered is None else tiered["name"]


def _suffix(name: str) -> str:
    """The ending that names a service tier, of a field of tokens."""
    found = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")
    return found if found and _flat(name.removesuffix(found)) in _TOKEN_FIELDS else ""


def _by_size(fields: Fields) -> list[tuple[int, Fields]]:
    """`tiered_pricing`: whole sets of prices by the size of the prompt, `{"range": [0, 32000], ...}`."""
    given = fields.get(_BY_SIZE)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(step, Mapping) for step in given):
        raise ValueError(f"{_BY_SIZE} is not a list of objects")
    steps: dict[int, Fields] = {}
    for step in given:
        bounds = step.get("range")
        if not isinstance(bounds, (list, tuple)) or len(bounds) != 2 or not _is_size(bounds[0]):
            raise ValueError(f"{_BY_SIZE} has an entry without a range of two numbers of tokens")
        for name in _TOKEN_FIELDS & step.keys():
            _decimal(f"{_BY_SIZE}.{name}", step[name])
        steps[int(bounds[0])] = {name: value for name, value in step.items() if value is not None}
    return sorted(steps.items(), key=lambda step: step[0])


# What a token costs of a kind that a set of prices has no price for.
_INSTEAD = {
    _RATES["cached"]: _RATES["input"],
    _RATES["cache_creation"]: _RATES["input"],
    _RATES["cache_creation_1h"]: _RATES["cache_creation"],
    _RATES["reasoning"]: _RATES["output"],
}


def _of_step(name: str, step: Fields) -> Any:
    while name not in step and name in _INSTEAD:
        name = _INSTEAD[name]
    return step.get(name, 0)


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 10**12


def _searches(fields: Fields) -> dict[str, Any]:
    """`search_context_cost_per_query`: by how much of the web a search reads; a size without a price is as medium."""
    given = fields.get(_SEARCH)
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        given = {f"search_context_size_{SearchSize.MEDIUM}": given}
    prices = {
        size: per_million(_decimal(f"{_SEARCH}.{name}", given[name]))
        for size in SearchSize
        if given.get(name := f"search_context_size_{size}") is not None
    }
    usual = prices.get(SearchSize.MEDIUM, max(prices.values(), default=0))
    return {f"search_{size}": prices.get(size, usual) for size in SearchSize}


def _amount(name: str, value: Any, *, share: int = 1) -> int:
    return per_million(_decimal(name, value) / share)


def _decimal(name: str, value: Any) -> Decimal:
    try:
        number = Decimal(str(value))
    except ArithmeticError:
        raise ValueError(f"the price {name} {value!r} is not a number") from None
    if not number.is_finite() or not 0 <= number <= _DEAREST:
        raise ValueError(f"the price {name} {value!r} is not a number of dollars from 0 to {_DEAREST}")
    return number
