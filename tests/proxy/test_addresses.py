"""An upstream's address is looked at when it is typed: over the API, and at the admin's page."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client, override_settings

from alerts.addresses import AddressRefused, read_networks
from proxy import addresses
from proxy.addresses import ensure_address_allowed, ensure_addresses_allowed
from proxy.models import ConfigField, Deployment, Section, Source
from tests.alerts.test_outbound import METADATA, PRIVATE
from tests.gateway_project.pages import superuser, url

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    with override_settings(UPSTREAM_NETWORKS=()):
        yield


def refused(address: str, *, operators_own: bool = False) -> bool:
    try:
        ensure_address_allowed(address, operators_own=operators_own)
    except AddressRefused as refusal:
        return "//" not in str(refusal)
    return False


@pytest.mark.parametrize("host", [*PRIVATE, "[::1%25lo]", "127.0.0.1.", "①②⑦.⓪.⓪.①"])
def test_private_addresses_are_refused_unless_the_operator_wrote_them(host: str) -> None:
    assert refused(f"http://{host}:8000/v1")


@pytest.mark.parametrize("host", METADATA)
def test_metadata_services_are_refused_whoever_wrote_them(host: str) -> None:
    assert refused(f"http://{host}/latest/meta-data", operators_own=True)


@pytest.mark.parametrize("address", ["", "http://", "http://[::1", "x", "http://a:99999999"], ids=repr)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        ensure_address_allowed(address)


def test_public_and_unknown_names_pass_and_so_do_the_operators_own() -> None:
    assert not refused("https://8.8.8.8/v1")
    assert not refused("https://nobody.invalid/v1")
    assert not refused("http://127.0.0.1:8000/v1", operators_own=True)


def test_both_settings_open_the_way() -> None:
    with override_settings(UPSTREAM_NETWORKS=read_networks(["127.0.0.0/8"])):
        assert not refused("http://127.0.0.1:8000/v1")
        assert refused("http://10.0.0.1/v1")
    ConfigField.objects.create(
        section=Section.GENERAL, name="upstream_allowed_networks", value=["nonsense", "10.0.0.0/8"]
    )
    assert not refused("http://10.0.0.1/v1")
    assert refused("http://127.0.0.1:8000/v1")
    assert refused("http://169.254.169.254/v1")


def test_a_name_server_that_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def slow(*_: Any, **__: Any) -> Any:
        go.wait(10)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    monkeypatch.setattr(addresses, "RESOLVE_SECONDS", 0.05)
    started = time.monotonic()
    assert not refused("https://slow.example/v1")
    assert time.monotonic() - started < 5
    go.set()


def test_every_parameter_that_is_an_address_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEWHERE", "http://10.0.0.1/v1")
    for params in (
        {"api_base": "http://10.0.0.1"},
        {"base_url": "os.environ/SOMEWHERE"},
        {"aws_bedrock_runtime_endpoint": "http://169.254.169.254"},
    ):
        with pytest.raises(AddressRefused):
            ensure_addresses_allowed({"model": "openai/m", **params})
    ensure_addresses_allowed({"model": "openai/m", "api_base": None, "rpm": 5, "base_url": "os.environ/NOT_SET"})


@pytest.fixture
def page(client: Client) -> Client:
    client.force_login(superuser())
    return client


def typed(api_base: str, **fields: str) -> dict[str, str]:
    return {
        "id": "d1", "model_name": "m", "model_info": "{}", "credentials": "",
        "litellm_params": f'{{"model": "openai/m", "api_base": "{api_base}"}}', **fields,
    }  # fmt: skip


def test_the_admins_page_refuses_a_private_address_with_a_sentence(page: Client) -> None:
    response = page.post(url("proxy_deployment", "add"), typed("http://10.0.0.1/v1"))

    assert "TOLLKEEPER_UPSTREAM_NETWORKS" in str(response.context["adminform"].form.errors["litellm_params"])
    assert not Deployment.objects.exists()

    assert page.post(url("proxy_deployment", "add"), typed("https://8.8.8.8/v1")).status_code == 302


def test_an_address_of_config_yaml_may_stand_but_not_be_typed_anew(page: Client) -> None:
    row = Deployment.objects.create(
        id="d1",
        model_name="m",
        litellm_params={"model": "openai/m", "api_base": "http://10.0.0.1/v1"},
        source=Source.CONFIG,
    )
    address = url("proxy_deployment", "change", row.pk)

    response = page.post(address, typed("http://10.0.0.1/v1", model_name="renamed"))
    assert response.status_code == 302, response.context["adminform"].form.errors
    assert page.post(address, typed("http://10.0.0.2/v1")).status_code == 200
    row.refresh_from_db()
    assert (row.model_name, row.litellm_params["api_base"]) == ("renamed", "http://10.0.0.1/v1")
