"""The providers, by the prefix LiteLLM gives them in `litellm_params.model`: one row each."""

from proxy.providers.base import Provider
from proxy.providers.openai import OpenAICompatible

PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        OpenAICompatible("openai", "https://api.openai.com/v1"),
        # Whatever else speaks OpenAI's wire; the deployment names its api_base.
        OpenAICompatible("custom_openai"),
        OpenAICompatible("openai_like"),
        OpenAICompatible("hosted_vllm"),
    )
}
DEFAULT_PROVIDER = "openai"


def split_model(model: str, *, custom_provider: str | None = None) -> tuple[str, str]:
    """`openai/gpt-4o` -> `("openai", "gpt-4o")`; without a prefix it is OpenAI's."""
    if custom_provider:
        return custom_provider, model.removeprefix(f"{custom_provider}/")
    prefix, slash, name = model.partition("/")
    return (prefix, name) if slash else (DEFAULT_PROVIDER, model)
