"""The page that tries limits on the past, reached from those who spend."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.utils import timezone

from budgets.core.allowances import Allowance
from budgets.core.dry_run import Trial
from budgets.dry_run import replay
from budgets.entries import insert
from budgets.models import Scope
from budgets.rollup import roll_up
from teams.groups import TEAM_ADMIN, VIEWER
from teams.models import Team, User, VirtualKey
from teams.services import issue_key, regenerate_key
from tests.budgets.builders import entry
from tests.gateway_project.pages import KEYS, TEAMS, USERS, queries, staff, url
from tests.gateway_project.test_admin_money import DOLLAR, SCRIPT, text_of

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def rows() -> dict[str, Any]:
    team = Team.objects.create(id="a/b", alias=SCRIPT)
    user = User.objects.create(id="u", username="u", alias=SCRIPT)
    key = VirtualKey(alias=SCRIPT, team=team, user=user)
    issue_key(key)
    return {KEYS: key, TEAMS: team, USERS: user}


def called(key: VirtualKey, *, ago: timedelta, amount_nano: int = DOLLAR, **columns: Any) -> None:
    at = NOW - ago
    plain: dict[str, Any] = {"key_hash": key.token_hash, "team_id": "a/b", "user_id": "u", "prompt_tokens": 100}
    insert([entry(amount_nano=amount_nano, started_at=at, ended_at=at, **{**plain, **columns}).encode()])


@pytest.mark.parametrize("name", [KEYS, TEAMS, USERS])
def test_a_page_leads_to_what_limits_would_have_blocked(page: Client, rows: dict[str, Any], name: str) -> None:
    for days in (20, 3, 2, 1):
        called(rows[KEYS], ago=timedelta(days=days))
    address = url(name, "try_limits", quote(rows[name].pk))
    assert address in page.get(url(name, "change", rows[name].pk)).content.decode()
    assert page.get(address).status_code == 200

    answer = page.get(address, {"max_budget": "1", "days": "7"})
    told = text_of(answer)
    assert "2 of 3 requests (66.7%)" in told
    assert "the first at" in told
    assert "$2.00 of $3.00 would not have been spent." in told
    assert "2 for the budget." in told
    assert SCRIPT not in answer.content.decode()
    assert "3 of 4 requests" in text_of(page.get(address, {"max_budget": "1", "days": "30"}))
    assert "None of 3 requests, which cost $3.00." in text_of(page.get(address, {"rpm": "5", "days": "7"}))


@pytest.mark.parametrize(
    "query",
    [
        {}, {"max_budget": "-1"}, {"max_budget": "x"}, {"rpm": "-1"}, {"tpm": str(2**63)},
        {"max_budget": "1", "duration": "often"}, {"rpm": "1", "days": "8"},
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_told(page: Client, rows: dict[str, Any], query: dict[str, str]) -> None:
    answer = page.get(url(TEAMS, "try_limits", "a/b"), {"days": "7", **query})

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert answer.context["found"] is None


def test_former_hashes_of_a_key_are_its_own_and_attempts_are_one_request(rows: dict[str, Any]) -> None:
    key = rows[KEYS]
    request_id = "0190a0a0-0000-7000-8000-000000000001"
    called(key, ago=timedelta(hours=3), request_id=request_id, attempt=0)
    called(key, ago=timedelta(hours=3), request_id=request_id, attempt=1)
    regenerate_key(key, now=NOW, grace=None)
    called(key, ago=timedelta(hours=1))
    found = replay((Scope.KEY, str(key.pk)), Trial(rpm=0), days=7, now=NOW)

    assert (found.entries, found.outcome.requests, found.outcome.saved_nano) == (3, 2, 3 * DOLLAR)


def test_corrections_are_no_requests(rows: dict[str, Any]) -> None:
    called(rows[KEYS], ago=timedelta(hours=1), corrects="0190a0a0-0000-7000-8000-000000000001")

    assert replay((Scope.TEAM, "a/b"), Trial(rpm=0), days=7, now=NOW).outcome.requests == 0


@pytest.mark.parametrize(("most", "cut", "requests"), [(3, True, 3), (4, False, 4)])
def test_what_is_too_much_is_cut_to_the_newest_and_said(
    rows: dict[str, Any], most: int, cut: bool, requests: int
) -> None:
    for hours in range(1, 5):
        called(rows[KEYS], ago=timedelta(hours=hours))
    budget = Allowance(Scope.USER, "u", "", 1)
    found = replay((Scope.USER, "u"), Trial(budget=budget), days=7, now=NOW, most=most)

    assert (found.was_cut, found.outcome.requests, found.outcome.refused) == (cut, requests, requests - 1)
    assert found.since == (NOW - timedelta(hours=3) if cut else NOW - timedelta(days=7))


def test_an_answer_costs_the_same_however_many_calls_there_were(page: Client, rows: dict[str, Any]) -> None:
    address = url(TEAMS, "try_limits", "a/b", days="7", rpm="1")
    called(rows[KEYS], ago=timedelta(hours=1))
    roll_up(now=datetime.now(UTC) + timedelta(minutes=1))
    few = queries(page, address)
    for hours in range(1, 60):
        called(rows[KEYS], ago=timedelta(hours=hours))
    roll_up(now=datetime.now(UTC) + timedelta(minutes=1))

    assert queries(page, address) <= few


def test_who_does_not_see_the_row_gets_no_answer(client: Client, rows: dict[str, Any]) -> None:
    for name in (KEYS, TEAMS, USERS):
        client.force_login(staff(TEAM_ADMIN, user_id=f"tess-{name}"))
        assert client.get(url(name, "try_limits", rows[name].pk), {"days": "7", "rpm": "1"}).status_code == 302
        client.force_login(staff(VIEWER, user_id=f"vera-{name}"))
        assert client.get(url(name, "try_limits", rows[name].pk), {"days": "7", "rpm": "1"}).status_code == 200
        client.force_login(staff(user_id=f"nora-{name}"))
        assert client.get(url(name, "try_limits", rows[name].pk)).status_code in (302, 403)
