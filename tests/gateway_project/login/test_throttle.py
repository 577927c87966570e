"""How often a password may be tried: over the pages, and many at once."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from gateway_project.login import throttle
from gateway_project.models import Tries
from teams.models import AuditEntry, User
from tests.alerts.threads import at_once
from tests.gateway_project.pages import superuser

GOOD = {"username": "root", "password": "pw"}
LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def _few_tries(settings: Any) -> None:
    settings.LOGIN_FAILURES, settings.LOGIN_FAILURES_PER_ACCOUNT, settings.LOGIN_FAILURES_PER_ADDRESS = 2, 4, 6


def sign_in(address: str = "192.0.2.1", **fields: str) -> Any:
    return Client(REMOTE_ADDR=address).post(LOGIN, {**GOOD, **fields})


def fail(times: int, **fields: str) -> list[int]:
    return [sign_in(**{"password": "wrong", **fields}).status_code for _ in range(times)]


def wait_for_the_pause() -> None:
    Tries.objects.update(until=timezone.now() - timedelta(seconds=1))


@pytest.mark.django_db
class TestLogin:
    @pytest.fixture(autouse=True)
    def root(self) -> User:
        return superuser()

    def test_is_paused_after_failures_also_for_the_right_password_and_only_for_a_time(self) -> None:
        assert fail(2) == [200, 200]
        refused = sign_in()
        assert refused.status_code == 429
        assert 890 <= int(refused["Retry-After"]) <= 900
        assert "Too many attempts failed. Try again in 15 minutes." in refused.content.decode()
        assert "_auth_user_id" not in refused.client.session

        wait_for_the_pause()
        assert sign_in().status_code == 302

    def test_asking_during_a_pause_does_not_prolong_it(self) -> None:
        fail(2)
        until = max(Tries.objects.values_list("until", flat=True))
        assert fail(2) == [429, 429]
        assert max(Tries.objects.values_list("until", flat=True)) == until

    def test_somebody_elsewhere_does_not_lock_the_owner_out(self) -> None:
        assert fail(5, address="203.0.113.9") == [200, 200, 429, 429, 429]
        assert sign_in().status_code == 302

    def test_an_account_is_guessed_at_from_few_addresses_only(self) -> None:
        for number in range(4):
            assert fail(1, address=f"198.51.100.{number}") == [200]
        assert sign_in(address="198.51.100.200").status_code == 429

    def test_an_address_guesses_at_few_accounts_only(self) -> None:
        for number in range(6):
            assert fail(1, username=f"nobody-{number}") == [200]
        assert sign_in().status_code == 429
        assert sign_in(address="192.0.2.2").status_code == 302

    def test_an_account_of_ones_own_does_not_buy_an_address_more_guesses(self) -> None:
        User.objects.create_superuser("mallory", "m@example.com", "pw")
        for number in range(6):
            assert fail(1, username=f"nobody-{number}") == [200]
            sign_in(username="mallory")
        assert fail(1, username="another") == [429]

    def test_a_success_forgets_the_failures_before_it(self) -> None:
        for _ in range(3):
            assert fail(1) == [200]
            assert sign_in().status_code == 302

    @pytest.mark.parametrize("name", ["ROOT", " root ", "ｒｏｏｔ"])
    def test_another_spelling_is_no_other_account(self, name: str) -> None:
        assert fail(2, username=name) == [200, 200]
        assert sign_in().status_code == 429

    @pytest.mark.parametrize(
        "name", ["nul\x00", "x" * 300, "'; DROP TABLE--", "<script>alert(1)</script>", "\ud7ff\u202e\U0001f3f4"]
    )
    def test_any_name_is_answered_and_none_is_kept(self, name: str) -> None:
        answers = [sign_in(username=name, password="wrong") for _ in range(3)]
        assert {answer.status_code for answer in answers} <= {200, 429}
        assert "<script>alert(1)</script>" not in answers[-1].content.decode()
        assert all(len(key) == 64 for key in Tries.objects.values_list("key", flat=True))

    def test_an_empty_form_is_no_try(self) -> None:
        assert fail(5, password="") == [200] * 5
        assert not Tries.objects.exists()

    def test_a_pause_stands_in_the_audit_trail_and_the_log_without_what_was_typed(self, caplog: Any) -> None:
        fail(2, password="my-secret-typo")
        fail(2, username="my-other-secret", address="192.0.2.3")
        (entry,) = AuditEntry.objects.filter(object_type="user", action="updated")
        assert (entry.object_id, entry.address) == ("root", "192.0.2.1")
        assert "from 192.0.2.1" in str(entry.after)
        told = [
            (record.message, record.user_id, record.address)
            for record in caplog.records
            if "login" in record.message.lower()
        ]
        paused = "Logins are paused after too many failures"
        assert (paused, "root", "192.0.2.1") in told
        assert (paused, None, "192.0.2.3") in told
        assert "secret" not in str([vars(record) for record in caplog.records])

    def test_the_old_password_cannot_be_guessed_in_an_open_session(self, client: Client, root: User) -> None:
        client.force_login(root)
        new = {"new_password1": "a-long-enough-passphrase", "new_password2": "a-long-enough-passphrase"}
        address = "/admin/password_change/"
        assert [client.post(address, {"old_password": "x", **new}).status_code for _ in range(3)] == [200, 200, 429]
        refused = client.post(address, {"old_password": "pw", **new})
        assert (refused.status_code, "Retry-After" in refused) == (429, True)
        assert "Too many attempts failed." in refused.content.decode()
        wait_for_the_pause()
        assert client.post(address, {"old_password": "pw", **new}).status_code == 302

    @pytest.mark.parametrize("path", ["/invitation/accept/", "/alerts/acknowledge/"])
    def test_links_are_not_guessed_at_without_end(self, client: Client, path: str) -> None:
        assert [client.get(f"{path}guess-{number}").status_code for number in range(7)] == [*[404] * 6, 429]
        refused = client.get(f"{path}guess")
        assert (escape("Too many attempts failed.") in refused.content.decode(), "Retry-After" in refused) == (
            True,
            True,
        )
        assert sign_in(address="127.0.0.1").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_not_more_than_one_after_the_other() -> None:
    now: datetime = timezone.now()
    tries = at_once(8, lambda: throttle.begin(throttle.of_login("root", "192.0.2.1"), now=now))

    assert sorted(one.refused_until is not None for one in tries) == [False] * 2 + [True] * 6


@pytest.mark.django_db
def test_what_is_over_is_forgotten() -> None:
    now = timezone.now()
    throttle.begin(throttle.of_login("root", "192.0.2.1"), now=now)

    assert throttle.forget_old(now=now) == 0
    assert throttle.forget_old(now=now + timedelta(seconds=901)) == 3
