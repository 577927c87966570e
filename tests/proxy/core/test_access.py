"""Which model groups a list of grants covers."""

import pytest

from proxy.core.access import covers


@pytest.mark.parametrize(
    ("grants", "model_group", "covered"),
    [
        ([], "gpt-4o", True),
        (["gpt-4o"], "gpt-4o", True),
        (["gpt-4o"], "gpt-4o-mini", False),
        (["gpt-4o-mini"], "gpt-4o", False),
        (["GPT-4o"], "gpt-4o", False),
        (["*"], "anything", True),
        (["all-proxy-models"], "anything", True),
        (["openai/*"], "openai/gpt-4o", True),
        (["openai/*"], "openai/", True),
        (["openai/*"], "openai", False),
        (["openai/*"], "openai-evil/gpt-4o", False),
        (["openai/*"], "azure/openai/gpt-4o", False),
        (["openai/gpt-*"], "openai/gpt-4o", False),
        (["gpt*"], "gpt-4o", False),
        (["no-default-models"], "gpt-4o", False),
        (["a", "openai/*", "b"], "openai/x", True),
        ([""], "gpt-4o", False),
        (["/*"], "gpt-4o", False),
    ],
)
def test_grants(grants: list[str], model_group: str, covered: bool) -> None:
    assert covers(grants, model_group) is covered
    assert covers(frozenset(grants), model_group) is covered
