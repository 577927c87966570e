"""What a new installation needs: ticked off by what is there, gone when all is done, put away by each alone."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gateway_project.local import SECRETS_FILE
from teams.groups import ADMIN, FINANCE, OPERATOR, TEAM_ADMIN
from teams.models import Team, User, VirtualKey
from teams.services import ensure_admin, issue_key
from tests.alerts.builders import channel, route
from tests.budgets.days import day_row, keep_days
from tests.gateway_project.pages import staff, superuser, url
from tests.proxy.deployments import stored

pytestmark = pytest.mark.django_db
HOME, DISMISS = "/admin/", "/admin/checklist/"


def steps(page: Client) -> dict[str, bool]:
    """By title, whether they are done."""
    found = page.get(HOME).context["checklist"]
    return {} if found is None else {step.title: step.is_done for step in found.steps}


PASSWORD, DEPLOYMENT, CHANNEL, ROUTE, SAMPLE, TEAM, KEY, REQUEST = (
    "Change the admin's password", "Add a deployment", "Add an alert channel", "Lead alerts to it",
    "Fire a sample through it", "Make a team", "Make a virtual key", "Send a first request",
)  # fmt: skip


def test_each_step_is_ticked_off_by_what_is_there_and_the_list_goes_with_the_last(page: Client) -> None:
    todo = {DEPLOYMENT, CHANNEL, ROUTE, SAMPLE, TEAM, KEY, REQUEST}

    def is_left(*done: str) -> None:
        todo.difference_update(done)
        assert {title for title, is_done in steps(page).items() if not is_done} == todo

    is_left()
    stored("http://127.0.0.1:9", pk="demo-gpt-4o")
    is_left()
    stored("http://127.0.0.1:9", pk="own")
    is_left(DEPLOYMENT)
    made = channel("ops", types=())
    is_left(CHANNEL)
    route("everything", made)
    is_left(ROUTE)
    made.delivered_at = timezone.now()
    made.save()
    is_left(SAMPLE)
    Team.objects.create(id="t", alias="Search")
    is_left(TEAM)
    issue_key(VirtualKey(alias="k"))
    is_left(KEY)
    keep_days(day_row())
    assert steps(page) == {}
    assert "Getting started" not in page.get(HOME).content.decode()


def test_the_first_password_is_to_be_changed(page: Client, settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    secrets = {"secret_key": "s", "encryption_key": "e", "master_key": "m", "admin_password": "first-one"}
    (tmp_path / SECRETS_FILE).write_text(json.dumps(secrets))
    admin, _ = ensure_admin(username="admin", password="first-one")

    assert steps(page)[PASSWORD] is False
    admin.set_password("another")
    admin.save()
    assert steps(page)[PASSWORD] is True
    assert "first-one" not in page.get(HOME).content.decode()


def test_an_empty_installation_shows_the_list_and_no_wall_of_zeros(page: Client) -> None:
    answer = page.get(HOME)
    text = answer.content.decode()

    assert answer.context["tiles"] == []
    assert answer.context["charts"] == []
    assert "$0.00" not in text
    assert "/v1/chat/completions" in text
    for address in (url("proxy_deployment", "add"), url("alerts_alertchannel", "add"), url("teams_team", "add"),
                    url("teams_virtualkey", "add"), url("alerts_alertchannel", "changelist")):  # fmt: skip
        assert f'href="{address}"' in text, address
        assert page.get(address).status_code == 200


def test_a_sample_leads_to_the_channel_that_has_delivered_nothing(page: Client) -> None:
    made = channel("ops")

    assert f'href="{url("alerts_alertchannel", "change", made.pk)}"' in page.get(HOME).content.decode()


def test_a_route_to_the_channel_that_has_none_is_all_but_made(page: Client) -> None:
    channel("ops")
    without = channel("pager", types=())
    step = next(step for step in page.get(HOME).context["checklist"].steps if step.title == ROUTE)

    assert page.get(step.link).context["adminform"].form.initial["channels"] == [str(without.pk)]


def test_the_command_names_a_model_that_is_there_and_nothing_breaks_out_of_it(page: Client) -> None:
    stored("http://127.0.0.1:9", pk="a", name="wild/*")
    stored("http://127.0.0.1:9", pk="b", name='it\'s "<b>"')
    curl = page.get(HOME).context["checklist"].curl

    data = re.search(r"-d '(.*)'$", curl)
    assert data is not None
    assert json.loads(data[1].replace("'\\''", "'"))["model"] == 'it\'s "<b>"'
    assert "<b>" not in page.get(HOME).content.decode()


def test_each_puts_it_away_for_themselves_and_takes_it_out_again(page: Client) -> None:
    other = Client()
    other.force_login(User.objects.create_superuser("second", "second@example.com", "pw"))

    def is_shown(browser: Client) -> bool:
        return bool(browser.get(HOME).context["checklist"].is_shown)

    assert page.post(DISMISS, {"away": "1"}).status_code == 302
    assert page.post(DISMISS, {"away": "1"}).status_code == 302
    assert (is_shown(page), is_shown(other)) == (False, True)
    assert "Getting started: 1 of 8 done" in " ".join(page.get(HOME).content.decode().split())
    page.post(DISMISS)
    assert is_shown(page)


def test_it_is_put_away_by_a_post_with_a_token_of_somebody_who_is_logged_in(client: Client) -> None:
    assert client.post(DISMISS).status_code == 302, "to the login"
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(superuser())
    assert careful.get(DISMISS).status_code == 405
    assert careful.post(DISMISS, {"away": "1"}).status_code == 403


@pytest.mark.parametrize(
    ("group", "wanted"),
    [
        (ADMIN, [DEPLOYMENT, CHANNEL, ROUTE, SAMPLE, TEAM, KEY, REQUEST]),
        (OPERATOR, [DEPLOYMENT, CHANNEL, ROUTE, SAMPLE, REQUEST]),
        (FINANCE, []),
        (TEAM_ADMIN, []),
    ],
)
def test_everybody_is_asked_for_what_they_may_do(client: Client, group: str, wanted: list[str]) -> None:
    client.force_login(staff(group))

    found: Any = steps(client)
    assert list(found) == wanted


def test_a_first_request_is_seen_by_who_may_not_see_what_it_cost(client: Client) -> None:
    keep_days(day_row())
    client.force_login(staff(OPERATOR))

    assert steps(client)[REQUEST] is True
    assert client.get(HOME).context["tiles"] == []
