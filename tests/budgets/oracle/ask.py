"""Run by a Python that has LiteLLM: cases as JSON on the standard input, LiteLLM's amounts on the standard output."""

import json
import os
import sys
from importlib.metadata import version
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
from litellm.types.utils import (
    CacheCreationTokenDetails,
    CompletionTokensDetailsWrapper,
    ImageObject,
    ImageResponse,
    ModelResponse,
    PromptTokensDetailsWrapper,
    TranscriptionResponse,
    Usage,
)

MODES = {"image": "image_generation", "transcription": "audio_transcription", "speech": "audio_speech"}


litellm.suppress_debug_info = True


def main() -> None:
    answers = [repr(amount(number, case)) for number, case in enumerate(json.load(sys.stdin))]
    json.dump({"litellm": version("litellm"), "costs": answers}, sys.stdout)


def amount(number: int, case: dict[str, Any]) -> float:
    """In dollars."""
    name, provider, kind = f"case-{number}", case["provider"], case.get("kind", "chat")
    entry = {**case["fields"], "litellm_provider": provider, "mode": MODES.get(kind, kind)}
    litellm.register_model({f"{provider}/{name}": entry, name: entry})
    litellm.cost_discount_config = case.get("discounts", {})
    litellm.cost_margin_config = case.get("margins", {})
    return float(
        litellm.completion_cost(model=f"{provider}/{name}", custom_llm_provider=provider, **_answer(case, kind, name))
    )


def _answer(case: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    usage = case["usage"]
    if kind == "image":
        made = ImageResponse(data=[ImageObject(url="x")] * usage["images"])
        return {"completion_response": made, "call_type": "image_generation", "n": usage["images"]}
    if kind == "transcription":
        heard = TranscriptionResponse(text="x")
        heard.duration = usage["milliseconds"] / 1000
        return {"completion_response": heard, "call_type": "transcription"}
    if kind == "speech":
        return {"prompt": "x" * usage["characters"], "call_type": "speech"}
    if kind == "rerank":
        meta = {"billed_units": {"search_units": usage["queries"]}}
        return {"completion_response": litellm.RerankResponse(id="x", results=[], meta=meta), "call_type": "rerank"}
    answer = ModelResponse(model=name, usage=_usage(usage))
    tier = case.get("service_tier") or None
    return {"completion_response": answer, "call_type": "completion", "service_tier": tier}


def _usage(counts: dict[str, int]) -> Usage:
    written, for_an_hour = counts.get("cache_creation_tokens", 0), counts.get("cache_creation_1h_tokens", 0)
    details = (
        CacheCreationTokenDetails(
            ephemeral_5m_input_tokens=written - for_an_hour, ephemeral_1h_input_tokens=for_an_hour
        )
        if for_an_hour
        else None
    )
    return Usage(
        prompt_tokens=counts["prompt_tokens"],
        completion_tokens=counts["completion_tokens"],
        total_tokens=counts["prompt_tokens"] + counts["completion_tokens"],
        prompt_tokens_details=PromptTokensDetailsWrapper(
            cached_tokens=counts.get("cached_tokens", 0),
            audio_tokens=counts.get("prompt_audio_tokens", 0),
            image_tokens=counts.get("prompt_image_tokens", 0),
            cache_creation_tokens=written,
            cache_creation_token_details=details,
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            reasoning_tokens=counts.get("reasoning_tokens", 0),
            audio_tokens=counts.get("completion_audio_tokens", 0),
            image_tokens=counts.get("completion_image_tokens", 0),
        ),
    )


if __name__ == "__main__":
    main()
