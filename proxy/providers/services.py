"""The services that speak OpenAI's wire: hosts of other people's models and makers of their own."""

import re

from proxy.core.operations import Operation
from proxy.providers.openai import BASIC, OpenAICompatible
from proxy.providers.quirks import Quirks, Refusal, Rename
from proxy.providers.reported import (
    cached_tokens_at,
    usage_of_choice,
    usage_of_groq,
    with_reasoning_apart,
    with_research,
)

_CHAT = frozenset({Operation.CHAT})
_TEXT = _CHAT | {Operation.COMPLETION}
_EMBEDS = _CHAT | {Operation.EMBEDDING}
_AUDIO = frozenset({Operation.TRANSCRIPTION, Operation.SPEECH})

# OpenAI's reasoning models refuse `max_tokens` and what steers sampling ("Unsupported parameter" and "Unsupported
# value", platform.openai.com/docs/guides/reasoning). Their names are the only sign of them.
_REASONERS = re.compile(r"^(o\d|gpt-[5-9](?![\w.]*-chat))")
_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"}
)
OPENAI_QUIRKS = Quirks(
    renames=(Rename("max_tokens", "max_completion_tokens", frozenset({Operation.CHAT}), _REASONERS),),
    refusals=(Refusal(_SAMPLING, _REASONERS),),
)
# What a server knows that was written before OpenAI's newer name: nothing of it, so the limit would be lost.
OLD_LIMIT = (Rename("max_completion_tokens", "max_tokens"),)
OLDER = Quirks(renames=OLD_LIMIT)
OLDER_ROLES = Quirks(renames=OLD_LIMIT, developer_is_system=True)

