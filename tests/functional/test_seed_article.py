"""The seed article's own steps, in its order: its configuration, its curl calls, the metrics it shows.

Addresses and model credentials are the fakes'; everything else stands as the article has it.
"""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fakes.slack import FakeSlack
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.gateway import Gateway

# Section "配置 LiteLLM", "告警类型", "多频道告警", "配置 Prometheus 回调", "自定义 Metrics 标签" in one file.
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_base: {upstream}/v1
      api_key: os.environ/OPENAI_API_KEY

general_settings:
  master_key: sk-1234
  # 启用 Slack 告警
  alerting: ["slack"]
  # 告警阈值（秒）- 请求超过 5 分钟视为异常
  alerting_threshold: 300
  # 消费报告频率（可选）
  spend_report_frequency: "1d"
  # 告警类型
  alert_types: [
    "llm_exceptions",       # LLM API 异常
    "llm_too_slow",         # 响应过慢
    "llm_requests_hanging", # 请求挂起
    "budget_alerts",        # 预算告警
    "spend_reports",        # 支出报告
    "db_exceptions",        # 数据库异常
    "daily_reports",        # 每日报告
    "outage_alerts"         # 停机告警
  ]
  # 告警参数配置
  alerting_args:
    daily_report_frequency: 43200    # 12 小时发送一次日报
    report_check_interval: 3600      # 1 小时检查一次是否需要发送报告
    budget_alert_ttl: 86400         # 24 小时内不重复预算告警
    outage_alert_ttl: 60            # 1 分钟窗口聚合停机告警
    minor_outage_alert_threshold: 5 # 5 个错误触发轻微告警
    major_outage_alert_threshold: 10 # 10 个错误触发严重告警
  # 为每种告警类型指定专门的 Slack 频道
  alert_to_webhook_url: {{
    "llm_exceptions": "{slack}/services/T/B/llm-alerts",
    "budget_alerts": "{slack}/services/T/B/finance-alerts",
    "daily_reports": "{slack}/services/T/B/daily-reports",
    "outage_alerts": [
      "{slack}/services/T/B/oncall-alerts",
      "{slack}/services/T/B/backup-alerts"
    ]
  }}

litellm_settings:
  callbacks: ["prometheus"]  # 启用 Prometheus 指标
  # 将请求元数据添加为 Prometheus 标签
  custom_prometheus_metadata_labels: [
    "metadata.environment",
    "metadata.service",
    "metadata.version"
  ]
  # 自定义标签
  custom_prometheus_tags: [
    "prod",
    "staging"
  ]

router_settings:
  num_retries: 0

environment_variables:
  OPENAI_API_KEY: sk-from-the-file
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream(api_key="sk-from-the-file") as server:
        yield server


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, upstream: FakeUpstream, slack: FakeSlack) -> Iterator[Gateway]:
    data: Path = tmp_path_factory.mktemp("seed")
    environment = {"SLACK_WEBHOOK_URL": f"{slack.url}/services/aaa/bbb/ccc", "LITELLM_MASTER_KEY": ""}
    with Gateway(data, CONFIG.format(upstream=upstream.url, slack=slack.url), environment=environment) as started:
        yield started


@pytest.fixture
def curl(gateway: Gateway) -> Iterator[httpx.Client]:
    with gateway.client("sk-1234") as client:
        yield client


def test_weak_key_of_the_article_is_accepted_here_with_a_warning(gateway: Gateway) -> None:
    assert "warning: The master key is well known" in gateway.log()
    assert "is not a setting" not in gateway.log()


def test_health_services_sends_a_test_message_to_every_channel(curl: httpx.Client, slack: FakeSlack) -> None:
    """Section "配置 LiteLLM": GET /health/services?service=slack."""
    slack.clear()
    response = curl.get("/health/services?service=slack")

    assert response.status_code == 200, response.text
    assert response.json()["status"] == "success"
    assert "outage_alerts" in response.json()["alert_types"]
    paths = sorted(received.path for received in slack.received)
    names = ("aaa/bbb/ccc", "T/B/backup-alerts", "T/B/daily-reports", "T/B/finance-alerts", "T/B/llm-alerts")
    assert paths == sorted(f"/services/{name}" for name in (*names, "T/B/oncall-alerts"))
    assert all("This is a test slack alert message" in message["text"] for message in slack.messages)


def test_chat_curl_is_answered_in_chinese_too(curl: httpx.Client) -> None:
    """Section "配置 Prometheus 回调"."""
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "给我讲个笑话"}]}
    response = curl.post("/chat/completions", json=body)

    assert response.status_code == 200, response.text
    assert response.json()["model"] == "gpt-4o"
    assert response.json()["choices"][0]["message"]["content"]


def test_metadata_curl_labels_the_metrics(curl: httpx.Client, gateway: Gateway) -> None:
    """Section "自定义 Metrics 标签": the sample the article prints, under the name Prometheus really gives it."""
    metadata = {"environment": "production", "service": "chatbot", "version": "v1.2.3"}
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "测试"}], "metadata": metadata}
    response = curl.post("/chat/completions", json=body)

    assert response.status_code == 200, response.text
    gateway.wait_for_metric(
        "litellm_total_tokens_metric_total",
        response.json()["usage"]["total_tokens"],
        model="gpt-4o",
        metadata_environment="production",
        metadata_service="chatbot",
        metadata_version="v1.2.3",
    )


def test_tags_curl_labels_the_metrics(curl: httpx.Client, gateway: Gateway) -> None:
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "测试"}],
        "metadata": {"tags": ["prod"]},
    }
    response = curl.post("/chat/completions", json=body)

    assert response.status_code == 200, response.text
    tokens = response.json()["usage"]["total_tokens"]
    gateway.wait_for_metric("litellm_total_tokens_metric_total", tokens, tag_prod="true", tag_staging="false")


def test_metadata_does_not_reach_the_upstream(curl: httpx.Client, upstream: FakeUpstream) -> None:
    upstream.clear()
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "测试"}], "metadata": {"tags": ["prod"]}}
    curl.post("/chat/completions", json=body)

    assert "metadata" not in upstream.received[0].json()


def test_metrics_are_served_on_both_paths_without_a_key_or_redirect(gateway: Gateway) -> None:
    """Sections "指标详解" and "使用 Prometheus 采集指标": the scrape job of the article gives no key."""
    for path in ("/metrics", "/metrics/"):
        response = httpx.get(gateway.url + path, follow_redirects=False, trust_env=False)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/plain")
    for name in (
        "litellm_proxy_total_requests_metric_total",
        "litellm_spend_metric_total",
        "litellm_total_tokens_metric_total",
        "litellm_request_total_latency_metric_count",
    ):
        assert gateway.metric(name) > 0, name


def test_failing_model_rings_the_channel_of_its_type(
    curl: httpx.Client, upstream: FakeUpstream, slack: FakeSlack, gateway: Gateway
) -> None:
    """Sections "告警类型" and "多频道告警": llm_exceptions goes to the team's own channel, and only there."""
    slack.clear()
    upstream.script(openai_error(500, "The server had an error", "server_error"))
    response = curl.post("/chat/completions", json={"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]})

    assert response.status_code == 500
    received = slack.wait_for(1)
    assert [message.path for message in received] == ["/services/T/B/llm-alerts"]
    assert "Alert type: `llm_exceptions`" in slack.messages[0]["text"]
    assert gateway.metric("litellm_proxy_failed_requests_metric_total", exception_status="500") == 1
