"""The providers that speak OpenAI's wire: a row each, under the prefix LiteLLM gives it."""

from proxy.core.operations import Operation
from proxy.providers.openai import BASIC, OpenAICompatible
from proxy.providers.quirks import Quirks, Refusal, Rename
from proxy.providers.reported import results_of_data, total_as_prompt
from proxy.providers.services import OLD_LIMIT, OLDER, OPENAI_QUIRKS, SERVICES

_OPENAI = BASIC | {
    Operation.IMAGE,
    Operation.MODERATION,
    Operation.RESPONSES,
    Operation.SPEECH,
    Operation.TRANSCRIPTION,
}
_EVERYTHING = _OPENAI | {Operation.RERANK}
# Who knows what such a server has? Responses can be had of its chat as well.
_ANYTHING = _EVERYTHING - {Operation.RESPONSES}
_SEARCH = frozenset({Operation.EMBEDDING, Operation.RERANK})

TABLE: tuple[OpenAICompatible, ...] = (
    OpenAICompatible(
        "openai",
        "https://api.openai.com/v1",
        operations=_OPENAI,
        key_variables=("OPENAI_API_KEY",),
        base_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        fact_variables={"organization": ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID")},
        quirks=OPENAI_QUIRKS,
    ),
    OpenAICompatible(
        "text-completion-openai",
        "https://api.openai.com/v1",
        operations=frozenset({Operation.COMPLETION}),
        key_variables=("OPENAI_API_KEY",),
        base_variables=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    ),
    # Whatever else speaks OpenAI's wire; the deployment names its api_base, and a key of its own or none: OpenAI's
    # must not go to strangers.
    OpenAICompatible("custom_openai", operations=_ANYTHING),
    OpenAICompatible(
        "openai_like",
        operations=_ANYTHING,
        key_variables=("OPENAI_LIKE_API_KEY",),
        base_variables=("OPENAI_LIKE_API_BASE",),
    ),
    OpenAICompatible(
        "litellm_proxy",
        operations=_EVERYTHING,
        key_variables=("LITELLM_PROXY_API_KEY",),
        base_variables=("LITELLM_PROXY_API_BASE",),
        quirks=Quirks(cache_control=True),
    ),
    # Servers one runs oneself.
    OpenAICompatible(
        "hosted_vllm",
        operations=BASIC | {Operation.TRANSCRIPTION, Operation.RERANK},
        key_variables=("HOSTED_VLLM_API_KEY",),
        base_variables=("HOSTED_VLLM_API_BASE",),
    ),
    OpenAICompatible(
        "vllm",
        operations=BASIC | {Operation.TRANSCRIPTION, Operation.RERANK},
        key_variables=("VLLM_API_KEY",),
        base_variables=("VLLM_API_BASE",),
    ),
    *(
        OpenAICompatible(
            name,
            "http://localhost:11434/v1",
            operations=BASIC,
            key_variables=("OLLAMA_API_KEY",),
            base_variables=("OLLAMA_API_BASE",),
            # LiteLLM's own addresses of it end before the path.
            suffix="v1",
            quirks=Quirks(renames=OLD_LIMIT, reasoning="reasoning"),
        )
        for name in ("ollama", "ollama_chat")
    ),
    OpenAICompatible(
        "lm_studio",
        operations=BASIC,
        key_variables=("LM_STUDIO_API_KEY",),
        base_variables=("LM_STUDIO_API_BASE",),
        quirks=OLDER,
    ),
    OpenAICompatible(
        "infinity",
        operations=_SEARCH,
        key_variables=("INFINITY_API_KEY",),
        base_variables=("INFINITY_API_BASE",),
    ),
    *SERVICES,
    # Rerankers and embedders.
    *(
        OpenAICompatible(
            name,
            "https://api.cohere.ai/compatibility/v1",
            operations=frozenset({Operation.CHAT, Operation.EMBEDDING, Operation.RERANK}),
            key_variables=("COHERE_API_KEY", "CO_API_KEY"),
            base_variables=("COHERE_API_BASE",),
            paths={Operation.RERANK: "/v2/rerank"},
            # docs.cohere.com/docs/compatibility-api lists what it takes; it refuses `stream_options`
            # (strandsagents.com, "Cohere").
            quirks=Quirks(
                renames=OLD_LIMIT,
                unknown=frozenset({"stream_options"}),
                refusals=(
                    Refusal(frozenset({"logit_bias", "n", "parallel_tool_calls", "service_tier", "top_logprobs"})),
                ),
            ),
        )
        for name in ("cohere", "cohere_chat")
    ),
    OpenAICompatible(
        "voyage",
        "https://api.voyageai.com/v1",
        operations=_SEARCH,
        key_variables=("VOYAGE_API_KEY",),
        base_variables=("VOYAGE_API_BASE",),
        quirks=Quirks(
            renames=(
                Rename("dimensions", "output_dimension", frozenset({Operation.EMBEDDING})),
                Rename("top_n", "top_k", frozenset({Operation.RERANK})),
            ),
            # It knows "base64" and null, and says null by leaving out; the clients read both.
            unknown=frozenset({"encoding_format"}),
            usage=total_as_prompt,
            answer={Operation.RERANK: results_of_data},
        ),
    ),
    OpenAICompatible(
        "jina_ai",
        "https://api.jina.ai/v1",
        operations=_SEARCH,
        key_variables=("JINA_AI_API_KEY",),
        base_variables=("JINA_AI_API_BASE",),
        quirks=Quirks(
            renames=(Rename("encoding_format", "embedding_type", frozenset({Operation.EMBEDDING})),),
            usage=total_as_prompt,
        ),
    ),
)
