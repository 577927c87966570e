"""Planted secrets appear in no page, export, log, alert, metric or error, whatever goes well or wrong."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
import redis as redis_client
from cryptography.fernet import Fernet

from tests.conftest import started
from tests.fakes.pagerduty import FakePagerDuty
from tests.fakes.server import FakeServer, Received, Reply
from tests.fakes.slack import FakeSlack
from tests.fakes.smtp import FakeSmtp
from tests.fakes.upstream import FakeUpstream, openai_error
from tests.functional.canaries.crawl import Crawler, api_answers
from tests.functional.canaries.planted import Canaries
from tests.functional.management.callers import made
from tests.gateway import Gateway, Store, chat, model
from tests.services import PostgresService, RedisService, postgres, redis

FREE = {"input_cost_per_token": 0, "output_cost_per_token": 0}


class Echo(FakeServer):
    """A provider whose errors say all that it was sent, but the prompt."""

    def respond(self, received: Received) -> Reply:
        return openai_error(401, f"Wrong: {json.dumps(received.headers)}", "invalid_request_error")


@dataclass(frozen=True)
class Fakes:
    upstream: FakeUpstream
    echo: Echo
    garbled: FakeServer
    slack: FakeSlack
    pager: FakePagerDuty
    hook: FakeServer
    smtp: FakeSmtp


@pytest.mark.parametrize(
    "written",
    [
        "a {} b",
        "%7B%22k%22%3A%22a%2F" + "b%26c%7Cd" + "%22%7D",
        "a/b&amp;c|d",
        *(base64.b64encode(f"{before}a/b&c|d, and more".encode()).decode() for before in ("", "x", "xy", "xyz")),
        base64.urlsafe_b64encode(b"?a/b&c|d").decode(),
        b"a/b&c|d".hex(),
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str) -> None:
    canaries = Canaries({"it": "a/b&c|d"})

    assert canaries.found_in(written.format("a/b&c|d"))
    assert not canaries.found_in(written.format("a/b&c|d"), but=frozenset({"it"}))
    assert not canaries.found_in("a/b&c, d and YS9iJmM")


@pytest.fixture
def canaries() -> Canaries:
    return Canaries()


@pytest.fixture
def fakes(canaries: Canaries) -> Iterator[Fakes]:
    login = ("mailer", canaries.plant("smtp-password"))
    with (
        FakeUpstream(answer=canaries.plant("completion")) as upstream,
        Echo() as echo,
        FakeServer() as garbled,
        FakeSlack() as slack,
        FakePagerDuty() as pager,
        FakeServer() as hook,
        FakeSmtp(login=login) as smtp,
    ):
        yield Fakes(upstream, echo, garbled, slack, pager, hook, smtp)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[PostgresService]:
    for server in started(postgres(), request):
        if server.pid is None:
            pytest.skip("not run for want of a component: a PostgreSQL that may be killed")
        yield server


@pytest.fixture
def cache(request: pytest.FixtureRequest) -> Iterator[RedisService]:
    for server in started(redis(), request):
        if server.pid is None:
            pytest.skip("not run for want of a component: a Redis that may be given a password")
        yield server


@pytest.fixture
def gateway(
    tmp_path: Path, canaries: Canaries, fakes: Fakes, database: PostgresService, cache: RedisService
) -> Iterator[Gateway]:
    """Everything that may be set to a secret is set to one, and it logs as much as it can."""
    password = canaries.plant("redis-password")
    with redis_client.Redis.from_url(cache.url) as server:
        server.config_set("requirepass", password)
    store = Store(
        database_url=database.url.replace("@", f":{canaries.plant('database-password')}@"),
        redis_url=cache.url.replace("unix://", f"unix://:{password}@"),
    )
    environment = {
        "LITELLM_LOG": "DEBUG",
        "PROXY_BASE_URL": "https://gateway.test",
        "LITELLM_MASTER_KEY": canaries.plant("master-key", f"sk-{uuid4().hex}"),
        "TOLLKEEPER_SECRET_KEY": canaries.plant("signing-secret"),
        "TOLLKEEPER_ENCRYPTION_KEYS": canaries.plant("encryption-key", Fernet.generate_key().decode()),
        "TOLLKEEPER_METRICS_TOKEN": canaries.plant("metrics-token"),
        "PROVIDER_KEY": canaries.plant("provider-key"),
        "SLACK_WEBHOOK_URL": f"{fakes.slack.url}/services/{canaries.plant('slack-url')}",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(fakes.smtp.port),
        "SMTP_TLS": "False",
        "SMTP_SENDER_EMAIL": "gateway@example.com",
        "SMTP_USERNAME": "mailer",
        "SMTP_PASSWORD": canaries.secrets["smtp-password"],
    }
    with Gateway(tmp_path / "data", _config(fakes), store=store, environment=environment) as running:
        yield running


def _config(fakes: Fakes) -> Mapping[str, Any]:
    servers = {"good": fakes.upstream, "echo": fakes.echo, "garbled": fakes.garbled}
    places = {name: server.url for name, server in servers.items()}
    return {
        "model_list": [
            model(name, url, api_key="os.environ/PROVIDER_KEY", **FREE)
            for name, url in {**places, "nowhere": "http://127.0.0.1:9"}.items()
        ],
        "general_settings": {"alerting": ["slack"], "store_prompts_in_spend_logs": True},
        "router_settings": {"num_retries": 1, "fallbacks": [{"nowhere": ["echo"]}]},
    }


def test_no_planted_secret_is_shown_or_told_anywhere(
    gateway: Gateway, canaries: Canaries, fakes: Fakes, database: PostgresService, cache: RedisService
) -> None:
    seen: list[tuple[str, str]] = []
    with gateway.client(canaries.secrets["master-key"]) as admin, _crawler(gateway, canaries) as crawler:
        values = _set_up(admin, canaries, fakes)
        seen += _traffic(gateway, canaries, fakes)
        seen += _refused_forms(crawler, canaries)
        _wait_for_alerts(fakes)
        pages = list(crawler.pages("/admin/"))
        answers = [(f"api {path}", text) for path, text in api_answers(admin, values)]
        export = crawler.post("/admin/teams/virtualkey/", action="export_csv", select_across="1", _selected_action="0")
        seen += [*pages, *answers, ("keys.csv", export), ("/metrics", _metrics(gateway, canaries))]
        seen += _without_database(gateway, crawler, admin, database)
    assert gateway.stop() == 0
    seen += [("the log", gateway.log()), *_told(fakes), *_stored(database)]

    # What was looked at is what there is to look at.
    assert len(pages) > 100, [address for address, _ in pages]
    assert len(answers) > 100, [address for address, _ in answers]
    assert all("canary key" in text for text in (export, dict(pages)["/admin/teams/virtualkey/"]))
    assert {server for server, _ in _told(fakes)} == {"slack", "pagerduty", "webhook", "mail"}
    leaks = [f"{where}: {found}" for where, text in seen for found in canaries.found_in(text, but=_meant_for(where))]
    assert not leaks, "\n".join(leaks[:20])


def _meant_for(where: str) -> frozenset[str]:
    """Who reads a secret there by its purpose: PagerDuty, which knows whose alert it is by a key in the body; a client,
    who gets the answer that was paid for; an admin, who sees metadata over the API as they were given; the log of the
    first start, which says the first password.
    """
    meant = {"pagerduty": "pagerduty-key", "answer": "completion", "the log": "admin-password"}
    is_metadata = where.startswith("api /") or where in {
        "table teams_team",
        "table teams_user",
        "table teams_virtualkey",
    }
    return frozenset({"callback-secret" if is_metadata else meant.get(where, "")})


def _crawler(gateway: Gateway, canaries: Canaries) -> Crawler:
    password = json.loads((gateway.data / "secrets.json").read_text())["admin_password"]
    return Crawler(gateway.url, username="admin", password=canaries.plant("admin-password", password))


def _set_up(admin: httpx.Client, canaries: Canaries, fakes: Fakes) -> dict[str, str]:
    """What people type as secrets; the answer is what routes may be asked about."""
    metadata = {"logging": [{"callback_vars": {"langfuse_secret_key": canaries.plant("callback-secret")}}]}
    team = made(admin, "/team/new", team_alias="canary team", metadata=metadata)
    user = made(admin, "/user/new", user_alias="canary user", user_email="canary@example.com", metadata=metadata)
    key = made(admin, "/key/generate", key_alias="canary key", team_id=team["team_id"], metadata=metadata)
    canaries.plant("virtual-key", key["key"])
    params = {
        "model": "openai/typed",
        "api_base": f"{fakes.echo.url}/v1",
        "api_key": canaries.plant("typed-provider-key"),
        "extra_headers": {"X-Token": canaries.plant("typed-header")},
    }
    deployment = made(admin, "/model/new", model_name="typed", litellm_params=params, model_info={"id": "typed"})
    pager = {
        "kind": "pagerduty",
        "url": f"{fakes.pager.url}/v2/enqueue",
        "secret": canaries.plant("pagerduty-key", uuid4().hex),
    }
    hook = {"kind": "webhook", "url": f"{fakes.hook.url}/{canaries.plant('webhook-url')}"}
    hook["secret"] = canaries.plant("webhook-secret")
    mail = {"kind": "email", "options": {"to": ["ops@example.com"]}}
    channels = [made(admin, "/alerts/channels", name=one["kind"], **one)["id"] for one in (pager, hook, mail)]
    made(admin, "/alerts/routes", name="beside", channels=channels, position=1, goes_on=True)
    return {
        "team_id": team["team_id"],
        "user_id": user["user_id"],
        "key": key["token_id"],
        "model_id": deployment["model_id"],
        "id": "1",
        "start_date": "2020-01-01",
        "end_date": "2099-01-01",
    }


def _traffic(gateway: Gateway, canaries: Canaries, fakes: Fakes) -> list[tuple[str, str]]:
    """Requests that end in every way, and what the client was told."""
    prompt, found = canaries.plant("prompt"), []
    fakes.garbled.script(*[Reply(body=f'{{"broken": "{canaries.secrets["provider-key"]}') for _ in range(2)])
    with gateway.client(canaries.secrets["virtual-key"]) as client:
        for name in ("good", "echo", "garbled", "nowhere", "typed"):
            for stream in (False, True):
                answer = client.post("/v1/chat/completions", json=chat(name, prompt, stream=stream))
                assert name == "garbled" or answer.is_success == (name == "good"), f"{name}: {answer.text}"
                found.append(("answer" if name == "good" else f"error of {name}", f"{answer.headers} {answer.text}"))
        broken = client.post("/v1/chat/completions", content=f'{{"model": "good", "messages": ["{prompt}')
        unknown = client.post("/v1/chat/completions", json=chat("unknown", prompt))
    with gateway.client(canaries.plant("mistyped-key", f"sk-{uuid4().hex}")) as stranger:
        wrong = stranger.post("/v1/chat/completions", json=chat("good", prompt))
        management = stranger.get("/key/info", params={"key": canaries.secrets["virtual-key"]})
    for answer in (broken, unknown, wrong, management):
        assert 400 <= answer.status_code < 500
        found.append(("refusal", f"{answer.headers} {answer.text}"))
    return found


def _refused_forms(crawler: Crawler, canaries: Canaries) -> list[tuple[str, str]]:
    """Secrets that were typed beside a mistake."""
    typed = canaries.plant("typed-in-vain")
    deployment = crawler.post("/admin/proxy/deployment/add/", model_name="g", litellm_params="[]", credentials=typed)
    channel = crawler.post("/admin/alerts/alertchannel/add/", name="", kind="slack", url=f"ftp://{typed}", secret=typed)
    login = crawler.post("/admin/password_change/", old_password=typed, new_password1=typed, new_password2=typed)
    assert all("errorlist" in page or "text-red" in page for page in (deployment, channel, login))
    return [("deployment form", deployment), ("channel form", channel), ("password form", login)]


def _wait_for_alerts(fakes: Fakes) -> None:
    fakes.slack.wait_for(1, timeout=15)
    fakes.pager.wait_for(1, timeout=15)
    fakes.hook.wait_for(1, timeout=15)
    assert fakes.slack.wait_until(lambda: bool(fakes.smtp.mails), timeout=15)


def _metrics(gateway: Gateway, canaries: Canaries) -> str:
    with gateway.client(canaries.secrets["metrics-token"]) as prometheus:
        text = prometheus.get("/metrics").text
    assert "litellm_proxy_total_requests_metric" in text
    return text


def _without_database(
    gateway: Gateway, crawler: Crawler, admin: httpx.Client, database: PostgresService
) -> list[tuple[str, str]]:
    database.kill()
    found = [("a page without database", crawler.any("/admin/teams/virtualkey/"))]
    paths = ("/key/list", "/health/readiness", "/team/list")
    found += [(f"{path} without database", admin.get(path).text) for path in paths]
    answer = admin.post("/v1/chat/completions", json=chat("echo"))
    found.append(("error without database", answer.text))
    database.restart()
    gateway.wait_for_rows("SELECT 1 FROM alerts_incident WHERE alert_type = 'db_exceptions'", 1, timeout=30)
    return found


def _told(fakes: Fakes) -> list[tuple[str, str]]:
    servers = {"slack": fakes.slack, "pagerduty": fakes.pager, "webhook": fakes.hook}
    bodies = [(name, one.body.decode()) for name, server in servers.items() for one in list(server.received)]
    return [*bodies, *(("mail", mail.raw.decode() + mail.text("plain")) for mail in list(fakes.smtp.mails))]


def _stored(database: PostgresService) -> list[tuple[str, str]]:
    """Every row, as a thief of the database would read it."""
    with psycopg.connect(database.url) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = {name: connection.execute(f'SELECT t::text FROM "{name}" t').fetchall() for (name,) in names}
    return [(f"table {name}", "\n".join(text for (text,) in found)) for name, found in rows.items()]
