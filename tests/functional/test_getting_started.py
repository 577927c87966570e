"""docs/getting-started.md as a reader follows it: its config.yaml, then each of its requests in a shell."""

import json
import os
import re
import subprocess
from pathlib import Path

from gateway_project.moving import RESPONSE_HEADERS
from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream
from tests.gateway import MASTER_KEY, Gateway, chat

TEXT = (Path(__file__).parents[2] / "docs/getting-started.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


def test_every_request_of_the_page_is_answered_as_it_says(tmp_path: Path) -> None:
    (config,) = blocks("yaml")
    with FakeUpstream(api_key="sk-provider") as upstream, FakeSlack() as slack:
        environment = {
            "OPENAI_API_KEY": "sk-provider",
            "OPENAI_BASE_URL": f"{upstream.url}/v1",
            "SLACK_WEBHOOK_URL": f"{slack.url}/services/T/B/secret",
        }
        with Gateway(tmp_path / "data", config, environment=environment) as gateway:
            answers = run(gateway, blocks("bash"))
            checked = gateway.run("check", "--config", "config.yaml")
            told = [message["text"] for message in slack.messages]

    first, generated, tested, limited, refused, spent = answers
    assert json.loads(first)["choices"][0]["message"]["content"]
    assert json.loads(generated)["choices"][0]["message"]["content"]
    assert json.loads(tested)["status"] == "success"
    assert any("This is a test slack alert message" in text for text in told)
    assert (json.loads(limited)["max_budget"], json.loads(limited)["budget_duration"]) == (10, "30d")
    assert '"type":"budget_exceeded"' in refused
    assert [row["key_alias"] for row in json.loads(spent)] == ["reporting"]
    assert checked.returncode == 0, checked.stderr


def run(gateway: Gateway, scripts: list[str]) -> list[str]:
    """What each script prints, in one shell, so that a variable of one is there in the next."""
    mark = "--- next ---"
    script = f"\necho; echo '{mark}'\n".join(["set -euo pipefail", *scripts])
    done = subprocess.run(
        ["bash", "-c", script.replace("http://127.0.0.1:4000", gateway.url)],
        env={"PATH": os.environ["PATH"], "LITELLM_MASTER_KEY": MASTER_KEY, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [part.strip() for part in done.stdout.split(mark)][1:]


def test_an_answer_has_the_headers_that_the_moving_page_names(gateway: Gateway) -> None:
    with gateway.client() as client:
        key = client.post("/key/generate", json={"max_budget": 1}).json()["key"]
    with gateway.client(key) as client:
        answer = client.post("/v1/chat/completions", json=chat())

    assert answer.status_code == 200, answer.text
    assert [name for name in RESPONSE_HEADERS if name not in answer.headers] == []
