"""The upstreams of these tests: model groups at every provider, what they cost, and what is particular to each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol

from tests.fakes.anthropic import FakeAnthropic, anthropic_error
from tests.fakes.azure import FakeAzure, azure_error
from tests.fakes.bedrock import FakeBedrock, aws_error
from tests.fakes.completion import Billed
from tests.fakes.gemini import FakeGemini, gemini_error
from tests.fakes.server import Received, Reply
from tests.fakes.upstream import FakeUpstream, openai_error

PRICE = {"input_cost_per_token": "0.0000025", "output_cost_per_token": "0.00001"}
CACHED = {"cache_read_input_token_cost": "0.000000271"}
WRITTEN = {"cache_creation_input_token_cost": "0.00000314"}


class Fake(Protocol):
    """What the fakes of all providers have."""

    answer: str
    uses_tools: bool
    chunk_count: int
    cut_after_chunks: int | None
    billed: list[Billed]
    received: list[Received]

    @property
    def url(self) -> str: ...

    def script(self, *replies: Reply) -> None: ...

    def clear(self) -> None: ...


# By the name under which the groups below ask for them.
FAKES: Mapping[str, Callable[[], Any]] = {
    "anthropic": FakeAnthropic,
    "azure": FakeAzure,
    "bedrock": FakeBedrock,
    "gemini": FakeGemini,
    "groq": lambda: FakeUpstream(thought_as="reasoning"),
    "openai": FakeUpstream,
    "vllm": FakeUpstream,
}


@dataclass(frozen=True)
class Peer:
    """A model group: one deployment at one provider. `params` may say `{url}`; prices are dollars."""

    group: str
    model: str
    params: Mapping[str, Any] = field(default_factory=dict)
    price: Mapping[str, str] = field(default_factory=lambda: PRICE)
    fake: str = "openai"

    @property
    def provider(self) -> str:
        return self.model.partition("/")[0]

    @property
    def upstream_model(self) -> str:
        return self.model.partition("/")[2]

    def entry(self, url: str) -> dict[str, Any]:
        """Of a config.yaml's model_list."""
        params = {
            name: value.format(url=url) if isinstance(value, str) else value for name, value in self.params.items()
        }
        prices = {name: float(dollars) for name, dollars in self.price.items()}
        return {"model_name": self.group, "litellm_params": {"model": self.model, **params, **prices}}


_OPENAI = {"api_base": "{url}/v1", "api_key": "sk-upstream-0123456789"}
_AZURE = {"api_base": "{url}", "api_key": "azure-key-0123456789", "api_version": "2024-10-21"}
_HOST = {"api_base": "{url}", "api_key": "sk-upstream-0123456789"}
_AWS = {
    "aws_bedrock_runtime_endpoint": "{url}",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "aws_region_name": "us-east-1",
}

