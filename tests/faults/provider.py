"""A provider in a process of its own, which no fault reaches. Its bill is what the gateway's books are held against."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.completion import Billed
from tests.gateway import model

# A piece of a stream is a token, so that what was passed on can be compared with what was generated.
TOKENS = 12
CHUNK_DELAY_SECONDS = 0.02
LATENCY_SECONDS = 0.04
# Nano-dollars.
INPUT, OUTPUT = 1000, 4000
# More than any request costs.
DEAREST = 100 * INPUT + TOKENS * OUTPUT


@dataclass(frozen=True)
class Provider:
    """`bill_file` has a line for each answer, on disk before the client can have all of it."""

    url: str
    bill_file: Path

    def bill(self) -> dict[str, Billed]:
        """By what was asked, which has to be different each time."""
        lines = self.bill_file.read_text().splitlines() if self.bill_file.exists() else []
        found = {bill.prompt: bill for bill in (Billed(**json.loads(line)) for line in lines)}
        assert len(found) == len(lines), "the provider was asked the same twice"
        return found

    def wait_until_quiet(self, seconds: float = 10.0) -> dict[str, Billed]:
        """The whole bill, once nothing is generated any more."""
        deadline, quiet = time.monotonic() + seconds, 2 * TOKENS * CHUNK_DELAY_SECONDS + LATENCY_SECONDS
        while self.bill_file.exists() and time.time() - self.bill_file.stat().st_mtime < quiet:
            assert time.monotonic() < deadline, f"the provider is not quiet within {seconds} s"
            time.sleep(0.05)
        return self.bill()

    def deployment(self, name: str = "gpt-4o") -> dict[str, object]:
        """An entry of model_list."""
        prices = {"input_cost_per_token": INPUT / 1e9, "output_cost_per_token": OUTPUT / 1e9}
        return model(name, self.url, **prices)


@contextmanager
def provider(folder: Path, *, chunk_delay_seconds: float = CHUNK_DELAY_SECONDS) -> Iterator[Provider]:
    bill = folder / "bill.jsonl"
    arguments = {
        "billing-file": bill,
        "completion-tokens": TOKENS,
        "chunk-count": TOKENS,
        "chunk-delay-seconds": chunk_delay_seconds,
        "latency-seconds": LATENCY_SECONDS,
    }
    with started_provider("--keeps-prompts", *(f"--{name}={value}" for name, value in arguments.items())) as (_, url):
        yield Provider(url, bill)


@contextmanager
def started_provider(*arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.upstream", *arguments], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://")
        yield process, url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
