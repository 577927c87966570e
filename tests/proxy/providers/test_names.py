"""Whose a model is, by its name."""

import pytest

from proxy.providers import PROVIDERS, split_model


@pytest.mark.parametrize(
    ("model", "custom", "expected"),
    [
        ("gpt-4o", None, ("openai", "gpt-4o")),
        ("openai/gpt-4o", None, ("openai", "gpt-4o")),
        ("gpt-4o", "", ("openai", "gpt-4o")),
        ("groq/llama-3.1-8b", None, ("groq", "llama-3.1-8b")),
        ("openrouter/anthropic/claude-3.5-sonnet", None, ("openrouter", "anthropic/claude-3.5-sonnet")),
        ("together_ai/meta-llama/Llama-3-70b", None, ("together_ai", "meta-llama/Llama-3-70b")),
        ("hosted_vllm/meta-llama/Llama-3", None, ("hosted_vllm", "meta-llama/Llama-3")),
        ("meta-llama/Llama-3", "hosted_vllm", ("hosted_vllm", "meta-llama/Llama-3")),
        ("hosted_vllm/llama", "hosted_vllm", ("hosted_vllm", "llama")),
        ("azure/my-deployment", None, ("azure", "my-deployment")),
        ("nobody/model", None, ("nobody", "model")),
        ("bedrock/anthropic.claude-3-haiku-v1:0", None, ("bedrock", "anthropic.claude-3-haiku-v1:0")),
        ("bedrock/converse/us.amazon.nova-lite-v1:0", None, ("bedrock", "us.amazon.nova-lite-v1:0")),
        ("bedrock/invoke/anthropic.claude-v2", None, ("bedrock", "anthropic.claude-v2")),
        ("converse/anthropic.claude-v2", "bedrock", ("bedrock", "anthropic.claude-v2")),
        (
            "bedrock/arn:aws:bedrock:us-east-1:1:inference-profile/us.x",
            None,
            ("bedrock", "arn:aws:bedrock:us-east-1:1:inference-profile/us.x"),
        ),
        ("openai/converse/x", None, ("openai", "converse/x")),
    ],
)
def test_the_prefix_of_a_model_names_its_provider(model: str, custom: str | None, expected: tuple[str, str]) -> None:
    assert split_model(model, custom_provider=custom) == expected


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("claude-sonnet-4-5", "anthropic"),
        ("gemini-2.5-pro", "gemini"),
        ("command-r-plus", "cohere"),
        ("command", "cohere"),
        ("rerank-v3.5", "cohere"),
        ("embed-english-v3.0", "cohere"),
        ("gpt-3.5-turbo-instruct", "text-completion-openai"),
        ("gpt-3.5-turbo", "openai"),
        ("us.anthropic.claude-3-5-sonnet-20240620-v1:0", "bedrock"),
        ("amazon.titan-embed-text-v2:0", "bedrock"),
        ("text-embedding-3-small", "openai"),
        ("commander", "openai"),
        ("my.own.model", "openai"),
    ],
)
def test_well_known_names_need_no_prefix(model: str, provider: str) -> None:
    assert split_model(model) == (provider, model)


def test_every_prefix_leads_to_its_provider() -> None:
    for name in PROVIDERS:
        assert split_model(f"{name}/some/model") == (name, "some/model")
