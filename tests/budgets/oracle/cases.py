"""What is compared: LiteLLM's price fields, an answer's usage and, for some, the operator's terms."""

import itertools
import random
from collections.abc import Iterator
from typing import Any

Case = dict[str, Any]

# Plain, cached and reasoning; tiers by size; an hour in the cache; service tiers; audio; images as tokens.
SHEETS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("openai", {"input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5}),
    "cached": (
        "openai",
        {"input_cost_per_token": 1.5e-7, "output_cost_per_token": 6e-7, "cache_read_input_token_cost": 7.5e-8},
    ),
    "reasoning": (
        "openai",
        {
            "input_cost_per_token": 1.1e-6, "output_cost_per_token": 4.4e-6, "cache_read_input_token_cost": 2.75e-7,
            "output_cost_per_reasoning_token": 6.6e-6,
        },
    ),
    "hour": (
        "anthropic",
        {
            "input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5, "cache_read_input_token_cost": 3e-7,
            "cache_creation_input_token_cost": 3.75e-6, "cache_creation_input_token_cost_above_1hr": 6e-6,
        },
    ),
    "long": (
        "anthropic",
        {
            "input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5, "cache_read_input_token_cost": 3e-7,
            "cache_creation_input_token_cost": 3.75e-6, "cache_creation_input_token_cost_above_1hr": 6e-6,
            "input_cost_per_token_above_200k_tokens": 6e-6, "output_cost_per_token_above_200k_tokens": 2.25e-5,
            "cache_read_input_token_cost_above_200k_tokens": 6e-7,
            "cache_creation_input_token_cost_above_200k_tokens": 7.5e-6,
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-5,
        },
    ),
    "two sizes": (
        "openai",
        {
            "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "cache_read_input_token_cost": 1e-7,
            "input_cost_per_token_above_128k_tokens": 3e-6, "input_cost_per_token_above_256k_tokens": 5e-6,
            "output_cost_per_token_above_256k_tokens": 7e-6,
        },
    ),
    "edge": (
        "xai",
        {
            "input_cost_per_token": 2e-7, "output_cost_per_token": 5e-7, "cache_read_input_token_cost": 5e-8,
            "input_cost_per_token_above_128k_tokens": 4e-7, "output_cost_per_token_above_128k_tokens": 1e-6,
        },
    ),
    "services": (
        "openai",
        {
            "input_cost_per_token": 1.25e-6, "output_cost_per_token": 1e-5, "cache_read_input_token_cost": 1.25e-7,
            "input_cost_per_token_flex": 6.25e-7, "output_cost_per_token_flex": 5e-6,
            "cache_read_input_token_cost_flex": 6.25e-8, "input_cost_per_token_priority": 2.5e-6,
            "output_cost_per_token_priority": 2e-5, "cache_read_input_token_cost_priority": 2.5e-7,
        },
    ),
    "services by size": (
        "openai",
        {
            "input_cost_per_token": 2.5e-6, "output_cost_per_token": 1.5e-5, "cache_read_input_token_cost": 2.5e-7,
            "input_cost_per_token_above_272k_tokens": 5e-6, "output_cost_per_token_above_272k_tokens": 2.25e-5,
            "input_cost_per_token_priority": 5e-6, "output_cost_per_token_priority": 3e-5,
            "input_cost_per_token_above_272k_tokens_priority": 1e-5, "input_cost_per_token_flex": 1.25e-6,
            "output_cost_per_reasoning_token": 1.8e-5,
        },
    ),
    "audio": (
        "openai",
        {
            "input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5, "input_cost_per_audio_token": 4e-5,
            "output_cost_per_audio_token": 8e-5, "cache_read_input_token_cost": 1.25e-6,
        },
    ),
    "images": (
        "openai",
        {
            "input_cost_per_token": 5e-6, "output_cost_per_token": 1e-5, "input_cost_per_image_token": 1e-5,
            "output_cost_per_image_token": 4e-5, "cache_read_input_token_cost": 1.25e-6,
        },
    ),
    "sets": (
        "dashscope",
        {
            "tiered_pricing": [
                {"range": [0, 32_000], "input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6},
                {"range": [32_000, 128_000], "input_cost_per_token": 1.8e-6, "output_cost_per_token": 9e-6},
                {"range": [128_000, 1_000_000], "input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5},
            ],
        },
    ),
}  # fmt: skip
# Prompts around each edge and in between.
SIZES = (1, 10, 999, 32_000, 32_001, 127_999, 128_000, 128_001, 200_000, 200_001, 256_001, 272_000, 272_001, 400_000)
TERMS: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"openai": 0.05}, {}),
    ({}, {"openai": 0.1}),
    ({}, {"global": 0.2}),
    ({"openai": 0.05}, {"global": 0.2, "openai": 0.1}),
    ({"anthropic": 0.5}, {"anthropic": {"percentage": 0.08, "fixed_amount": 0.0005}}),
    ({"openai": 0.125}, {"global": {"fixed_amount": 0.001}}),
)
UNITS: tuple[Case, ...] = tuple(
    {"sheet": kind, "provider": provider, "fields": fields, "usage": usage, "kind": kind}
    for kind, provider, fields, usage in (
        ("image", "openai", {"output_cost_per_image": 0.04}, {"images": 1}),
        ("image", "openai", {"output_cost_per_image": 0.0065}, {"images": 3}),
        ("image", "openai", {"input_cost_per_image": 0.02}, {"images": 2}),
        ("transcription", "openai", {"input_cost_per_second": 0.0001}, {"milliseconds": 60_000}),
        ("transcription", "openai", {"output_cost_per_second": 0.0001}, {"milliseconds": 12_300}),
        ("transcription", "groq", {"input_cost_per_second": 3.083e-5}, {"milliseconds": 3_600_000}),
        ("speech", "openai", {"input_cost_per_character": 1.5e-5}, {"characters": 137}),
        ("speech", "openai", {"input_cost_per_character": 3e-5}, {"characters": 4096}),
        ("rerank", "cohere", {"input_cost_per_query": 0.002}, {"queries": 1}),
        ("rerank", "cohere", {"input_cost_per_query": 0.0025}, {"queries": 7}),
    )
)


