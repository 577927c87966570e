"""Providers' credentials: opened with the salt key, kept in the encrypted column, and nowhere else."""

import logging
from collections.abc import Callable

import pytest
from django.db import connection

from gateway_project.litellm_import.cipher import Cipher, is_encrypted
from gateway_project.litellm_import.report import MENDED
from proxy.models import Deployment
from tests.gateway_project.litellm_import.conftest import BringOver
from tests.gateway_project.litellm_import.litellm import SALT, LiteLLM, boxed, encrypted, gcm
from tests.settings import MASTER_KEY_UNDER_TEST

MARKER = "hidden-marker-0123456789"
PARAMS = {
    "model": "openai/gpt-4o",
    "api_key": f"sk-{MARKER}",
    "api_base": f"https://user:{MARKER}@api.example/v1",
    "vertex_credentials": f'{{"private_key": "{MARKER}"}}',
    "rpm": 60,
    "use_in_pass_through": False,
}


def everything_in_our_database() -> str:
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [str(row) for row in cursor.fetchall()]
    return "\n".join(rows)


@pytest.mark.django_db
@pytest.mark.parametrize("encrypt", [boxed, gcm, lambda value: gcm(value, version="v2")], ids=["nacl", "v3", "v2"])
def test_the_salt_key_opens_every_form(
    litellm: LiteLLM, bring_over: BringOver, caplog: pytest.LogCaptureFixture, encrypt: Callable[[str], str]
) -> None:
    caplog.set_level(logging.DEBUG)
    litellm.model("m1", {name: encrypt(value) if isinstance(value, str) else value for name, value in PARAMS.items()})
    report = bring_over(salt_key=SALT)

    model = Deployment.objects.get()
    assert model.litellm_params == {"model": "openai/gpt-4o", "rpm": 60, "use_in_pass_through": False}
    assert model.secret_params() == {name: PARAMS[name] for name in ("api_key", "api_base", "vertex_credentials")}
    assert not model.blocked
    told = everything_in_our_database() + caplog.text + "\n".join(report.lines())
    assert MARKER not in told
    assert SALT not in told


@pytest.mark.django_db
@pytest.mark.parametrize("salt_key", ["", "sk-another-salt-key-0123"])
def test_without_the_salt_key_a_model_comes_over_blocked_and_without_its_values(
    litellm: LiteLLM, bring_over: BringOver, salt_key: str
) -> None:
    litellm.model("m1", encrypted(PARAMS), model_info={"base_model": "gpt-4o-2024-08-06"})
    litellm.model("m2", encrypted(PARAMS), model_name="mine")
    report = bring_over(salt_key=salt_key)

    first, second = Deployment.objects.order_by("id")
    assert first.litellm_params == {"model": "gpt-4o-2024-08-06", "rpm": 60, "use_in_pass_through": False}
    assert second.litellm_params["model"] == "mine", "it needs one, and takes no requests"
    assert (first.blocked, first.credentials) == (True, "")
    assert (
        "models",
        "what the salt key does not open stays behind, so it takes no requests",
    ) in report.reasons(MENDED)
    assert any("api_base, api_key, model, vertex_credentials" in line for line in report.lines())
    assert any("no salt key was given" in note for note in report.notes) is not bool(salt_key)


@pytest.mark.django_db
def test_where_there_was_no_salt_key_the_master_key_opens(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.model("m1", encrypted(PARAMS, MASTER_KEY_UNDER_TEST))
    bring_over()

    assert Deployment.objects.get().secret_params()["api_key"] == PARAMS["api_key"]


@pytest.mark.django_db
def test_what_is_not_encrypted_is_taken_as_it_is(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.model("m1", {"model": "openai/gpt-4o", "api_key": "os.environ/OPENAI_API_KEY"})
    bring_over()

    model = Deployment.objects.get()
    assert (model.secret_params(), model.blocked) == ({"api_key": "os.environ/OPENAI_API_KEY"}, False)


@pytest.mark.django_db
def test_stored_credentials_become_the_models_own(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.insert(
        "LiteLLM_CredentialsTable",
        credential_id="c1",
        credential_name="azure-eu",
        credential_values=encrypted({"api_key": f"sk-{MARKER}", "api_base": "https://eu.example"}),
    )
    litellm.model("m1", encrypted({"model": "azure/gpt-4o", "litellm_credential_name": "azure-eu"}))
    litellm.model("m2", encrypted({"model": "azure/gpt-4o", "litellm_credential_name": "gone"}))
    report = bring_over(salt_key=SALT)

    first, second = Deployment.objects.order_by("id")
    assert first.litellm_params == {"model": "azure/gpt-4o", "api_base": "https://eu.example"}
    assert (first.secret_params(), first.blocked) == ({"api_key": f"sk-{MARKER}"}, False)
    assert second.blocked
    assert ("models", "names stored credentials that cannot be found") in report.reasons(MENDED)


def test_one_key_of_several_is_enough() -> None:
    cipher = Cipher(["wrong", "", SALT])

    assert cipher.open_all({"a": boxed("one"), "b": gcm("two"), "c": 3, "d": None, "e": "plain"}) == (
        {"a": "one", "b": "two", "c": 3, "d": None, "e": "plain"},
        [],
    )


@pytest.mark.parametrize("broken", ["v3:gcm:", "v3:gcm:!!", "v2:gcm:aaaa", "A" * 60, "A" * 57 + "_=="])
def test_what_is_broken_stays_closed(broken: str) -> None:
    assert Cipher([SALT]).open_all({"a": broken}) == ({}, ["a"])


def test_nul_in_a_value_is_taken_out() -> None:
    assert Cipher([SALT]).open_all({"a": gcm("b\x00c")}) == ({"a": "bc"}, [])


@pytest.mark.parametrize(
    "plain", ["", "gpt-4o", "https://api.openai.com/v1", "sk-proj-0123456789", "os.environ/" + "A" * 60]
)
def test_ordinary_values_are_not_taken_for_encrypted_ones(plain: str) -> None:
    assert not is_encrypted(plain)


def test_without_pynacl_the_older_form_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_project.litellm_import.cipher.find_spec", lambda _: None)
    cipher = Cipher([SALT])

    assert cipher.open_all({"a": boxed("one"), "b": gcm("two")}) == ({"b": "two"}, ["a"])
    assert cipher.lacks_nacl
