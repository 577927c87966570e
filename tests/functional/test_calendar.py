"""When a budget is reset, as config.yaml says and as the API shows it."""

from pathlib import Path
from typing import Any

from tests.fakes.upstream import FakeUpstream
from tests.gateway import Gateway, model

SETTINGS = {"timezone": "Asia/Kathmandu", "budget_reset_time": "06:30"}


def test_budgets_are_reset_at_the_settings_time_in_the_settings_zone(tmp_path: Path, upstream: FakeUpstream) -> None:
    config: dict[str, Any] = {"model_list": [model("gpt-4o", upstream.url)], "litellm_settings": SETTINGS}
    with Gateway(tmp_path / "data", config) as gateway, gateway.client() as client:
        for duration in ("1d", "7d", "1mo", "5d"):
            answer = client.post("/budget/new", json={"max_budget": 1, "budget_duration": duration})
            assert answer.status_code == 200, answer.text
            assert answer.json()["budget_reset_at"].endswith("T00:45:00Z"), duration
        windows = [{"budget_duration": "1d", "max_budget": 1}, {"budget_duration": "1h", "max_budget": 1}]
        key = client.post("/key/generate", json={"budget_limits": windows}).json()["key"]
        shown = client.get("/key/info", params={"key": key}).json()["info"]["budget_limits"]

        assert [window["reset_at"][14:19] for window in shown] == ["45:00", "15:00"]
        assert "without effect in this version" not in gateway.log()
