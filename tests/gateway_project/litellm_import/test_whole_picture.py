"""Everything of a LiteLLM database comes over, and what came over works."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway_project.litellm_import.report import MENDED, SKIPPED
from proxy.models import Deployment
from teams import revisions
from teams.models import (
    AuditEntry,
    Budget,
    Customer,
    Membership,
    Organization,
    OrganizationMembership,
    RetiredToken,
    Tag,
    Team,
    User,
    VirtualKey,
)
from teams.services import ADMIN_USER_ID
from teams.snapshot import load_keys
from tests.gateway_project.litellm_import.conftest import NOW, BringOver
from tests.gateway_project.litellm_import.litellm import SALT, LiteLLM, encrypted

pytestmark = pytest.mark.django_db

KEY = "sk-an-old-key-of-alice-0123"
FORMER = "sk-what-it-was-before-01234"
MADE_AT = datetime(2025, 2, 3, 4, 5, 6, 789000, tzinfo=UTC)


@pytest.fixture
def picture(litellm: LiteLLM) -> LiteLLM:
    """One of everything, each linked to the others."""
    plain = MADE_AT.replace(tzinfo=None)
    litellm.budget("b1", max_budget=10.5, soft_budget=8, budget_duration="30d", tpm_limit=9, allowed_models=["gpt-4o"])
    litellm.insert(
        "LiteLLM_OrganizationTable",
        organization_id="o1",
        organization_alias="Acme",
        budget_id="b1",
        models=["gpt-4o"],
        metadata={"cost_centre": 7},
        created_by="root",
        created_at=plain,
    )
    litellm.user(
        "alice",
        user_alias="Alice",
        user_email="Alice@example.com",
        user_role="proxy_admin_viewer",
        models=["gpt-4o"],
        metadata={"floor": 3},
        max_budget=3,
        budget_duration="1d",
        created_at=plain,
        spend=99.0,
        password="scrypt:hidden",
    )
    litellm.user("bob", user_role="internal_user")
    litellm.insert(
        "LiteLLM_OrganizationMembership", user_id="alice", organization_id="o1", user_role="org_admin", budget_id="b1"
    )
    litellm.insert("LiteLLM_ModelTable", aliases={"fast": "gpt-4o-mini"})
    litellm.team(
        "t1",
        team_alias="Search",
        organization_id="o1",
        members_with_roles=[{"role": "admin", "user_id": "alice"}, {"role": "user", "user_id": "bob"}],
        metadata={"team_member_budget_id": "b1", "tags": ["x"]},
        models=["gpt-4o", "gpt-4o-mini"],
        blocked=False,
        rpm_limit=100,
        soft_budget=5,
        team_member_permissions=["/key/generate"],
        default_team_member_models=["gpt-4o-mini"],
        router_settings={"num_retries": 1},
        budget_limits=[{"budget_duration": "1h", "max_budget": 1.0, "reset_at": "2026-11-23T13:00:00Z"}],
        model_id=1,
        created_at=plain,
    )
    litellm.insert("LiteLLM_TeamMembership", user_id="bob", team_id="t1", budget_id="b1")
    token = litellm.key(
        KEY,
        key_alias="alice's key",
        user_id="alice",
        team_id="t1",
        organization_id="o1",
        budget_id="b1",
        models=["gpt-4o"],
        allowed_routes=["llm_api_routes"],
        aliases={"mine": "gpt-4o"},
        metadata={"temp_budget_increase": 2.5, "temp_budget_expiry": "2026-12-24T00:00:00Z", "team": "x"},
        max_budget=1.25,
        budget_duration="10d",
        budget_reset_at="2026-11-30",
        model_max_budget={"gpt-4o": {"max_budget": 1, "budget_duration": "1d"}, "o4-mini": 2},
        budget_fallbacks={"gpt-4o": ["gpt-4o-mini"]},
        tpm_limit=1000,
        rpm_limit=10,
        max_parallel_requests=2,
        expires="2027-01-01",
        created_at=plain,
        created_by="alice",
        auto_rotate=True,
        rotation_interval="30d",
        key_rotation_at="2026-12-01",
        key_type="llm_api",
    )
    litellm.insert(
        "LiteLLM_DeprecatedVerificationToken",
        id="d1",
        token=litellm.hash_of(FORMER),
        active_token_id=token,
        revoke_at="2026-11-24",
    )
    litellm.insert(
        "LiteLLM_EndUserTable",
        user_id="c1",
        alias="Customer",
        blocked=True,
        budget_id="b1",
        allowed_model_region="eu",
        default_model="gpt-4o",
    )
    litellm.insert("LiteLLM_TagTable", tag_name="beta", description="Trials", models=["m1"], budget_id="b1")
    litellm.model(
        "m1",
        encrypted({"model": "openai/gpt-4o", "api_key": "sk-provider", "api_base": "https://api.example", "rpm": 5}),
        model_info={"id": "m1", "db_model": True, "base_model": "gpt-4o"},
        created_at=plain,
    )
    return litellm


def test_a_key_keeps_everything_but_its_spend(picture: LiteLLM, bring_over: BringOver) -> None:
    bring_over()

    key = VirtualKey.objects.get()
    assert (key.name, key.alias, key.key_type) == ("sk-...0123", "alice's key", "llm_api")
    assert (key.user_id, key.team_id, key.organization_id, key.budget_id) == ("alice", "t1", "o1", "b1")
    assert (key.allowed_models, key.allowed_routes, key.aliases) == (["gpt-4o"], ["llm_api_routes"], {"mine": "gpt-4o"})
    assert (key.max_budget_nano, key.budget_duration) == (1_250_000_000, "10d")
    assert key.budget_started_at == datetime(2026, 11, 20, tzinfo=UTC), "the period ends when it would have"
    assert (key.temp_budget_increase_nano, key.temp_budget_expiry) == (
        2_500_000_000,
        datetime(2026, 12, 24, tzinfo=UTC),
    )
    assert key.model_max_budget == {
        "gpt-4o": {"budget_limit": 1.0, "time_period": "1d"},
        "o4-mini": {"budget_limit": 2.0},
    }
    assert key.metadata == {"team": "x"}
    assert key.budget_fallbacks == {"gpt-4o": ["gpt-4o-mini"]}
    assert (key.tpm_limit, key.rpm_limit, key.max_parallel_requests) == (1000, 10, 2)
    assert (key.expires_at, key.blocked) == (datetime(2027, 1, 1, tzinfo=UTC), False)
    assert (key.auto_rotate, key.rotation_interval, key.rotates_at) == (True, "30d", datetime(2026, 12, 1, tzinfo=UTC))
    assert (key.created_at, key.created_by, key.updated_by) == (MADE_AT, "alice", "import-litellm")


def test_the_old_key_is_known_to_requests(picture: LiteLLM, bring_over: BringOver) -> None:
    bring_over()

    snapshot = load_keys(admin_id=ADMIN_USER_ID)
    found = snapshot.find(picture.hash_of(KEY), now=NOW)
    assert found is not None
    assert (found.user_id, found.team_alias, found.organization_id) == ("alice", "Search", "o1")
    assert (found.user_email, found.role) == ("Alice@example.com", "proxy_admin_viewer")
    assert found.aliases == {"fast": "gpt-4o-mini", "mine": "gpt-4o"}
    assert snapshot.find(picture.hash_of(FORMER), now=NOW) == found, "a former key works until its grace period ends"
    assert snapshot.find(picture.hash_of(FORMER), now=NOW + timedelta(days=2)) is None
    assert snapshot.find(picture.hash_of("sk-another"), now=NOW) is None


def test_people_and_their_budgets_come_over(picture: LiteLLM, bring_over: BringOver) -> None:
    bring_over()

    budget = Budget.objects.get()
    assert (budget.max_budget_nano, budget.soft_budget_nano) == (10_500_000_000, 8_000_000_000)
    assert (budget.budget_duration, budget.tpm_limit, budget.allowed_models) == ("30d", 9, ["gpt-4o"])
    organization = Organization.objects.get()
    assert (organization.alias, organization.budget, organization.metadata) == ("Acme", budget, {"cost_centre": 7})
    assert (organization.created_at, organization.created_by) == (MADE_AT, "root")
    alice = User.objects.get(id="alice")
    assert (alice.username, alice.alias, alice.email) == ("alice", "Alice", "Alice@example.com")
    assert (alice.max_budget_nano, alice.metadata, alice.allowed_models) == (3_000_000_000, {"floor": 3}, ["gpt-4o"])
    assert (alice.is_staff, alice.is_superuser, alice.has_usable_password()) == (False, False, False)
    belongs = OrganizationMembership.objects.get()
    assert (belongs.user_id, belongs.organization_id, belongs.role, belongs.budget_id) == (
        "alice",
        "o1",
        "org_admin",
        "b1",
    )
    team = Team.objects.get()
    assert (team.alias, team.organization_id, team.member_budget_id) == ("Search", "o1", "b1")
    assert (team.allowed_models, team.default_member_models) == (["gpt-4o", "gpt-4o-mini"], ["gpt-4o-mini"])
    assert (team.model_aliases, team.metadata) == ({"fast": "gpt-4o-mini"}, {"tags": ["x"]})
    assert team.budget_limits == [{"budget_duration": "1h", "max_budget": 1.0}]
    assert (team.member_permissions, team.router_settings) == (["/key/generate"], {"num_retries": 1})
    members = Membership.objects.order_by("user_id").values_list("team_id", "user_id", "role", "budget_id")
    assert list(members) == [("t1", "alice", "admin", None), ("t1", "bob", "user", "b1")]


def test_payers_and_models_come_over(picture: LiteLLM, bring_over: BringOver) -> None:
    bring_over(salt_key=SALT)

    customer = Customer.objects.get()
    assert (customer.id, customer.alias, customer.blocked, customer.budget_id) == ("c1", "Customer", True, "b1")
    assert (customer.allowed_model_region, customer.default_model) == ("eu", "gpt-4o")
    tag = Tag.objects.get()
    assert (tag.name, tag.description, tag.deployment_ids, tag.budget_id) == ("beta", "Trials", ["m1"], "b1")
    model = Deployment.objects.get()
    assert (model.id, model.model_name, model.blocked) == ("m1", "gpt-4o", False)
    assert model.litellm_params == {"model": "openai/gpt-4o", "api_base": "https://api.example", "rpm": 5}
    assert model.secret_params() == {"api_key": "sk-provider"}
    assert model.model_info == {"base_model": "gpt-4o"}
    assert model.created_at == MADE_AT


def test_the_table_counts_every_row_and_nothing_is_left_out(picture: LiteLLM, bring_over: BringOver) -> None:
    report = bring_over(salt_key=SALT)

    assert {kind: (counts["found"], counts["new"]) for kind, counts in report.counts.items()} == {
        "budgets": (1, 1),
        "organizations": (1, 1),
        "users": (2, 2),
        "organization members": (1, 1),
        "teams": (1, 1),
        "team members": (2, 2),
        "keys": (1, 1),
        "former keys": (1, 1),
        "customers": (1, 1),
        "tags": (1, 1),
        "models": (1, 1),
    }
    assert report.reasons(SKIPPED) == report.reasons(MENDED) == []
    text = "\n".join(report.lines())
    assert "spend is counted from the first call here" in text
    assert KEY not in text
    assert picture.hash_of(KEY) not in text


def test_the_trail_says_that_the_import_made_each_row(picture: LiteLLM, bring_over: BringOver) -> None:
    bring_over(salt_key=SALT)

    entries = AuditEntry.objects.filter(actor_id="import-litellm").exclude(object_id=ADMIN_USER_ID)
    assert entries.count() == 13
    assert set(entries.values_list("action", "source")) == {("created", "command")}
    entry = entries.get(object_type="key")
    assert entry.object_label == "alice's key"
    assert entry.after is not None
    assert entry.after["max_budget"] == 1.25, "in dollars, as every entry"
    assert "sk-provider" not in str(list(AuditEntry.objects.values()))


def test_every_process_is_told_to_load_again(picture: LiteLLM, bring_over: BringOver) -> None:
    before = revisions.current()
    bring_over(salt_key=SALT)

    after = revisions.current()
    assert after["keys"] > before.get("keys", 0)
    assert after["deployments"] > before.get("deployments", 0)


def test_twice_changes_nothing(picture: LiteLLM, bring_over: BringOver) -> None:
    bring_over(salt_key=SALT)
    entries, revision = AuditEntry.objects.count(), revisions.current()
    keys = list(VirtualKey.objects.values())
    picture.execute('UPDATE "LiteLLM_VerificationToken" SET spend = 5, budget_reset_at = now(), updated_at = now()')

    report = bring_over(salt_key=SALT, now=NOW + timedelta(hours=5))

    assert all(counts["unchanged"] == counts["found"] for counts in report.counts.values()), report.lines()
    assert AuditEntry.objects.count() == entries
    assert revisions.current() == revision
    assert list(VirtualKey.objects.values()) == keys
    assert RetiredToken.objects.count() == 1


def test_a_dry_run_does_all_of_it_and_writes_nothing(picture: LiteLLM, bring_over: BringOver) -> None:
    report = bring_over(salt_key=SALT, dry_run=True)

    assert report.counts["keys"]["new"] == 1
    assert "dry run" in report.notes[0]
    assert [model.objects.count() for model in (Budget, Team, User, VirtualKey, Deployment, AuditEntry)] == [0] * 6
    assert revisions.current() == {}


def test_litellms_database_is_left_as_it_was(picture: LiteLLM, bring_over: BringOver) -> None:
    before = picture.dump()
    bring_over(salt_key=SALT)

    assert picture.dump() == before
