"""The command as an operator gives it: another gateway's database in, and its clients go on."""

import time
from pathlib import Path

import pytest

from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, Store, chat
from tests.gateway_project.litellm_import.litellm import SALT, LiteLLM, encrypted

OLD_KEY = "sk-that-clients-have-had-for-years"
PROVIDER_KEY = "sk-provider-hidden-0123456789"
# The promise of the architecture, on every process.
SOON_SECONDS = 5.0


def ask(gateway: Gateway, key: str, model: str) -> int:
    with gateway.client(key) as client:
        return client.post("/v1/chat/completions", json=chat(model)).status_code


@pytest.fixture
def gateway(tmp_path: Path, store: Store) -> Gateway:
    """Not started, and without a configuration of its own."""
    return Gateway(tmp_path / "data", None, store=store, environment={"LITELLM_SALT_KEY": SALT})


def test_an_old_key_and_an_old_model_serve_after_the_import(
    litellm: LiteLLM, gateway: Gateway, upstream: FakeUpstream
) -> None:
    litellm.key(OLD_KEY, key_alias="old clients", user_id="default_user_id", models=["gpt-4o"])
    litellm.model(
        "m1",
        encrypted({"model": "openai/gpt-4o", "api_base": f"{upstream.url}/v1", "api_key": PROVIDER_KEY}),
    )
    done = gateway.run("import-litellm", "--database-url", litellm.url)
    assert (done.returncode, done.stderr) == (0, "")
    with gateway:
        answers = [
            ask(gateway, OLD_KEY, "gpt-4o"),
            ask(gateway, OLD_KEY, "o3"),
            ask(gateway, "sk-a-stranger", "gpt-4o"),
        ]

    assert answers == [200, 403, 401]
    assert upstream.received[-1].headers["authorization"] == f"Bearer {PROVIDER_KEY}"
    told = done.stdout + gateway.log()
    assert all(secret not in told for secret in (OLD_KEY, PROVIDER_KEY, SALT))
    assert PROVIDER_KEY not in str(gateway.rows("SELECT * FROM proxy_deployment"))


def test_a_running_gateway_takes_the_keys_without_a_restart(
    litellm: LiteLLM, gateway: Gateway, upstream: FakeUpstream
) -> None:
    params = {"model": "openai/gpt-4o", "api_base": f"{upstream.url}/v1", "api_key": "k"}
    litellm.model("m1", encrypted(params))
    litellm.key(OLD_KEY)
    with gateway:
        done = gateway.run("import-litellm", "--database-url", litellm.url)
        assert done.returncode == 0, done.stderr
        deadline = time.monotonic() + SOON_SECONDS
        while ask(gateway, OLD_KEY, "gpt-4o") != 200:
            assert time.monotonic() < deadline, "not within five seconds"
            time.sleep(0.05)


def test_both_may_live_in_one_database(litellm: LiteLLM, tmp_path: Path) -> None:
    """As it happens when DATABASE_URL is left as it was."""
    litellm.key(OLD_KEY)
    gateway = Gateway(tmp_path / "data", store=Store(database_url=litellm.url))
    first = gateway.run("import-litellm", "--database-url", litellm.url)
    second = gateway.run("import-litellm", "--database-url", litellm.url)

    assert (first.returncode, first.stderr, second.returncode, second.stderr) == (0, "", 0, "")
    (line,) = [line for line in second.stdout.splitlines() if line.startswith("keys")]
    assert line.split() == ["keys", "1", "0", "0", "1", "0", "0"]


def test_a_dry_run_prints_the_table_and_leaves_an_empty_database(litellm: LiteLLM, tmp_path: Path) -> None:
    litellm.key(OLD_KEY)
    gateway = Gateway(tmp_path / "data")
    done = gateway.run("import-litellm", "--dry-run", "--salt-key", SALT, "--database-url", litellm.url)

    assert (done.returncode, done.stderr) == (0, "")
    assert "note: this was a dry run: nothing has been written" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("keys")]
    assert line.split() == ["keys", "1", "1", "0", "0", "0", "0"]
    assert gateway.rows("SELECT count(*) FROM teams_virtualkey UNION SELECT count(*) FROM teams_user") == [(0,)]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "postgresql://u:hunter2@127.0.0.1:1/litellm",
            "tollkeeper: The database at 127.0.0.1/litellm cannot be opened",
        ),
        ("sqlite:///hunter2", "tollkeeper: --database-url must be a PostgreSQL URL"),
    ],
)
def test_a_wrong_address_is_one_sentence(tmp_path: Path, url: str, sentence: str) -> None:
    done = Gateway(tmp_path / "data").run("import-litellm", "--database-url", url)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr
