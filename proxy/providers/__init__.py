"""The providers, by the prefix LiteLLM gives them in `litellm_params.model`."""

from proxy.providers.anthropic import Anthropic
from proxy.providers.azure import AZURE, AZURE_AI
from proxy.providers.base import Provider
from proxy.providers.bedrock import BEDROCK
from proxy.providers.gemini import Gemini
from proxy.providers.names import DEFAULT_PROVIDER, split_model
from proxy.providers.table import TABLE

__all__ = ["DEFAULT_PROVIDER", "PROVIDERS", "split_model"]

_ROWS: tuple[Provider, ...] = (*TABLE, AZURE, AZURE_AI, BEDROCK, Anthropic(), Gemini())
PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in _ROWS}
