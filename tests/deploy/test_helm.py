"""deploy/helm rendered by helm itself: what it starts are our commands, and what it cannot do without is said."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway_project import cli

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/tollkeeper"
VALUES = """
existingSecret: made-before
config:
  model_list:
    - model_name: gpt-4o
      litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}
environment: {PROXY_BASE_URL: "https://llm.example", TOLLKEEPER_HTTPS_ONLY: true}
web:
  workers: 3
  autoscaling: {enabled: true}
  tolerations: [{key: llm, operator: Exists}]
  storage: {className: fast}
ingress: {enabled: true, className: nginx, hosts: [llm.example], tls: [{hosts: [llm.example], secretName: cert}]}
scrapeConfig: {enabled: true, token: {name: made-before, key: TOLLKEEPER_METRICS_TOKEN}}
"""


def _helm(*arguments: str, values: str = "") -> "subprocess.CompletedProcess[str]":
    helm = shutil.which("helm", path=str(Path(sys.executable).parent)) or shutil.which("helm")
    assert helm, "helm is not there: it comes with the test dependencies"
    return subprocess.run(
        [helm, *arguments, "-f", "-"], input=values, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def resources() -> dict[str, dict[str, Any]]:
    """Kind/name -> the resource."""
    done = _helm("template", "r", str(CHART), "--namespace", "llm", values=VALUES)
    assert done.returncode == 0, done.stderr
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in yaml.safe_load_all(done.stdout)}


def _pods(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: one["spec"]["template"] for name, one in resources.items() if "template" in one.get("spec", {})}


def test_helm_finds_no_fault() -> None:
    done = _helm("lint", "--strict", str(CHART), values=VALUES)
    assert done.returncode == 0, done.stdout


def test_it_has_what_a_deployment_is_made_of(resources: dict[str, dict[str, Any]]) -> None:
    assert set(resources) == {
        "ConfigMap/r", "Service/r", "PodDisruptionBudget/r-web", "HorizontalPodAutoscaler/r-web", "Ingress/r",
        "StatefulSet/r-web", "StatefulSet/r-worker", "StatefulSet/r-beat", "Job/r-migrate-1", "ScrapeConfig/r",
    }  # fmt: skip


def test_without_a_secret_it_says_what_to_make() -> None:
    done = _helm("template", "r", str(CHART))
    assert done.returncode != 0
    assert "existingSecret: name a Secret with DATABASE_URL, REDIS_URL, LITELLM_MASTER_KEY" in done.stderr


def test_pods_run_commands_that_there_are(resources: dict[str, dict[str, Any]]) -> None:
    roles = {}
    for name, pod in _pods(resources).items():
        (container,) = pod["spec"]["containers"]
        options = cli._parser().parse_args(container["args"])
        assert str(options.config) == "/etc/tollkeeper/config.yaml"
        roles[name] = getattr(options, "role", "web")
        if roles[name] == "web":
            assert (options.num_workers, options.web_only, options.host) == (3, True, "0.0.0.0")
    assert roles == {
        "StatefulSet/r-web": "web",
        "StatefulSet/r-worker": "worker",
        "StatefulSet/r-beat": "beat",
        "Job/r-migrate-1": "migrate",
    }


def test_everything_waits_for_the_migration(resources: dict[str, dict[str, Any]]) -> None:
    for name, pod in _pods(resources).items():
        if name.startswith("StatefulSet"):
            (waiting,) = pod["spec"]["initContainers"]
            assert "tollkeeper manage migrate --check" in waiting["command"][-1]


def test_who_keeps_a_spool_has_a_folder_that_outlives_the_pod(resources: dict[str, dict[str, Any]]) -> None:
    for name, pod in _pods(resources).items():
        (container,) = pod["spec"]["containers"]
        folder = next(one["value"] for one in container["env"] if one["name"] == "TOLLKEEPER_DATA")
        assert {"name": "data", "mountPath": folder} in container["volumeMounts"]
        if name.startswith("StatefulSet"):
            (claim,) = resources[name]["spec"]["volumeClaimTemplates"]
            assert claim["metadata"]["name"] == "data"


def test_pods_have_few_rights(resources: dict[str, dict[str, Any]]) -> None:
    for pod in _pods(resources).values():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False
        for container in pod["spec"]["containers"] + pod["spec"].get("initContainers", []):
            rights = container["securityContext"]
            assert rights["readOnlyRootFilesystem"] is True
            assert rights["allowPrivilegeEscalation"] is False
            assert rights["capabilities"] == {"drop": ["ALL"]}


def test_selectors_find_the_pods_and_the_pods_only(resources: dict[str, dict[str, Any]]) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in _pods(resources).items()}
    for name in ("StatefulSet/r-web", "StatefulSet/r-worker", "StatefulSet/r-beat"):
        assert _found(resources[name]["spec"]["selector"]["matchLabels"], labels) == [name]
    assert _found(resources["Service/r"]["spec"]["selector"], labels) == ["StatefulSet/r-web"]
    budget = resources["PodDisruptionBudget/r-web"]["spec"]["selector"]["matchLabels"]
    assert _found(budget, labels) == ["StatefulSet/r-web"]


def test_the_file_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("# with words\nmodel_list: []\nlitellm_settings: {drop_params: true}\n")
    done = _helm("template", "r", str(CHART), "--set", "existingSecret=s", "--set-file", f"config={path}")
    (found,) = (one for one in yaml.safe_load_all(done.stdout) if one["kind"] == "ConfigMap")
    assert found["data"]["config.yaml"] == path.read_text()


def _found(selector: dict[str, str], labels: dict[str, dict[str, str]]) -> list[str]:
    return [name for name, of_pod in labels.items() if selector.items() <= of_pod.items()]


def test_prometheus_has_one_target_for_all_pods(resources: dict[str, dict[str, Any]]) -> None:
    (static,) = resources["ScrapeConfig/r"]["spec"]["staticConfigs"]
    assert static["targets"] == ["r.llm.svc:4000"]


def test_the_file_is_what_was_given_and_a_change_of_it_restarts_the_pods(resources: dict[str, dict[str, Any]]) -> None:
    given = yaml.safe_load(VALUES)["config"]
    assert yaml.safe_load(resources["ConfigMap/r"]["data"]["config.yaml"]) == given
    other = _helm("template", "r", str(CHART), values=VALUES.replace("model_name: gpt-4o", "model_name: other"))
    sums = [
        re.findall(r"checksum/config: (\w+)", text) for text in (other.stdout, yaml.safe_dump_all(resources.values()))
    ]
    assert set(sums[0]).isdisjoint(sums[1])
    assert len(sums[0]) == len(sums[1]) == 3
