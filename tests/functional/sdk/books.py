"""What the gateway wrote down about an answer, held against the provider's bill and the price."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from types import TracebackType
from typing import Any, Self

import httpx

from tests.fakes.completion import Billed
from tests.functional.sdk.peers import Fake, Peer
from tests.gateway import MASTER_KEY, Gateway

_COLUMNS = (
    "id", "call_type", "status", "status_code", "error_class", "key_alias", "requested_model", "model_group",
    "provider", "model", "stream", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_creation_tokens",
    "reasoning_tokens", "units", "unit", "amount_nano", "basis", "price_id", "upstream_id", "tags", "end_user",
)  # fmt: skip
Row = dict[str, Any]


@dataclass
class Answered:
    """`headers` are those of the last answer; the row is there once the block is left."""

    headers: Mapping[str, str] = field(default_factory=dict)
    row: Row = field(default_factory=dict)


@dataclass
class Books:
    """A context manager. `last` is filled by the SDKs' HTTP clients; `http` is for what they do not have."""

    gateway: Gateway
    fakes: Mapping[str, Any]
    last: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.http = httpx.Client(
            base_url=self.gateway.url,
            headers={"Authorization": f"Bearer {MASTER_KEY}"},
            event_hooks={"response": [self.note]},
            timeout=20,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def note(self, response: Any) -> None:
        if response.request.url.path != "/metrics":
            self.last = dict(response.headers)

    @contextmanager
    def answer(self, peer: Peer, call_type: str, *, stream: bool = False, basis: str = "usage") -> Iterator[Answered]:
        """One answer is given within: charged by what the provider bills, in the ledger, metrics and headers alike."""
        fake: Fake = self.fakes[peer.fake]
        fake.billed.clear()
        with self._one_row() as (answered, grown):
            yield answered
        row = answered.row
        assert (row["status"], row["status_code"], row["basis"]) == ("success", 200, basis)
        self._ensure_named(peer, call_type, row, stream=stream)
        [line] = fake.billed
        assert line.finished
        if basis == "usage":
            assert _counts(row) == (
                line.prompt_tokens,
                line.completion_tokens,
                line.cached_tokens,
                line.cache_creation_tokens,
                line.reasoning_tokens,
            )
            assert row["amount_nano"] == owed(line, peer.price)
        if line.unit:
            assert (row["units"], row["unit"]) == (line.units, line.unit)
        if not stream:
            assert answered.headers["x-litellm-response-cost"] == repr(row["amount_nano"] / 10**9)
        assert answered.headers["x-litellm-model-group"] == peer.group
        assert grown == {
            "litellm_proxy_total_requests_metric_total": 1,
            "litellm_proxy_failed_requests_metric_total": 0,
        }

    @contextmanager
    def failure(self, peer: Peer, call_type: str, status: int, *, stream: bool = False) -> Iterator[Answered]:
        """One upstream fails within before it has given anything: written down, and free."""
        with self._one_row() as (answered, grown):
            yield answered
        row = answered.row
        assert (row["status"], row["status_code"], row["basis"]) == ("failure", status, "none")
        assert row["error_class"]
        self._ensure_named(peer, call_type, row, stream=stream)
        assert _counts(row) == (0, 0, 0, 0, 0)
        assert row["amount_nano"] == 0
        assert grown == {
            "litellm_proxy_total_requests_metric_total": 1,
            "litellm_proxy_failed_requests_metric_total": 1,
        }

    @contextmanager
    def broken_stream(self, peer: Peer, call_type: str) -> Iterator[Answered]:
        """A stream breaks off within: what had come is charged, as far as anybody knows it."""
        with self._one_row() as (answered, grown):
            yield answered
        row = answered.row
        assert row["status"] == "failure"
        assert row["basis"] in {"usage", "estimated"}
        self._ensure_named(peer, call_type, row, stream=True)
        assert row["prompt_tokens"] > 0
        assert row["amount_nano"] == owed(as_billed(row), peer.price) > 0
        assert grown == {
            "litellm_proxy_total_requests_metric_total": 1,
            "litellm_proxy_failed_requests_metric_total": 1,
        }

    def rows(self) -> list[Row]:
        found = self.gateway.rows(f"SELECT {', '.join(_COLUMNS)} FROM budgets_ledgerentry ORDER BY id")
        return [dict(zip(_COLUMNS, row, strict=True)) for row in found]

    @contextmanager
    def _one_row(self) -> Iterator[tuple[Answered, dict[str, int]]]:
        """Exactly one; and by how much the metrics have grown."""
        known = {row["id"] for row in self.rows()}
        before = self._counters()
        answered, grown = Answered(), dict[str, int]()
        self.last = {}
        yield answered, grown
        answered.headers = self.last
        new = [row for row in self.rows() if row["id"] not in known]
        assert len(new) == 1, json.dumps(new, indent=1, default=str)
        answered.row = new[0]
        after = self._counters()
        grown |= {name: round(after[name] - before[name]) for name in _COUNTERS}

    def ensure_metrics_are_the_ledgers(self) -> None:
        """To the nano-dollar and the token, once the roll-up has taken everything."""
        columns = "sum(amount_nano), sum(prompt_tokens), sum(completion_tokens), sum(cached_tokens), count(*)"
        ((nano, prompt, completion, cached, calls),) = self.gateway.rows(f"SELECT {columns} FROM budgets_ledgerentry")
        self.gateway.wait_for_metric("litellm_deployment_total_requests_total", float(calls))
        for name, wanted in (
            ("spend", nano / 10**9),
            ("total_tokens", prompt + completion),
            ("input_tokens", prompt),
            ("output_tokens", completion),
            ("input_cached_tokens", cached),
        ):
            self.gateway.wait_for_metric(f"litellm_{name}_metric_total", float(wanted))

    def _counters(self) -> dict[str, float]:
        found = dict.fromkeys(_COUNTERS, 0.0)
        for line in self.http.get("/metrics").text.splitlines():
            name = line.partition("{")[0]
            if name in found:
                found[name] += float(line.rpartition(" ")[2])
        return found

    def _ensure_named(self, peer: Peer, call_type: str, row: Row, *, stream: bool) -> None:
        wanted = (call_type, peer.group, peer.group, peer.provider, peer.upstream_model, stream)
        names = ("call_type", "requested_model", "model_group", "provider", "model", "stream")
        assert tuple(row[name] for name in names) == wanted
        assert row["price_id"] is not None


_COUNTERS = (
    "litellm_proxy_total_requests_metric_total",
    "litellm_proxy_failed_requests_metric_total",
)


def owed(line: Billed, price: Mapping[str, str]) -> int:
    """Nano-dollars for a line of a bill, in decimals; what has no price of its own costs what the rest does."""

    def each(name: str, otherwise: str = "") -> Decimal:
        return Decimal(price.get(name) or price.get(otherwise) or "0")

    plain = line.prompt_tokens - line.cached_tokens - line.cache_creation_tokens
    said = line.completion_tokens - line.reasoning_tokens
    dollars = (
        plain * each("input_cost_per_token")
        + said * each("output_cost_per_token")
        + line.cached_tokens * each("cache_read_input_token_cost", "input_cost_per_token")
        + line.cache_creation_tokens * each("cache_creation_input_token_cost", "input_cost_per_token")
        + line.reasoning_tokens * each("output_cost_per_reasoning_token", "output_cost_per_token")
        + line.units * each(_UNIT_PRICES[line.unit]) / (1000 if line.unit == "millisecond" else 1)
    )
    return int((dollars * 10**9).quantize(Decimal(1), rounding=ROUND_HALF_UP))


_UNIT_PRICES = {
    "": "",
    "character": "input_cost_per_character",
    "image": "output_cost_per_image",
    "millisecond": "input_cost_per_second",
    "query": "input_cost_per_query",
}


def as_billed(row: Row) -> Billed:
    """As if the provider had billed what the ledger says."""
    return Billed(
        id="",
        model=row["model"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        stream=bool(row["stream"]),
        finished=False,
        cached_tokens=row["cached_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
        units=row["units"],
        unit=row["unit"],
        cache_creation_tokens=row["cache_creation_tokens"],
    )


def _counts(row: Row) -> tuple[int, ...]:
    names = ("prompt_tokens", "completion_tokens", "cached_tokens", "cache_creation_tokens", "reasoning_tokens")
    return tuple(row[name] for name in names)
