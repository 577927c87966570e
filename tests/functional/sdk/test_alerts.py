"""Whatever is asked of a model: who is on call hears of its failures and of missing prices alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.sdk.asking import QUESTION
from tests.functional.sdk.test_others import recording
from tests.gateway import MASTER_KEY, Gateway, model


@dataclass(frozen=True)
class Clients:
    openai: openai.OpenAI
    anthropic: anthropic.Anthropic
    gateway: Gateway

    def rank(self, name: str) -> None:
        body = {"model": name, "query": "q", "documents": ["d"]}
        with self.gateway.client() as client:
            assert client.post("/v1/rerank", json=body).status_code < 600


# One way to ask each kind, by the call type in the ledger.
ASK: dict[str, Callable[[Clients, str], Any]] = {
    "acompletion": lambda sdk, name: sdk.openai.chat.completions.create(model=name, messages=QUESTION),
    "atext_completion": lambda sdk, name: sdk.openai.completions.create(model=name, prompt="Hi"),
    "aembedding": lambda sdk, name: sdk.openai.embeddings.create(model=name, input="Hi"),
    "anthropic_messages": lambda sdk, name: sdk.anthropic.messages.create(model=name, max_tokens=9, messages=QUESTION),
    "aresponses": lambda sdk, name: sdk.openai.responses.create(model=name, input="Hi"),
    "amoderation": lambda sdk, name: sdk.openai.moderations.create(model=name, input="Hi"),
    "aimage_generation": lambda sdk, name: sdk.openai.images.generate(model=name, prompt="Hi"),
    "atranscription": lambda sdk, name: sdk.openai.audio.transcriptions.create(model=name, file=recording()),
    "aspeech": lambda sdk, name: sdk.openai.audio.speech.create(model=name, input="Hi", voice="alloy"),
    "arerank": lambda sdk, name: sdk.rank(name),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as server:
        yield server


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream, slack: FakeSlack) -> Iterator[Clients]:
    """A model group for each kind that fails, and one without a price for each that does not."""
    config = {
        "model_list": [
            model(f"{way}-{call_type}", upstream.url, model=f"custom_openai/{way}-{call_type}")
            for call_type in ASK
            for way in ("fails", "unpriced")
        ]
        + [model("unpriced-amoderation-after", upstream.url, model="custom_openai/unpriced-amoderation-after")],
        "general_settings": {"alerting": ["slack"]},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }
    data: Path = tmp_path_factory.mktemp("alerted")
    with (
        Gateway(data, config, environment={"SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/secret"}) as gateway,
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=MASTER_KEY, max_retries=0) as sdk,
        anthropic.Anthropic(base_url=gateway.url, api_key=MASTER_KEY, max_retries=0) as claude_sdk,
    ):
        yield Clients(sdk, claude_sdk, gateway)
    assert "Traceback" not in gateway.log(), gateway.log()


def heard(slack: FakeSlack, *words: str) -> bool:
    return any(all(word in message["text"] for word in words) for message in list(slack.messages))


@pytest.mark.parametrize("call_type", ASK)
def test_a_failure_rings(clients: Clients, upstream: FakeUpstream, slack: FakeSlack, call_type: str) -> None:
    name = f"fails-{call_type}"
    upstream.script(openai_error(500, "The gate fell down.", "server_error"))
    try:
        ASK[call_type](clients, name)
    except (openai.InternalServerError, anthropic.InternalServerError) as error:
        assert "The gate fell down." in str(error)  # noqa: PT017 - a ranking has no SDK to raise one

    ledger = f"SELECT call_type, status FROM budgets_ledgerentry WHERE model_group = '{name}'"
    assert clients.gateway.rows(ledger) == [(call_type, "failure")]
    assert slack.wait_until(
        lambda: heard(slack, "`llm_exceptions`", f"Model: `{name}`", "The gate fell down."), timeout=20
    )


@pytest.mark.parametrize("call_type", sorted(ASK.keys() - {"amoderation"}))
def test_what_is_served_without_a_price_rings(clients: Clients, slack: FakeSlack, call_type: str) -> None:
    name = f"unpriced-{call_type}"
    ASK[call_type](clients, name)

    ledger = f"SELECT call_type, status, amount_nano, price_id FROM budgets_ledgerentry WHERE model_group = '{name}'"
    assert clients.gateway.rows(ledger) == [(call_type, "success", 0, None)]
    assert slack.wait_until(lambda: heard(slack, "`failed_tracking_spend`", f"Model: `{name}`"), timeout=20)


def test_a_moderation_needs_no_price(clients: Clients) -> None:
    """It is free everywhere."""
    ASK["amoderation"](clients, "unpriced-amoderation")
    ASK["acompletion"](clients, "unpriced-amoderation-after")

    # What is told later is written later.
    incidents = "SELECT title FROM alerts_incident WHERE title LIKE '%unpriced-amoderation%'"
    [(title,)] = clients.gateway.wait_for_rows(incidents, 1)
    assert "custom_openai/unpriced-amoderation-after" in title