SERVICES: tuple[OpenAICompatible, ...] = (
    OpenAICompatible(
        "groq",
        "https://api.groq.com/openai/v1",
        operations=_CHAT | _AUDIO,
        key_variables=("GROQ_API_KEY",),
        base_variables=("GROQ_API_BASE",),
        # console.groq.com/docs/openai: "currently not supported".
        quirks=Quirks(
            refusals=(Refusal(frozenset({"logprobs", "logit_bias", "top_logprobs"})),),
            reasoning="reasoning",
            stray_usage=usage_of_groq,
        ),
    ),
    OpenAICompatible(
        "deepseek",
        "https://api.deepseek.com/v1",
        operations=_CHAT,
        key_variables=("DEEPSEEK_API_KEY",),
        base_variables=("DEEPSEEK_API_BASE",),
        quirks=Quirks(renames=OLD_LIMIT, developer_is_system=True, usage=cached_tokens_at("prompt_cache_hit_tokens")),
    ),
    OpenAICompatible(
        "mistral",
        "https://api.mistral.ai/v1",
        operations=_EMBEDS | {Operation.MODERATION, Operation.TRANSCRIPTION},
        key_variables=("MISTRAL_API_KEY",),
        base_variables=("MISTRAL_API_BASE", "MISTRAL_AZURE_API_BASE"),
        quirks=Quirks(
            renames=(*OLD_LIMIT, Rename("seed", "random_seed")),
            # 422 "extra_forbidden" (github.com/openai/openai-agents-python/issues/442); the last chunk has the usage
            # without being asked.
            unknown=frozenset({"stream_options"}),
            refusals=(Refusal(frozenset({"logit_bias", "logprobs", "top_logprobs", "user", "store"})),),
            developer_is_system=True,
        ),
    ),
    OpenAICompatible(
        "together_ai",
        "https://api.together.xyz/v1",
        operations=BASIC | _AUDIO | {Operation.IMAGE, Operation.RERANK},
        key_variables=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_TOKEN"),
        base_variables=("TOGETHER_AI_API_BASE",),
        quirks=Quirks(renames=OLD_LIMIT, developer_is_system=True, reasoning="reasoning"),
    ),
    OpenAICompatible(
        "openrouter",
        "https://openrouter.ai/api/v1",
        operations=BASIC,
        key_variables=("OPENROUTER_API_KEY", "OR_API_KEY"),
        base_variables=("OPENROUTER_API_BASE",),
        # openrouter.ai/docs/use-cases/reasoning-tokens and .../features/prompt-caching
        quirks=Quirks(reasoning="reasoning", cache_control=True),
    ),
    OpenAICompatible(
        "xai",
        "https://api.x.ai/v1",
        operations=_TEXT | {Operation.RESPONSES, Operation.IMAGE},
        key_variables=("XAI_API_KEY",),
        base_variables=("XAI_API_BASE",),
        # docs.x.ai/docs/guides/reasoning: "will result in an error".
        quirks=Quirks(
            refusals=(
                Refusal(
                    frozenset({"presence_penalty", "frequency_penalty", "stop"}), re.compile(r"grok-(4|3-mini|code)")
                ),
            ),
            usage=with_reasoning_apart,
        ),
    ),
    OpenAICompatible(
        "dashscope",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        operations=_EMBEDS,
        key_variables=("DASHSCOPE_API_KEY",),
        base_variables=("DASHSCOPE_API_BASE",),
        quirks=OLDER,
    ),
    OpenAICompatible(
        "moonshot",
        "https://api.moonshot.ai/v1",
        operations=_CHAT,
        key_variables=("MOONSHOT_API_KEY",),
        base_variables=("MOONSHOT_API_BASE",),
        quirks=Quirks(
            renames=OLD_LIMIT,
            developer_is_system=True,
            stray_usage=usage_of_choice,
            usage=cached_tokens_at("cached_tokens"),
        ),
    ),
    OpenAICompatible(
        "zai",
        "https://api.z.ai/api/paas/v4",
        operations=_EMBEDS | {Operation.IMAGE},
        key_variables=("ZAI_API_KEY",),
        base_variables=("ZAI_API_BASE",),
        quirks=OLDER_ROLES,
    ),
    OpenAICompatible(
        "zhipu",
        "https://open.bigmodel.cn/api/paas/v4",
        operations=_EMBEDS | {Operation.IMAGE},
        key_variables=("ZHIPUAI_API_KEY", "ZHIPU_API_KEY"),
        base_variables=("ZHIPUAI_API_BASE",),
        quirks=OLDER_ROLES,
    ),
    OpenAICompatible(
        "fireworks_ai",
        "https://api.fireworks.ai/inference/v1",
        operations=BASIC | {Operation.RESPONSES, Operation.RERANK},
        key_variables=("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
        base_variables=("FIREWORKS_API_BASE",),
        quirks=OLDER_ROLES,
        model_prefix="accounts/fireworks/models/",
    ),
    OpenAICompatible(
        "perplexity",
        "https://api.perplexity.ai",
        operations=_CHAT | {Operation.RESPONSES},
        key_variables=("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
        base_variables=("PERPLEXITY_API_BASE",),
        paths={Operation.RESPONSES: "/v1/responses"},
        quirks=Quirks(
            renames=OLD_LIMIT,
            # Not among its parameters, and every chunk has the usage so far (docs.perplexity.ai, "Chat Completions").
            unknown=frozenset({"stream_options"}),
            refusals=(
                Refusal(
                    frozenset(
                        {
                            "logit_bias",
                            "logprobs",
                            "n",
                            "parallel_tool_calls",
                            "seed",
                            "service_tier",
                            "stop",
                            "tool_choice",
                            "tools",
                            "top_logprobs",
                        }
                    )
                ),
            ),
            developer_is_system=True,
            usage=with_research,
        ),
    ),
    OpenAICompatible(
        "nvidia_nim",
        "https://integrate.api.nvidia.com/v1",
        operations=BASIC,
        key_variables=("NVIDIA_NIM_API_KEY",),
        base_variables=("NVIDIA_NIM_API_BASE",),
        quirks=OLDER,
    ),
    OpenAICompatible(
        "cerebras",
        "https://api.cerebras.ai/v1",
        operations=_TEXT,
        key_variables=("CEREBRAS_API_KEY",),
        base_variables=("CEREBRAS_API_BASE",),
        # inference-docs.cerebras.ai/resources/openai: "will result in a 400 error".
        quirks=Quirks(
            refusals=(
                Refusal(
                    frozenset(
                        {"frequency_penalty", "logit_bias", "presence_penalty", "parallel_tool_calls", "service_tier"}
                    )
                ),
            ),
            reasoning="reasoning",
        ),
    ),
    OpenAICompatible(
        "sambanova",
        "https://api.sambanova.ai/v1",
        operations=BASIC,
        key_variables=("SAMBANOVA_API_KEY",),
        base_variables=("SAMBANOVA_API_BASE",),
        quirks=OLDER_ROLES,
    ),
    OpenAICompatible(
        "deepinfra",
        "https://api.deepinfra.com/v1/openai",
        operations=BASIC | _AUDIO | {Operation.IMAGE},
        key_variables=("DEEPINFRA_API_KEY",),
        base_variables=("DEEPINFRA_API_BASE",),
        quirks=OLDER,
    ),
    OpenAICompatible(
        "huggingface",
        "https://router.huggingface.co/v1",
        operations=_CHAT,
        key_variables=("HF_TOKEN", "HUGGINGFACE_API_KEY"),
        base_variables=("HF_API_BASE", "HUGGINGFACE_API_BASE"),
        quirks=OLDER,
    ),
    OpenAICompatible(
        "github",
        "https://models.github.ai/inference",
        operations=_EMBEDS,
        key_variables=("GITHUB_API_KEY",),
        base_variables=("GITHUB_API_BASE",),
        quirks=OPENAI_QUIRKS,
    ),
)
