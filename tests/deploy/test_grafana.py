"""Grafana's dashboards are what their descriptions say, and hang together with what provisions them."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana import build
from deploy.grafana.boards import BOARDS

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))


def test_every_file_is_what_its_description_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check"]) == 0, capsys.readouterr().out
    assert len(FILES) == len(BOARDS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_panels_lie_beside_each_other_and_have_a_unit_and_something_to_show(path: Path) -> None:
    board = json.loads(path.read_text())
    panels = board["panels"]
    assert max(Counter(panel["id"] for panel in panels).values()) == 1
    for one, other in combinations(panels, 2):
        assert not _overlap(one["gridPos"], other["gridPos"]), (one["title"], other["title"])
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        if panel["type"] != "row":
            assert panel["targets"]
            assert panel["fieldConfig"]["defaults"]["unit"]
            references = [target["refId"] for target in panel["targets"]]
            assert len(set(references)) == len(references)


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_choice_is_used_and_each_that_is_used_is_there(path: Path) -> None:
    board = json.loads(path.read_text())
    offered = {variable["name"] for variable in board["templating"]["list"]}
    panels = json.dumps(board["panels"])
    used = {name for name in ("team", "model", "key", "group", "provider") if f'=~\\"${name}\\"' in panels}
    assert used | {"datasource"} == offered


def test_what_is_provisioned_is_where_compose_puts_it() -> None:
    (source,) = _yaml("datasources/prometheus.yml")["datasources"]
    (provider,) = _yaml("dashboards/tollkeeper.yml")["providers"]
    services = yaml.safe_load((GRAFANA.parent / "compose.yaml").read_text())["services"]
    assert source["url"] == "http://prometheus:9090"
    assert "prometheus" in services
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in services["grafana"]["volumes"]
    scraped = yaml.safe_load((GRAFANA.parent / "prometheus.yml").read_text())["scrape_configs"][0]
    assert source["jsonData"]["timeInterval"] == scraped["scrape_interval"]


def _yaml(path: str) -> Any:
    return yaml.safe_load((GRAFANA / "provisioning" / path).read_text())
