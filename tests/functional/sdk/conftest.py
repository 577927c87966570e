"""One gateway with a model group at each provider, and the vendors' SDKs pointed at it."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import anthropic
import openai
import pytest

from tests.functional.sdk.books import Books
from tests.functional.sdk.peers import ALL, FAKES, Fake, Peer, reset
from tests.gateway import MASTER_KEY, Gateway


@pytest.fixture(scope="package")
def fakes() -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(make()) for name, make in FAKES.items()}


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory, fakes: dict[str, Any]) -> Iterator[Gateway]:
    config = {
        "model_list": [peer.entry(fakes[peer.fake].url) for peer in ALL.values()],
        # What is scripted to fail shall be seen to fail, and be there for the next test.
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    with Gateway(tmp_path_factory.mktemp("sdk"), config) as started:
        yield started
    assert "Traceback" not in started.log(), started.log()


@pytest.fixture(scope="package")
def books(world: Gateway, fakes: dict[str, Any]) -> Iterator[Books]:
    with Books(world, fakes) as found:
        yield found
        found.ensure_metrics_are_the_ledgers()


@pytest.fixture(scope="package")
def sdk(world: Gateway, books: Books) -> Iterator[openai.OpenAI]:
    http = openai.DefaultHttpxClient(event_hooks={"response": [books.note]}, trust_env=False)
    with openai.OpenAI(base_url=f"{world.url}/v1", api_key=MASTER_KEY, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture(scope="package")
def claude_sdk(world: Gateway, books: Books) -> Iterator[anthropic.Anthropic]:
    http = anthropic.DefaultHttpxClient(event_hooks={"response": [books.note]}, trust_env=False)
    with anthropic.Anthropic(base_url=world.url, api_key=MASTER_KEY, max_retries=0, http_client=http) as client:
        yield client


@pytest.fixture(autouse=True)
def _fresh_fakes(fakes: dict[str, Any]) -> None:
    for name, fake in fakes.items():
        reset(name, fake)


@pytest.fixture
def fake(peer: Peer, fakes: dict[str, Any]) -> Fake:
    """The one that the test's `peer` asks."""
    found: Fake = fakes[peer.fake]
    return found
