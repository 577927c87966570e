"""The command `tollkeeper demo`: made, killed, made again, and removed beside a gateway that serves real calls."""

import subprocess
import time
from pathlib import Path

from tests.fakes.upstream import FakeUpstream
from tests.gateway import READY_SECONDS, Gateway, Store, chat, model

_ENTRIES = "SELECT count(*) FROM budgets_ledgerentry"


def demo(gateway: Gateway, *arguments: str) -> str:
    done = gateway.run("demo", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kill_when_some_is_there(gateway: Gateway) -> None:
    process = subprocess.Popen(
        gateway.command("demo", "--requests", "200000"), env=gateway.full_environment(), cwd=gateway.data
    )
    deadline = time.monotonic() + READY_SECONDS
    while gateway.rows(_ENTRIES)[0][0] == 0:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()


def drift(gateway: Gateway) -> str:
    verified = gateway.run("ledger", "verify")
    assert verified.returncode == 0, verified.stdout
    return verified.stdout


def test_a_demo_is_made_killed_mended_and_removed_beside_real_calls(
    tmp_path: Path, upstream: FakeUpstream, store: Store
) -> None:
    gateway = Gateway(tmp_path / "data", {"model_list": [model("gpt-4o", upstream.url)]}, store=store)
    assert "no demo data" in demo(gateway, "--remove")
    kill_when_some_is_there(gateway)
    said = demo(gateway, "--requests", "500")
    assert "Half a demo was found" in said
    assert "500 requests of 30 days" in said
    assert "already" in demo(gateway)
    assert "drift 0" in drift(gateway)

    with gateway, gateway.client() as client:
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
        gateway.wait_for_rows("SELECT 1 FROM budgets_dailyspend WHERE model_group = 'gpt-4o'", 1)
        before = gateway.metric("litellm_spend_metric_total")
        assert "are gone" in demo(gateway, "--remove")
        real = gateway.metric("litellm_spend_metric_total")
        assert 0 < real < before
        assert client.post("/v1/chat/completions", json=chat()).status_code == 200
        gateway.wait_for_rows("SELECT 1 FROM budgets_dailyspend WHERE requests = 2", 1)
        assert gateway.metric("litellm_spend_metric_total") > real, "what is rolled up now is seen by who ran all along"

    assert gateway.rows(_ENTRIES) == [(2,)]
    assert "drift 0" in drift(gateway)
    refused = gateway.run("demo")
    assert refused.returncode == 1
    assert "calls of real clients" in refused.stderr
