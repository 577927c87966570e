"""A second import: what follows LiteLLM, and what is left as it is here."""

from datetime import timedelta

import pytest
from django.db import connection
from pytest_django import DjangoCaptureOnCommitCallbacks

from alerts.models import AlertSettings, Incident
from gateway_project.launch import LaunchError
from gateway_project.litellm_import.report import LEFT, SKIPPED
from proxy.models import Deployment
from teams.actor import Actor, acting
from teams.models import ActorSource, AuditEntry, Budget, Membership, Team, User, VirtualKey
from teams.services import ADMIN_USER_ID, ensure_admin, regenerate_key
from tests.gateway_project.litellm_import.conftest import NOW, BringOver
from tests.gateway_project.litellm_import.litellm import SALT, LiteLLM, encrypted

pytestmark = pytest.mark.django_db

AT_HAND = Actor(source=ActorSource.ADMIN, id="admin")


def test_what_only_imports_wrote_follows_litellm(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key("sk-that-is-changed-there", key_alias="ci", max_budget=1)
    bring_over()
    litellm.execute("""UPDATE "LiteLLM_VerificationToken" SET max_budget = 2, blocked = true, budget_duration = '1d'""")
    report = bring_over(now=NOW + timedelta(days=1))

    key = VirtualKey.objects.get()
    assert (key.max_budget_nano, key.blocked, key.budget_duration) == (2 * 10**9, True, "1d")
    assert key.budget_started_at == NOW + timedelta(days=1), "another duration is another count"
    assert report.counts["keys"]["changed"] == 1
    entry = AuditEntry.objects.filter(object_type="key").first()
    assert entry is not None
    assert (entry.action, entry.actor_id) == ("updated", "import-litellm")
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["max_budget"], entry.after["max_budget"]) == (1.0, 2.0)
    assert bring_over(now=NOW + timedelta(days=2)).counts["keys"]["unchanged"] == 1


