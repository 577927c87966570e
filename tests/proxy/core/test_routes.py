"""Which routes a list of grants covers."""

import pytest

from proxy.core.routes import covers_route


@pytest.mark.parametrize(
    ("grants", "path", "covered"),
    [
        ([], "/anything", True),
        (["/chat/completions"], "/chat/completions", True),
        (["/chat/completions"], "/v1/chat/completions", True),
        (["/v1/chat/completions"], "/chat/completions", True),
        (["/chat/completions"], "/chat/completions/", True),
        (["/chat"], "/chat/completions", True),
        (["/chat"], "/chatter", False),
        (["/key/info"], "/key/update", False),
        (["/key/*"], "/key/update", True),
        (["/key/*"], "/team/update", False),
        (["*"], "/key/update", True),
        (["llm_api_routes"], "/v1/chat/completions", True),
        (["llm_api_routes"], "/v1/models/gpt-4o", True),
        (["llm_api_routes"], "/openai/deployments/gpt-4o/chat/completions", True),
        (["llm_api_routes"], "/key/generate", False),
        (["llm_api_routes"], "/models-of-others", False),
        (["management_routes"], "/key/generate", True),
        (["management_routes"], "/chat/completions", False),
        (["info_routes"], "/key/info", True),
        (["info_routes"], "/key/generate", False),
        (["info_routes"], "/key/delete", False),
        (["info_routes"], "/team/new", False),
        (["nonsense"], "/key/info", False),
        ([""], "/key/info", False),
        (["/"], "/key/info", False),
    ],
)
def test_grants(grants: list[str], path: str, covered: bool) -> None:
    assert covers_route(grants, path) is covered
