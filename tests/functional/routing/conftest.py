"""Three upstreams, and gateways whose router is put together by each test."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, Store, model

Start = Callable[..., Gateway]


@pytest.fixture
def upstreams() -> Iterator[list[FakeUpstream]]:
    with ExitStack() as stack:
        yield [stack.enter_context(FakeUpstream()) for _ in range(3)]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start(entries, router_settings, ...)` starts a gateway that ends with the test."""
    with ExitStack() as stack:

        def begin(
            entries: list[dict[str, Any]],
            router: Mapping[str, Any] | None = None,
            *,
            store: Store | None = None,
            environment: Mapping[str, str] | None = None,
            **sections: Mapping[str, Any],
        ) -> Gateway:
            config = {"model_list": entries, "router_settings": dict(router or {}), **sections}
            data = tmp_path / f"gateway-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(Gateway(data, config, store=store or Store(), environment=environment or {}))

        yield begin


def entry(name: str, upstream: FakeUpstream, *, deployment: str = "", **params: Any) -> dict[str, Any]:
    """A deployment of a group; its upstream model is gpt-4o, for which a price is known."""
    found = model(name, upstream.url)
    found["litellm_params"].update({"model": "openai/gpt-4o", **params})
    return {**found, "model_info": {"id": deployment}} if deployment else found