def test_a_budget_that_comes_later_is_counted_from_then(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key("sk-without-a-budget-yet")
    bring_over()
    assert VirtualKey.objects.get().budget_started_at is None
    windows = '[{"budget_duration": "1h", "max_budget": 1}]'
    litellm.execute(f"""UPDATE "LiteLLM_VerificationToken" SET budget_limits = '{windows}'""")
    bring_over(now=NOW + timedelta(days=1))

    assert VirtualKey.objects.get().budget_started_at == NOW + timedelta(days=1)


def test_what_was_changed_here_is_left_as_it_is_and_told(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.team("t1", team_alias="Search", max_budget=1)
    bring_over()
    team = Team.objects.get()
    team.max_budget_nano = 5
    with acting(AT_HAND):
        team.save()
    report = bring_over()

    assert Team.objects.get().max_budget_nano == 5
    assert report.counts["teams"]["left as is"] == 1
    assert report.reasons(LEFT) == [("teams", "LiteLLM's differs in max_budget_nano")]


def test_what_was_made_here_before_is_left_as_it_is(litellm: LiteLLM, bring_over: BringOver) -> None:
    with acting(AT_HAND):
        Team.objects.create(id="t1", alias="ours")
        Budget.objects.create(id="b1", max_budget_nano=7)
    litellm.team("t1", team_alias="theirs")
    litellm.budget("b1", max_budget=0.000000007)
    report = bring_over()

    assert Team.objects.get().alias == "ours"
    assert report.counts["teams"]["left as is"] == 1
    assert report.counts["budgets"]["unchanged"] == 1, "what is equal needs no word"


def test_the_admin_here_stays_the_admin(litellm: LiteLLM, bring_over: BringOver) -> None:
    ensure_admin(username="root", password="my own")
    litellm.user(ADMIN_USER_ID, user_role="internal_user", user_alias="x")
    report = bring_over()

    admin = User.objects.get(id=ADMIN_USER_ID)
    assert (admin.username, admin.role, admin.is_superuser, admin.check_password("my own")) == (
        "root",
        "proxy_admin",
        True,
        True,
    )
    assert report.counts["users"]["left as is"] == 1


def test_an_import_before_the_first_start_makes_the_admin_that_a_start_would(
    litellm: LiteLLM, bring_over: BringOver
) -> None:
    litellm.user(ADMIN_USER_ID, user_role=None)
    litellm.key("sk-made-with-the-master-key", user_id=ADMIN_USER_ID)
    report = bring_over()

    admin = User.objects.get(id=ADMIN_USER_ID)
    assert (admin.role, admin.is_superuser, admin.check_password("admin-password")) == ("proxy_admin", True, True)
    assert report.counts["users"]["left as is"] == 1
    assert VirtualKey.objects.get().user == admin


def test_what_was_deleted_here_is_not_brought_back(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("u1")
    litellm.team("t1", members_with_roles=[{"user_id": "u1", "role": "user"}])
    litellm.key("sk-revoked-here", key_alias="revoked")
    litellm.key("sk-of-the-team", team_id="t1")
    bring_over()
    with acting(AT_HAND):
        VirtualKey.objects.get(alias="revoked").delete()
        Membership.objects.get().delete()
        Team.objects.get().delete()
    litellm.key("sk-new-in-the-team", team_id="t1")
    report = bring_over()

    key = VirtualKey.objects.get()
    assert (key.token_hash, key.blocked) == (litellm.hash_of("sk-new-in-the-team"), True)
    assert set(report.reasons(SKIPPED)) == {
        ("teams", "was deleted here"),
        ("team members", "was deleted here"),
        ("keys", "was deleted here"),
    }
    assert (Team.objects.count(), Membership.objects.count()) == (0, 0)


def test_a_key_that_was_regenerated_here_does_not_come_back(litellm: LiteLLM, bring_over: BringOver) -> None:
    former = litellm.key("sk-before-it-was-regenerated")
    bring_over()
    with acting(AT_HAND):
        regenerate_key(VirtualKey.objects.get(), now=NOW)
    report = bring_over()

    assert VirtualKey.objects.get().token_hash != former
    assert report.reasons(SKIPPED) == [("keys", "was regenerated here")]


def test_a_model_gets_its_credentials_once_the_salt_key_is_given(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.model("m1", encrypted({"model": "openai/gpt-4o", "api_key": "sk-provider"}))
    bring_over()
    assert Deployment.objects.get().blocked
    report = bring_over(salt_key=SALT)

    model = Deployment.objects.get()
    assert (model.blocked, model.litellm_params) == (False, {"model": "openai/gpt-4o"})
    assert model.secret_params() == {"api_key": "sk-provider"}
    assert report.counts["models"]["changed"] == 1
    entry = AuditEntry.objects.filter(object_type="deployment", action="updated").get()
    assert entry.after is not None
    assert entry.after["credentials"] == "*** (changed)"


def test_a_row_that_the_database_refuses_does_not_stop_the_others(litellm: LiteLLM, bring_over: BringOver) -> None:
    """The alias that a second key would get is somebody else's."""
    first, second = sorted(
        [litellm.key("sk-first-of-two", key_alias="prod"), litellm.key("sk-second-of-two", key_alias="prod")]
    )
    VirtualKey.objects.create(token_hash="0" * 64, name="sk-...", alias=f"prod {second[:8]}")
    litellm.key("sk-a-third-one", key_alias="third")
    report = bring_over()

    assert set(VirtualKey.objects.values_list("token_hash", flat=True)) == {
        "0" * 64,
        first,
        litellm.hash_of("sk-a-third-one"),
    }
    assert report.reasons(SKIPPED) == [("keys", "is refused by the database")]


def test_an_import_that_our_database_refuses_is_taken_back_as_a_whole(litellm: LiteLLM, bring_over: BringOver) -> None:
    no_entries = {
        "sqlite": "CREATE TRIGGER t BEFORE INSERT ON teams_auditentry BEGIN SELECT RAISE(ABORT, 'no entries'); END",
        "postgresql": "ALTER TABLE teams_auditentry ADD CONSTRAINT no_entries CHECK (object_type <> 'key')",
    }
    with connection.cursor() as cursor:
        cursor.execute(no_entries[connection.vendor])
    litellm.key("sk-that-cannot-be-written")

    with pytest.raises(LaunchError, match=r"taken back, because our database refused it: .*no.entries") as error:
        bring_over()
    assert "\n" not in str(error.value)
    assert (VirtualKey.objects.count(), User.objects.count()) == (0, 0)


def test_a_small_import_is_told_as_any_other_change(
    litellm: LiteLLM, bring_over: BringOver, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    AlertSettings.objects.create(alert_types=["new_virtual_key_created"])
    litellm.key("sk-that-is-told", key_alias="told")
    with django_capture_on_commit_callbacks(execute=True):
        bring_over()

    assert AuditEntry.objects.get(object_type="key").told
    assert Incident.objects.filter(alert_type="new_virtual_key_created").count() == 1


def test_a_large_import_is_not_told(
    litellm: LiteLLM, bring_over: BringOver, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    AlertSettings.objects.create(alert_types=["new_virtual_key_created"])
    for number in range(101):
        litellm.key(f"sk-one-of-many-{number:04}")
    with django_capture_on_commit_callbacks(execute=True):
        bring_over()

    assert AuditEntry.objects.filter(object_type="key", told=True).count() == 101
    assert not Incident.objects.filter(alert_type="new_virtual_key_created").exists()
