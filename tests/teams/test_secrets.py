"""What may hold a credential, by its name."""

import pytest

from teams.secrets import is_secret_name, masked


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("api_key", True),
        ("aws_session_token", True),
        ("token", True),
        ("client_secret", True),
        ("max_tokens", False),
        ("input_cost_per_token", False),
        ("output_cost_per_reasoning_token", False),
        ("input_cost_per_audio_token", False),
    ],
)
def test_what_a_token_costs_is_no_secret_and_a_token_is_one(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret
    assert masked({name: "x"}) == {name: "***" if secret else "x"}