_PLAIN, _CACHED, _AUDIO, _SERVICES = (SHEETS[name][1] for name in ("plain", "cached", "audio", "services"))
_REASONING, _HOUR = SHEETS["reasoning"][1], SHEETS["hour"][1]
_NO_HOUR = {name: price for name, price in _HOUR.items() if "1hr" not in name}
_IMAGES_ALONE = {"input_cost_per_token": 1e-6, "output_cost_per_image_token": 4e-5}
# What providers should not report, and what prices leave open.
ODD: tuple[Case, ...] = tuple(
    {
        "sheet": sheet, "provider": provider, "fields": fields, "service_tier": tier,
        "usage": {"prompt_tokens": 1000, "completion_tokens": 100, **usage},
    }
    for sheet, provider, fields, usage, tier in (
        ("an hour without a price", "anthropic", _NO_HOUR,
         {"cache_creation_tokens": 300, "cache_creation_1h_tokens": 200}, ""),
        ("an hour only", "anthropic", _HOUR, {"cache_creation_tokens": 300, "cache_creation_1h_tokens": 300}, ""),
        ("more cached than asked", "openai", _CACHED, {"cached_tokens": 1500}, ""),
        ("more cached and written than asked", "anthropic", _HOUR,
         {"cached_tokens": 800, "cache_creation_tokens": 800}, ""),
        ("more reasoning than said", "openai", _REASONING, {"reasoning_tokens": 150}, ""),
        ("audio that was cached", "openai", _AUDIO, {"cached_tokens": 700, "prompt_audio_tokens": 600}, ""),
        ("audio and images said", "openai", _AUDIO,
         {"completion_audio_tokens": 60, "completion_image_tokens": 30}, ""),
        ("no price of what is cached", "openai", _PLAIN, {"cached_tokens": 400}, ""),
        ("no price of what is written", "openai", _CACHED, {"cache_creation_tokens": 400}, ""),
        ("a tier without a price", "openai", _CACHED, {}, "priority"),
        ("a tier nobody knows", "openai", _SERVICES, {}, "scale"),
        ("the usual tier", "openai", _SERVICES, {}, "default"),
        ("the fast tier", "openai", _SERVICES, {}, "priority"),
        ("text as dear as an image", "openai", _IMAGES_ALONE, {}, ""),
        ("nothing said", "openai", _REASONING, {"completion_tokens": 0}, ""),
        ("free", "openai", {"input_cost_per_token": 0, "output_cost_per_token": 0}, {}, ""),
        ("output alone", "openai", {"output_cost_per_token": 1e-5}, {}, ""),
        ("below a nano-dollar", "openai", {"input_cost_per_token": 1e-13, "output_cost_per_token": 1e-13}, {}, ""),
        ("a fine price", "openai",
         {"input_cost_per_token": 1.23456789e-7, "output_cost_per_token": 9.87654321e-7}, {}, ""),
        ("a price as text", "openai", {"input_cost_per_token": "3e-7", "output_cost_per_token": "0.000001"}, {}, ""),
    )
)  # fmt: skip


def cases() -> list[Case]:
    """The same each time."""
    return [*_tokens(), *_on_terms(), *UNITS, *ODD]


def _tokens() -> Iterator[Case]:
    chance = random.Random(20261127)
    for (name, (provider, fields)), size in itertools.product(SHEETS.items(), SIZES):
        usage = {"prompt_tokens": size, "completion_tokens": chance.choice((0, 1, 20, 777, 16_384))}
        usage |= _details(name, fields, usage, chance)
        tier = chance.choice(("", "flex", "priority")) if name.startswith("services") else ""
        yield {"sheet": name, "provider": provider, "fields": fields, "usage": usage, "service_tier": tier}


def _details(name: str, fields: dict[str, Any], usage: dict[str, int], chance: random.Random) -> dict[str, int]:
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    found: dict[str, int] = {}
    if "cache_read_input_token_cost" in fields:
        found["cached_tokens"] = chance.randint(0, prompt // 2)
    if "cache_creation_input_token_cost" in fields:
        found["cache_creation_tokens"] = chance.randint(0, prompt // 2)
        found["cache_creation_1h_tokens"] = chance.randint(0, found["cache_creation_tokens"])
    if name in ("reasoning", "services by size"):
        found["reasoning_tokens"] = chance.randint(0, completion)
    if name == "audio":
        found["prompt_audio_tokens"] = chance.randint(0, prompt // 2)
        found["completion_audio_tokens"] = chance.randint(0, completion)
    if name == "images":
        found["prompt_image_tokens"] = chance.randint(0, prompt // 2)
        found["completion_image_tokens"] = chance.randint(0, completion)
    return {kind: count for kind, count in found.items() if count}


def _on_terms() -> Iterator[Case]:
    chance = random.Random(5)
    for (discounts, margins), name in itertools.product(TERMS, ("cached", "hour", "reasoning", "services")):
        provider, fields = SHEETS[name]
        usage = {"prompt_tokens": chance.randint(1, 50_000), "completion_tokens": chance.randint(1, 5000)}
        usage["cached_tokens"] = usage["prompt_tokens"] // 3
        yield {
            "sheet": f"{name} on terms", "provider": provider, "fields": fields, "usage": usage,
            "discounts": discounts, "margins": margins,
        }  # fmt: skip
