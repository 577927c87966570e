"""Amounts worked out by hand, from LiteLLM's price fields and what an answer took: every mode, and every edge.

Each line reads: what it is, the price, the usage, and nano-dollars as one adds them up on paper.
"""

from typing import Any

import pytest

from budgets.core.price_fields import read_price
from budgets.core.pricing import NANO, Usage, ceiling, cost

# A millionth of a dollar a token is 1000 nano-dollars a token.
MINI = {"input_cost_per_token": 1.5e-7, "output_cost_per_token": 6e-7, "cache_read_input_token_cost": 7.5e-8}
CLAUDE = {
    "input_cost_per_token": 3e-6, "output_cost_per_token": 1.5e-5, "cache_read_input_token_cost": 3e-7,
    "cache_creation_input_token_cost": 3.75e-6, "cache_creation_input_token_cost_above_1hr": 6e-6,
}  # fmt: skip
LONG = {
    **CLAUDE, "input_cost_per_token_above_200k_tokens": 6e-6, "output_cost_per_token_above_200k_tokens": 2.25e-5,
    "cache_read_input_token_cost_above_200k_tokens": 6e-7,
    "cache_creation_input_token_cost_above_200k_tokens": 7.5e-6,
    "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.2e-5,
}  # fmt: skip
STEPS = {
    "input_cost_per_token": 1e-6, "input_cost_per_token_above_128k_tokens": 2e-6,
    "input_cost_per_token_above_256k_tokens": 3e-6, "input_cost_per_token_above_272k_tokens": 4e-6,
    "output_cost_per_token": 1e-6, "output_cost_per_token_above_256k_tokens": 5e-6,
}  # fmt: skip
THINKER = {"input_cost_per_token": 1e-6, "output_cost_per_token": 4e-6, "output_cost_per_reasoning_token": 6e-6}
GPT5 = {
    "input_cost_per_token": 1.25e-6, "output_cost_per_token": 1e-5, "cache_read_input_token_cost": 1.25e-7,
    "input_cost_per_token_flex": 6.25e-7, "output_cost_per_token_flex": 5e-6, "cache_read_input_token_cost_flex": 6e-8,
    "input_cost_per_token_priority": 2.5e-6, "output_cost_per_token_priority": 2e-5,
    "input_cost_per_token_batches": 6e-7, "output_cost_per_token_batches": 4e-6,
}  # fmt: skip
AUDIO = {
    "input_cost_per_token": 2.5e-6, "output_cost_per_token": 1e-5, "input_cost_per_audio_token": 4e-5,
    "output_cost_per_audio_token": 8e-5,
}  # fmt: skip
IMAGES = {
    "input_cost_per_token": 5e-6, "input_cost_per_image_token": 1e-5, "output_cost_per_image_token": 4e-5,
}  # fmt: skip
DALLE, EMBEDDING_OF_IMAGES = (
    {"output_cost_per_image": 0.04},
    {"input_cost_per_token": 8e-7, "input_cost_per_image": 6e-5},
)
WHISPER, SPEECH, RERANK = (
    {"input_cost_per_second": 1e-4},
    {"input_cost_per_character": 1.5e-5},
    {"input_cost_per_query": 0.002},
)
SEARCH: dict[str, Any] = {
    "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6,
    "search_context_cost_per_query": {
        "search_context_size_low": 0.03, "search_context_size_medium": 0.035, "search_context_size_high": 0.05,
    },
}  # fmt: skip
SONAR = {"input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "input_cost_per_request": 0.005}
SETS: dict[str, Any] = {
    "tiered_pricing": [
        {"range": [0, 32_000], "input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6},
        {"range": [32_000, 128_000], "input_cost_per_token": 2e-6, "output_cost_per_token": 9e-6},
    ]
}

GOLDEN: tuple[tuple[str, dict[str, Any], Usage, int], ...] = (
    ("no usage", MINI, Usage(), 0),
    ("one token in", MINI, Usage(1), 150),
    ("one token out", MINI, Usage(0, 1), 600),
    ("in and out", MINI, Usage(10, 20), 10 * 150 + 20 * 600),
    ("a million each", MINI, Usage(10**6, 10**6), 150_000_000 + 600_000_000),
    ("the reference's example", MINI, Usage(10, 20, cached_tokens=4), 6 * 150 + 4 * 75 + 20 * 600),
    ("all cached", MINI, Usage(10, cached_tokens=10), 10 * 75),
    ("cached beyond the prompt", MINI, Usage(10, cached_tokens=11), 10 * 75),
    ("three answers to one prompt", MINI, Usage(10, 3 * 20), 10 * 150 + 60 * 600),
    ("cached without a price", {"input_cost_per_token": 1e-6}, Usage(10, cached_tokens=4), 10_000),
    ("cached for nothing", {**MINI, "cache_read_input_token_cost": 0}, Usage(10, cached_tokens=4), 6 * 150),
    ("written to the cache", CLAUDE, Usage(100, cache_creation_tokens=40), 60 * 3000 + 40 * 3750),
    ("written without a price", MINI, Usage(100, cache_creation_tokens=40), 100 * 150),
    ("read and written", CLAUDE, Usage(100, 10, cached_tokens=30, cache_creation_tokens=20),
     50 * 3000 + 30 * 300 + 20 * 3750 + 10 * 15_000),
    ("all written", CLAUDE, Usage(100, cache_creation_tokens=100), 375_000),
    ("written beyond what is left", CLAUDE, Usage(100, cached_tokens=60, cache_creation_tokens=60),
     60 * 300 + 40 * 3750),
    ("for an hour", CLAUDE, Usage(100, cache_creation_tokens=100, cache_creation_1h_tokens=100), 600_000),
    ("for an hour and for five minutes", CLAUDE, Usage(100, cache_creation_tokens=40, cache_creation_1h_tokens=10),
     60 * 3000 + 30 * 3750 + 10 * 6000),
    ("for an hour beyond what was written", CLAUDE,
     Usage(100, cache_creation_tokens=40, cache_creation_1h_tokens=50), 60 * 3000 + 40 * 6000),
    ("an hour without a price", {**CLAUDE, "cache_creation_input_token_cost_above_1hr": None},
     Usage(100, cache_creation_tokens=40, cache_creation_1h_tokens=10), 60 * 3000 + 40 * 3750),
    ("an hour, and neither has a price", MINI,
     Usage(100, cache_creation_tokens=40, cache_creation_1h_tokens=10), 15_000),
    ("an hour told, nothing written", CLAUDE, Usage(100, cache_creation_1h_tokens=10), 300_000),
    ("below the edge", LONG, Usage(199_999), 199_999 * 3000),
    ("at the edge", LONG, Usage(200_000), 200_000 * 3000),
    ("above the edge", LONG, Usage(200_001), 200_001 * 6000),
    ("an answer at the edge", LONG, Usage(200_000, 10), 200_000 * 3000 + 10 * 15_000),
    ("an answer above the edge", LONG, Usage(200_001, 10), 200_001 * 6000 + 10 * 22_500),
    ("cached at the edge", LONG, Usage(200_000, cached_tokens=1000), 199_000 * 3000 + 1000 * 300),
    ("cached above the edge", LONG, Usage(200_001, cached_tokens=1000), 199_001 * 6000 + 1000 * 600),
    ("written at the edge", LONG, Usage(200_000, cache_creation_tokens=1000), 199_000 * 3000 + 1000 * 3750),
    ("written above the edge", LONG, Usage(200_001, cache_creation_tokens=1000), 199_001 * 6000 + 1000 * 7500),
    ("an hour at the edge", LONG, Usage(200_000, cache_creation_tokens=1000, cache_creation_1h_tokens=1000),
     199_000 * 3000 + 1000 * 6000),
    ("an hour above the edge", LONG, Usage(200_001, cache_creation_tokens=1000, cache_creation_1h_tokens=1000),
     199_001 * 6000 + 1000 * 12_000),
    ("the edge goes by the whole prompt", LONG, Usage(200_001, cached_tokens=200_001), 200_001 * 600),
    ("a long answer is no long prompt", LONG, Usage(10, 300_000), 10 * 3000 + 300_000 * 15_000),
    ("step 1", STEPS, Usage(128_000, 1), 128_000 * 1000 + 1000),
    ("step 2", STEPS, Usage(128_001, 1), 128_001 * 2000 + 1000),
    ("end of step 2", STEPS, Usage(256_000, 1), 256_000 * 2000 + 1000),
    ("step 3", STEPS, Usage(256_001, 1), 256_001 * 3000 + 5000),
    ("end of step 3", STEPS, Usage(272_000, 1), 272_000 * 3000 + 5000),
    ("step 4", STEPS, Usage(272_001, 1), 272_001 * 4000 + 5000),
    ("far beyond", STEPS, Usage(10**6, 1), 10**6 * 4000 + 5000),
    ("first set", SETS, Usage(32_000, 10), 32_000 * 1000 + 10 * 5000),
    ("second set", SETS, Usage(32_001, 10), 32_001 * 2000 + 10 * 9000),
    ("beyond the last set", SETS, Usage(500_000, 10), 500_000 * 2000 + 10 * 9000),
    ("nothing asked of sets", SETS, Usage(0, 10), 10 * 5000),
    ("reasoning", THINKER, Usage(10, 100, reasoning_tokens=40), 10 * 1000 + 60 * 4000 + 40 * 6000),
    ("nothing but reasoning", THINKER, Usage(0, 100, reasoning_tokens=100), 600_000),
    ("reasoning beyond the answer", THINKER, Usage(0, 100, reasoning_tokens=150), 600_000),
    ("reasoning without a price", MINI, Usage(0, 100, reasoning_tokens=40), 60_000),
    ("reasoning for nothing", {**THINKER, "output_cost_per_reasoning_token": 0}, Usage(0, 100, reasoning_tokens=40),
     240_000),
    ("usual service", GPT5, Usage(100, 10, cached_tokens=40), 60 * 1250 + 40 * 125 + 10 * 10_000),
    ("flex", GPT5, Usage(100, 10, cached_tokens=40, service_tier="flex"), 60 * 625 + 40 * 60 + 10 * 5000),
    ("priority", GPT5, Usage(100, 10, service_tier="priority"), 100 * 2500 + 10 * 20_000),
    ("priority without a price of what is cached", GPT5, Usage(100, cached_tokens=40, service_tier="priority"),
     60 * 2500 + 40 * 125),
    ("batch", GPT5, Usage(100, 10, service_tier="batch"), 100 * 600 + 10 * 4000),
    ("batch without a price of what is cached", GPT5, Usage(100, cached_tokens=40, service_tier="batch"),
     60 * 600 + 40 * 62 + 20),
    ("a service without a price", MINI, Usage(10, 20, service_tier="priority"), 10 * 150 + 20 * 600),
    ("a service nobody knows", GPT5, Usage(10, service_tier="slow"), 12_500),
    ("batch without any price of batches", MINI, Usage(10, service_tier="batch"), 1500),
    ("reasoning at priority is its output", {**THINKER, "output_cost_per_token_priority": 8e-6},
     Usage(0, 100, reasoning_tokens=40, service_tier="priority"), 800_000),
    ("reasoning at priority with its own price",
     {**THINKER, "output_cost_per_token_priority": 8e-6, "output_cost_per_reasoning_token_priority": 9e-6},
     Usage(0, 100, reasoning_tokens=40, service_tier="priority"), 60 * 8000 + 40 * 9000),
    ("reasoning at flex without prices of answers", {**THINKER, "input_cost_per_token_flex": 5e-7},
     Usage(10, 100, reasoning_tokens=40, service_tier="flex"), 10 * 500 + 60 * 4000 + 40 * 6000),
    ("a long prompt at priority", {**STEPS, "input_cost_per_token_priority": 9e-6},
     Usage(128_001, service_tier="priority"), 128_001 * 2000),
    ("a short prompt at priority", {**STEPS, "input_cost_per_token_priority": 9e-6},
     Usage(128_000, service_tier="priority"), 128_000 * 9000),
    ("a long prompt at priority with its own price",
     {**STEPS, "input_cost_per_token_above_128k_tokens_priority": 8e-6},
     Usage(128_001, service_tier="priority"), 128_001 * 8000),
    ("a long prompt in a batch", {**STEPS, "input_cost_per_token_batches": 5e-7},
     Usage(300_000, service_tier="batch"), 300_000 * 500),
    ("a long prompt in a batch with its own price",
     {**STEPS, "input_cost_per_token_batches": 5e-7, "input_cost_per_token_above_272k_tokens_batches": 7e-7},
     Usage(300_000, service_tier="batch"), 300_000 * 700),
    ("a long answer in a batch", {**STEPS, "input_cost_per_token_batches": 5e-7},
     Usage(300_000, 10, service_tier="batch"), 300_000 * 500 + 10 * 2500),
    ("audio heard", AUDIO, Usage(100, prompt_audio_tokens=60), 40 * 2500 + 60 * 40_000),
    ("audio spoken", AUDIO, Usage(0, 100, completion_audio_tokens=60), 40 * 10_000 + 60 * 80_000),
    ("audio both ways", AUDIO, Usage(10, 10, prompt_audio_tokens=10, completion_audio_tokens=10), 10 * 120_000),
    ("audio beyond the prompt", AUDIO, Usage(10, prompt_audio_tokens=15), 10 * 40_000),
    ("audio without a price", MINI, Usage(10, prompt_audio_tokens=10), 1500),
    ("audio for nothing", {**AUDIO, "input_cost_per_audio_token": 0}, Usage(10, prompt_audio_tokens=4), 6 * 2500),
    ("audio and reasoning", AUDIO, Usage(0, 100, reasoning_tokens=50, completion_audio_tokens=60),
     50 * 10_000 + 50 * 80_000),
    ("audio that was cached", AUDIO, Usage(100, cached_tokens=70, prompt_audio_tokens=60), 70 * 2500 + 30 * 40_000),
    ("audio at priority", {**AUDIO, "input_cost_per_audio_token_priority": 5e-5},
     Usage(10, prompt_audio_tokens=10, service_tier="priority"), 10 * 50_000),
    ("audio by its tokens and not its seconds", {**AUDIO, "input_cost_per_second": 1},
     Usage(10, prompt_audio_tokens=10, milliseconds=5000), 400_000),
    ("an image seen", IMAGES, Usage(100, prompt_image_tokens=60), 40 * 5000 + 60 * 10_000),
    ("an image made of tokens", IMAGES, Usage(50, 4160, completion_image_tokens=4160, images=1),
     50 * 5000 + 4160 * 40_000),
    ("an image in a batch", {**IMAGES, "output_cost_per_image_token_batches": 2e-5},
     Usage(0, 100, completion_image_tokens=100, service_tier="batch"), 2_000_000),
    ("audio and images seen", {**AUDIO, **IMAGES}, Usage(100, prompt_audio_tokens=30, prompt_image_tokens=20),
     50 * 5000 + 30 * 40_000 + 20 * 10_000),
    ("images seen beyond what audio leaves", {**AUDIO, **IMAGES},
     Usage(100, prompt_audio_tokens=70, prompt_image_tokens=60), 70 * 40_000 + 30 * 10_000),
    ("an image", DALLE, Usage(images=1), 40_000_000),
    ("four images", DALLE, Usage(images=4), 160_000_000),
    ("no image", DALLE, Usage(), 0),
    ("an image by the other name", {"input_cost_per_image": 0.02}, Usage(images=2), 40_000_000),
    ("an image with a prompt for nothing", DALLE, Usage(100, images=1), 40_000_000),
    ("images shown", EMBEDDING_OF_IMAGES, Usage(10, prompt_images=2), 10 * 800 + 2 * 60_000),
    ("images shown and made have prices of their own", {"input_cost_per_image": 0.01, "output_cost_per_image": 0.04},
     Usage(images=1, prompt_images=2), 60_000_000),
    ("a second", WHISPER, Usage(milliseconds=1000), 100_000),
    ("a minute", WHISPER, Usage(milliseconds=60_000), 6_000_000),
    ("a millisecond", WHISPER, Usage(milliseconds=1), 100),
    ("an hour of audio", WHISPER, Usage(milliseconds=3_600_000), 360_000_000),
    ("seconds by the other name", {"output_cost_per_second": 1e-4}, Usage(milliseconds=1500), 150_000),
    ("seconds by both names are one price", {"input_cost_per_second": 1e-4, "output_cost_per_second": 1e-4},
     Usage(milliseconds=1000), 100_000),
    ("seconds by both names, one of them nothing", {"input_cost_per_second": 1e-4, "output_cost_per_second": 0},
     Usage(milliseconds=1000), 100_000),
    ("a character", SPEECH, Usage(characters=1), 15_000),
    ("a thousand characters", SPEECH, Usage(characters=1000), 15_000_000),
    ("characters in the place of their tokens", {**SPEECH, **MINI}, Usage(30, 10, characters=100), 1_500_000 + 6000),
    ("tokens where no characters are told", {**SPEECH, **MINI}, Usage(30, 10), 30 * 150 + 6000),
    ("a query", RERANK, Usage(queries=1), 2_000_000),
    ("a query with a prompt for nothing", RERANK, Usage(500, queries=3), 6_000_000),
    ("a request", SONAR, Usage(10, 20), 30_000 + 5_000_000),
    ("a request without tokens", SONAR, Usage(), 5_000_000),
    ("no search", SEARCH, Usage(10, 20), 30_000),
    ("a search", SEARCH, Usage(10, 20, searches=1), 30_000 + 35_000_000),
    ("a small search", SEARCH, Usage(searches=1, search_size="low"), 30_000_000),
    ("a medium search", SEARCH, Usage(searches=1, search_size="medium"), 35_000_000),
    ("large searches", SEARCH, Usage(searches=3, search_size="high"), 150_000_000),
    ("a search without a price", MINI, Usage(searches=3), 0),
    ("a size without a search", SEARCH, Usage(search_size="high"), 0),
    ("units without a price", MINI, Usage(images=1, milliseconds=1, characters=1, queries=1, prompt_images=1), 0),
    ("half a nano-dollar is one", {"input_cost_per_token": 5e-10}, Usage(1), 1),
    ("less than half of one is none", {"input_cost_per_token": "4.99e-10"}, Usage(1), 0),
    ("fractions are added before they are rounded", {"input_cost_per_token": 4e-10, "output_cost_per_token": 4e-10},
     Usage(1, 1), 1),
    ("and so are those of units", {"input_cost_per_token": 4e-10, "input_cost_per_query": 1e-10},
     Usage(1, queries=1), 1),
    ("a price to the fifteenth place", {"input_cost_per_token": "0.000000000000001"}, Usage(10**6), 1),
    ("a price is rounded to that place", {"input_cost_per_token": "0.0000000000000005"}, Usage(10**6), 1),
    ("a price finer than that is none", {"input_cost_per_token": "4e-16"}, Usage(10**9), 0),
    ("a price as a text", {"input_cost_per_token": "3e-7"}, Usage(10), 3000),
    ("a whole dollar a token", {"input_cost_per_token": 1}, Usage(3), 3 * NANO),
    ("the dearest there is", {"output_cost_per_image": 1000}, Usage(images=1), 1000 * NANO),
    ("free", {"input_cost_per_token": 0, "output_cost_per_token": 0}, Usage(10**6, 10**6), 0),
    ("input alone", {"input_cost_per_token": 1e-6}, Usage(10, 10**6), 10_000),
    ("output alone", {"output_cost_per_token": 1e-6}, Usage(10**6, 10), 10_000),
    ("an embedding", {"input_cost_per_token": 2e-8, "output_cost_per_token": 0}, Usage(1234), 24_680),
    ("everything at once", {**AUDIO, **CLAUDE, "output_cost_per_reasoning_token": 2e-5, **SONAR, **RERANK},
     Usage(100, 50, cached_tokens=10, cache_creation_tokens=20, cache_creation_1h_tokens=5, reasoning_tokens=10,
           prompt_audio_tokens=30, completion_audio_tokens=15, queries=1),
     40 * 1000 + 10 * 300 + 15 * 3750 + 5 * 6000 + 30 * 40_000 + 25 * 1000 + 10 * 20_000 + 15 * 80_000
     + 2_000_000 + 5_000_000),
)  # fmt: skip
CASES = pytest.mark.parametrize(
    ("fields", "usage", "nano"), [pytest.param(*rest, id=name) for name, *rest in GOLDEN]
)  # fmt: skip


@CASES
def test_an_amount_worked_out_by_hand(fields: dict[str, Any], usage: Usage, nano: int) -> None:
    price = read_price(fields)

    assert price is not None
    assert cost(usage, price).total == nano


@CASES
def test_a_ceiling_is_no_lower(fields: dict[str, Any], usage: Usage, nano: int) -> None:
    price = read_price(fields)

    assert price is not None
    most = ceiling(
        price, prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens, beside=usage
    )  # fmt: skip
    assert most >= nano


def test_there_are_enough_of_them_and_none_twice() -> None:
    assert len({name for name, *_ in GOLDEN}) == len(GOLDEN) >= 120
