"""The page that says what would become of a request: for which keys, in which words, and that nothing breaks it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from proxy import runtime
from proxy.core.cooldown import Cooldown, CooldownReason
from proxy.models import ConfigField, Deployment
from proxy.policy import Policy
from proxy.registry import Group, load_routing_table
from proxy.state import RouterState
from teams.groups import TEAM_ADMIN, VIEWER
from teams.models import Membership, Team, VirtualKey
from teams.services import ADMIN_USER_ID, issue_key
from teams.snapshot import load_keys
from tests.gateway_project.pages import staff, url

PREVIEW = "proxy_requesttrace"
HOSTILE = "<script>alert('x')</script>"
# Groups of patterns are looked up in another thread, which must see the rows.
pytestmark = pytest.mark.django_db(transaction=True)


class Gateway(SimpleNamespace):
    """What the page asks of a runtime, over the rows as they are when it starts."""

    def __init__(self) -> None:
        super().__init__(
            table=load_routing_table(now=datetime.now(UTC)),
            state=RouterState(),
            policy=Policy(),
            keys=load_keys(admin_id=ADMIN_USER_ID),
            spending=SimpleNamespace(crossings=lambda ids: ()),
        )

    async def group_of(self, model: str, *, team_id: str | None) -> Group:
        found: Group = self.table.group(model, team_id=team_id)
        return found


@pytest.fixture
def gateway() -> Iterator[Any]:
    """Deployments a and b of gpt-4o, and its fallback mini; a cools down."""
    for name, group in (("a", "gpt-4o"), ("b", "gpt-4o"), ("m", "mini")):
        Deployment.objects.create(id=name, model_name=group, litellm_params={"model": "openai/gpt-4o"})
    ConfigField.objects.create(section="router_settings", name="fallbacks", value=[{"gpt-4o": ["mini"]}])
    issue_key(VirtualKey(alias="restricted", allowed_models=["mini"]))
    running = Gateway()
    running.state.cool("a", Cooldown(60, CooldownReason.RATE_LIMITED), status=429)
    runtime.set_running(running)  # type: ignore[arg-type]
    yield running
    runtime.set_running(None)


def text_of(page: Client, **query: Any) -> str:
    response = page.get(url(PREVIEW, "preview", **query))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_a_form_is_there_before_anything_is_asked(gateway: Any, page: Client) -> None:
    text = text_of(page)

    assert 'name="model"' in text
    assert "Outcome" not in text


def test_it_is_told_who_would_be_asked_and_why_others_would_not(gateway: Any, page: Client) -> None:
    text = text_of(page, model="gpt-4o")

    for sentence in (
        "gpt-4o would serve it: 1 of 2 deployments may be asked, it is the only one left.",
        "passed over", "cooling down", "s left: rate limited", "100.0%",
        "A server error or no connection: tried again up to 2 times.",
        "A request that is refused: not tried again.",
        "1. mini: 1 of 1 may be asked",
    ):  # fmt: skip
        assert sentence in text, sentence
    assert url("proxy_deployment", "change", "a") in text


def test_of_a_key_it_is_told_what_the_key_would_be_told(gateway: Any, page: Client) -> None:
    key = VirtualKey.objects.get(alias="restricted")
    text = text_of(page, model="gpt-4o", key=key.pk)

    assert "Refused" in text
    assert "is not available for this API key" in text
    assert "The client would be told 403" in text
    assert "Deployments of the group" not in text


def test_a_model_that_nobody_serves_is_told_in_words(gateway: Any, page: Client) -> None:
    text = text_of(page, model="nothing")

    assert "There are no healthy deployments for this model" in text
    assert "There is no deployment of nothing." in text
    assert "There is no fallback: the client is told of the failure." in text


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"model": ""}, "This field is required."),
        ({"model": "m", "operation": "telepathy"}, "Select a valid choice."),
        ({"model": "m", "key": "no-number"}, "Select a valid choice."),
        ({"model": "m", "key": "9" * 40}, "Select a valid choice."),
        ({"model": "m", "team": "no-such-team"}, "Select a valid choice."),
        ({"model": "m", "prompt_tokens": "-1"}, "greater than or equal to 0"),
        ({"model": "m", "tags": ",".join(map(str, range(70)))}, "At most 64."),
        ({"model": "m\x00"}, "Null characters are not allowed."),
    ],
)
def test_a_question_that_makes_no_sense_is_told_where(
    gateway: Any, page: Client, query: dict[str, str], error: str
) -> None:
    text = text_of(page, **query)

    assert error in text
    assert "Outcome" not in text


def test_a_team_that_is_not_the_keys_is_refused(gateway: Any, page: Client) -> None:
    Team.objects.create(id="red", alias="red")
    runtime.set_running(Gateway())  # type: ignore[arg-type]
    key = VirtualKey.objects.get(alias="restricted")

    assert "Team not found" in text_of(page, model="mini", key=key.pk, team="red")
    assert "mini would serve it" in text_of(page, model="mini", team="red")


def test_names_are_shown_as_text(gateway: Any, page: Client) -> None:
    Deployment.objects.create(id=HOSTILE, model_name=HOSTILE, litellm_params={"model": f"openai/{HOSTILE}"})
    ConfigField.objects.create(section="router_settings", name="model_group_alias", value={"x": HOSTILE})
    ConfigField.objects.filter(name="fallbacks").update(value=[{HOSTILE: [f"{HOSTILE}2"]}])
    runtime.set_running(Gateway())  # type: ignore[arg-type]
    for model in ("x", HOSTILE, f"{HOSTILE}3"):
        text = text_of(page, model=model, tags=HOSTILE)

        assert "alert(" in text
        assert HOSTILE not in text


def test_without_a_gateway_the_page_says_so(page: Client) -> None:
    assert "No gateway runs in this process" in text_of(page, model="gpt-4o")


def test_who_reaches_a_team_asks_for_its_keys_alone(gateway: Any, client: Client) -> None:
    tess, red = staff(TEAM_ADMIN), Team.objects.create(id="red", alias="red")
    Membership.objects.create(team=red, user=tess, role="admin")
    issue_key(VirtualKey(alias="red's", team=red))
    runtime.set_running(Gateway())  # type: ignore[arg-type]
    client.force_login(tess)
    own, other = (VirtualKey.objects.get(alias=alias) for alias in ("red's", "restricted"))

    assert "would serve it" in text_of(client, model="mini", key=own.pk)
    assert "Select a valid choice." in text_of(client, model="mini", key=other.pk)
    assert "This field is required." in text_of(client, model="mini")
    assert url("proxy_deployment", "change", "m") not in text_of(client, model="mini", key=own.pk)


def test_who_only_looks_may_ask(gateway: Any, client: Client) -> None:
    client.force_login(staff(VIEWER))

    assert "would serve it" in text_of(client, model="mini")


def test_nothing_is_asked_by_post(gateway: Any, page: Client) -> None:
    response = page.post(url(PREVIEW, "preview"), {"model": "mini"})

    assert "Outcome" not in response.content.decode()
