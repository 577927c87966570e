"""No secret of a config.yaml can be read in the database."""

from pathlib import Path

import pytest
from django.db import connection

from alerts.models import AlertChannel
from proxy.config import importer
from proxy.config.reader import read
from proxy.models import Deployment
from tests.proxy.config.article import ARTICLE
from tests.proxy.config.test_importer import WEBHOOK, document, model, models

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", WEBHOOK)


def raw(table: str) -> str:
    """What the table holds on disk."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return repr(cursor.fetchall())


HIDDEN = "hidden0123456789"


@pytest.mark.parametrize(
    "name",
    ["api_key", "aws_secret_access_key", "aws_session_token", "azure_ad_token", "vertex_credentials", "password"],
)
def test_a_secret_of_a_deployment_is_encrypted_in_the_table_and_nowhere_else(name: str) -> None:
    diff = importer.apply(models(model(**{name: HIDDEN}, extra_headers={"X-Key": HIDDEN})))

    assert Deployment.objects.get().secret_params() == {name: HIDDEN, "extra_headers": {"X-Key": HIDDEN}}
    assert HIDDEN not in raw("proxy_deployment")
    assert HIDDEN not in "\n".join(diff.lines())


def test_a_webhooks_address_is_encrypted_in_the_table_and_not_told() -> None:
    told = importer.apply(document(ARTICLE.replace("...", HIDDEN))).lines()

    assert AlertChannel.objects.get(name="slack").url == WEBHOOK
    assert HIDDEN not in raw("alerts_alertchannel")
    assert HIDDEN not in raw("proxy_configfield")
    assert HIDDEN not in "\n".join(told)


@pytest.mark.parametrize(
    "text",
    [
        f"general_settings: {{master_key: sk-{HIDDEN}}}",
        f"general_settings: {{database_url: 'postgres://u:{HIDDEN}@h/d'}}",
        f"general_settings: {{coordination_redis: {{password: {HIDDEN}}}}}",
        f"general_settings: {{pass_through_endpoints: [{{path: /x, headers: {{Authorization: {HIDDEN}}}}}]}}",
        f"general_settings: {{ui_password: {HIDDEN}}}",
        f"general_settings: {{mater_key: sk-{HIDDEN}, slack_webhook_secret: {HIDDEN}}}",
        f"litellm_settings: {{cache_params: {{type: redis, password: {HIDDEN}}}}}",
        f"litellm_settings: {{cache_params: {{type: redis, url: 'redis://:{HIDDEN}@h/0'}}}}",
        f"litellm_settings: {{default_team_settings: [{{team_id: a, langfuse_secret: {HIDDEN}}}]}}",
        f"litellm_settings: {{langfuse_secret_key: {HIDDEN}}}",
        f"router_settings: {{redis_url: 'redis://:{HIDDEN}@h/0', redis_password: {HIDDEN}}}",
        f"router_settings: {{sentinel_password: {HIDDEN}}}",
        f"router_settings: {{default_litellm_params: {{api_key: {HIDDEN}}}}}",
        f"environment_variables: {{SOME_KEY: {HIDDEN}}}",
        f"general_settings: {{alerting: [slack], alert_to_webhook_url: {{budget_alerts: 'https://h/{HIDDEN}'}}}}",
    ],
)
def test_no_secret_becomes_a_setting_that_is_shown(text: str) -> None:
    importer.apply(document(text))

    assert HIDDEN not in raw("proxy_configfield")


def test_a_secret_that_a_setting_takes_from_the_environment_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWN_REDIS", f"redis://:{HIDDEN}@h/0")
    path = tmp_path / "config.yaml"
    path.write_text("litellm_settings: {cache_params: {type: redis, url: os.environ/OWN_REDIS}}")

    importer.apply(read(path))

    assert HIDDEN not in raw("proxy_configfield")
