"""The fake of Bedrock refuses what Bedrock refuses: what passes here is believed to pass there."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.azure import FakeAzure
from tests.fakes.bedrock import FakeBedrock

HI = {"role": "user", "content": [{"text": "Hi"}]}
USE = {"role": "assistant", "content": [{"toolUse": {"toolUseId": "1", "name": "pay", "input": {}}}]}


@pytest.fixture
def bedrock() -> Iterator[FakeBedrock]:
    with FakeBedrock(api_key="the-key") as fake:
        yield fake


def post(url: str, body: Any, **headers: str) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=5) as client:
        return client.post(url, json=body, headers=headers)


def converse(fake: FakeBedrock, body: Any, *, model: str = "m", action: str = "converse") -> httpx.Response:
    return post(f"{fake.url}/model/{model}/{action}", body, Authorization="Bearer the-key")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"messages": []},
        {"messages": [HI], "model": "m"},
        {"messages": [HI], "stream": True},
        {"messages": [HI, HI]},
        {"messages": [USE]},
        {"messages": [{"role": "system", "content": [{"text": "x"}]}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": [{"text": " "}]}]},
        {"messages": [{"role": "user", "content": [{"text": "x", "image": {}}]}]},
        {"messages": [{"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": "%"}}}]}]},
        {"messages": [{"role": "user", "content": [{"image": {"format": "tiff", "source": {"bytes": "AAAA"}}}]}]},
        {"messages": [HI, USE]},
        {"messages": [HI], "inferenceConfig": {"max_tokens": 5}},
        {"messages": [HI], "inferenceConfig": {"maxTokens": "5"}},
        {"messages": [HI], "system": [{"text": ""}]},
    ],
)
def test_bodies_that_converse_refuses(bedrock: FakeBedrock, body: Any) -> None:
    response = converse(bedrock, body)

    assert response.status_code == 400
    assert response.headers["x-amzn-errortype"].startswith("ValidationException:")
    assert not bedrock.billed


def test_a_model_that_is_not_there(bedrock: FakeBedrock) -> None:
    bedrock.models = frozenset({"other"})

    assert converse(bedrock, {"messages": [HI]}).status_code == 400


@pytest.mark.parametrize(("action", "status"), [("converse", 200), ("converse-stream", 200), ("elsewhere", 403)])
def test_what_can_be_done_with_a_model(bedrock: FakeBedrock, action: str, status: int) -> None:
    assert converse(bedrock, {"messages": [HI]}, action=action).status_code == status


def test_without_a_signature_nothing_is_answered() -> None:
    with FakeBedrock() as fake:
        response = post(f"{fake.url}/model/m/converse", {"messages": [HI]})

    assert response.status_code == 403
    assert "MissingAuthenticationToken" in response.headers["x-amzn-errortype"]


def test_a_stream_that_is_cut_is_billed_for_what_it_said(bedrock: FakeBedrock) -> None:
    bedrock.cut_after_chunks = 2

    with pytest.raises(httpx.HTTPError):
        converse(bedrock, {"messages": [HI]}, action="converse-stream")

    assert bedrock.wait_until(lambda: bool(bedrock.billed))
    assert not bedrock.billed[0].finished


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/openai/deployments/d/chat/completions?api-version=2024-10-21", 200),
        ("/openai/deployments/d/chat/completions", 404),
        ("/openai/v1/chat/completions", 400),
        ("/v1/chat/completions", 404),
    ],
)
def test_azure_knows_only_its_own_addresses(path: str, status: int) -> None:
    with FakeAzure() as fake:
        body = {"messages": [{"role": "user", "content": "Hi"}]}

        assert post(f"{fake.url}{path}", body, **{"api-key": "k"}).status_code == status
        assert post(f"{fake.url}{path}", body).status_code == 401