CHAT: tuple[Peer, ...] = (
    Peer("gpt", "openai/gpt-4o", _OPENAI, PRICE | CACHED),
    Peer("azure-gpt", "azure/my-deployment", _AZURE, PRICE | CACHED, fake="azure"),
    Peer("claude", "anthropic/claude-sonnet-4-5", _HOST, PRICE | CACHED | WRITTEN, fake="anthropic"),
    Peer(
        "gemini",
        "gemini/gemini-2.5-flash",
        _HOST,
        PRICE | CACHED | {"output_cost_per_reasoning_token": "0.0000033"},
        fake="gemini",
    ),
    Peer(
        "bedrock-claude",
        "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0",
        _AWS,
        PRICE | CACHED | WRITTEN,
        fake="bedrock",
    ),
    Peer("llama", "groq/llama-3.3-70b-versatile", _OPENAI, fake="groq"),
    Peer("qwen", "hosted_vllm/qwen3", _OPENAI, fake="vllm"),
)
THINKERS = ("claude", "gemini", "bedrock-claude", "llama", "qwen")
_PER_TOKEN = {"input_cost_per_token": "0.00000002"}
EMBEDDERS: tuple[Peer, ...] = (
    Peer("embed-openai", "openai/text-embedding-3-small", _OPENAI, _PER_TOKEN),
    Peer("embed-azure", "azure/my-embedder", _AZURE, _PER_TOKEN, fake="azure"),
    Peer("embed-gemini", "gemini/gemini-embedding-001", _HOST, _PER_TOKEN, fake="gemini"),
    Peer("embed-titan", "bedrock/amazon.titan-embed-text-v2:0", _AWS, _PER_TOKEN, fake="bedrock"),
    Peer("embed-cohere", "bedrock/cohere.embed-multilingual-v3", _AWS, _PER_TOKEN, fake="bedrock"),
)
_AN_IMAGE = {"output_cost_per_image": "0.04"}
_A_SECOND = {"input_cost_per_second": "0.0001"}
_A_CHARACTER = {"input_cost_per_character": "0.000015"}
_A_QUERY = {"input_cost_per_query": "0.002"}
OTHERS: tuple[Peer, ...] = (
    Peer("moderation", "openai/omni-moderation-latest", _OPENAI, {"input_cost_per_token": "0"}),
    Peer("dall-e", "openai/dall-e-3", _OPENAI, _AN_IMAGE),
    Peer("azure-dall-e", "azure/dall-e-3", _AZURE, _AN_IMAGE, fake="azure"),
    Peer("gpt-image", "openai/gpt-image-1", _OPENAI, PRICE),
    Peer("whisper", "openai/whisper-1", _OPENAI, _A_SECOND),
    Peer("azure-whisper", "azure/whisper", _AZURE, _A_SECOND, fake="azure"),
    Peer("groq-whisper", "groq/whisper-large-v3", _OPENAI, _A_SECOND, fake="groq"),
    Peer("gpt-transcribe", "openai/gpt-4o-transcribe", _OPENAI, PRICE),
    Peer("tts", "openai/tts-1", _OPENAI, _A_CHARACTER),
    Peer("azure-tts", "azure/tts-1", _AZURE, _A_CHARACTER, fake="azure"),
    Peer("rerank-cohere", "cohere/rerank-v3.5", _HOST, _A_QUERY),
    Peer("rerank-vllm", "hosted_vllm/bge-reranker", _OPENAI, _A_QUERY, fake="vllm"),
)
ALL: Mapping[str, Peer] = {peer.group: peer for peer in (*CHAT, *EMBEDDERS, *OTHERS)}


def reset(name: str, fake: Any) -> None:
    """As it was made."""
    fresh = FAKES[name]()
    for setting in fields(fresh):
        if setting.init and setting.name != "port":
            setattr(fake, setting.name, getattr(fresh, setting.name))
    fake.clear()


_AWS_KINDS = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}
_REFUSALS: Mapping[str, Callable[[int, str], Reply]] = {
    "anthropic": anthropic_error,
    "azure": lambda status, message: azure_error(status, str(status), message),
    "bedrock": lambda status, message: aws_error(status, _AWS_KINDS[status], message),
    "gemini": gemini_error,
}


def refusal(peer: Peer, status: int, message: str = "The gate is closed.") -> Reply:
    """In the provider's own words, for the script of its fake."""
    say = _REFUSALS.get(peer.provider)
    return say(status, message) if say else openai_error(status, message, "an_error")


def think(peer: Peer, fake: Any, thoughts: str) -> None:
    """Have it think aloud, when it is asked to reason."""
    setattr(fake, "thinking" if peer.provider == "bedrock" else "thoughts", thoughts)


def cache(peer: Peer, fake: Any, *, read: int, written: int) -> None:
    """Have it find so many tokens in its cache, and write so many to it where that is a thing."""
    names = {
        "anthropic": ("cache_read_tokens", "cache_creation_tokens"),
        "bedrock": ("cache_read_tokens", "cache_write_tokens"),
    }.get(peer.provider, ("cached_tokens",))
    for name, tokens in zip(names, (read, written), strict=False):
        setattr(fake, name, tokens)
