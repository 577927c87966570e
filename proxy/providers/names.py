"""Whose a model is, by its name: the prefix, or without one what LiteLLM knows such names to be. Pure."""

import re

DEFAULT_PROVIDER = "openai"

_WELL_KNOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "gemini"),
    (re.compile(r"(command(-|$)|c4ai-aya|embed-(english|multilingual|v4)|rerank-)"), "cohere"),
    (re.compile(r"(davinci-002|babbage-002|gpt-3\.5-turbo-instruct)"), "text-completion-openai"),
    (
        re.compile(
            r"((us|us-gov|eu|apac|jp|au|ca|global)\.)?"
            r"(ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|nvidia|openai|qwen|writer)\."
        ),
        "bedrock",
    ),
)
# Ways to the same models, which LiteLLM names within the model.
_WAYS = {"bedrock": re.compile(r"^(converse_like|converse|invoke)/")}


def split_model(model: str, *, custom_provider: str | None = None) -> tuple[str, str]:
    """`groq/llama-3.1-8b` -> `("groq", "llama-3.1-8b")`; the model keeps the slashes it has of its own.

    Without a prefix it is OpenAI's, or whose such names are known to be. A prefix that no provider has is given back
    as it stands.
    """
    provider, name = _split(model, custom_provider)
    way = _WAYS.get(provider)
    return provider, way.sub("", name) if way else name


def _split(model: str, custom_provider: str | None) -> tuple[str, str]:
    if custom_provider:
        return custom_provider, model.removeprefix(f"{custom_provider}/")
    prefix, slash, name = model.partition("/")
    if slash:
        return prefix, name
    return next((known for pattern, known in _WELL_KNOWN if pattern.match(model)), DEFAULT_PROVIDER), model
