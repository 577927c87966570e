"""Rows that are none of ours, that name what is not there, or that another row stands in the way of; with reasons."""

import pytest

from gateway_project.litellm_import.report import MENDED, SKIPPED
from proxy.models import Deployment
from teams.models import Customer, Membership, OrganizationMembership, Team, User, VirtualKey
from tests.gateway_project.litellm_import.conftest import BringOver
from tests.gateway_project.litellm_import.litellm import SALT, LiteLLM
from tests.settings import MASTER_KEY_UNDER_TEST

pytestmark = pytest.mark.django_db

LONG = "x" * 300


def test_the_dashboards_sessions_are_left_out(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key("sk-session-of-somebody", team_id="litellm-dashboard", expires="2020-01-01")
    report = bring_over()

    assert report.reasons(SKIPPED) == [("keys", "is a session of LiteLLM's own pages")]
    assert (VirtualKey.objects.count(), Team.objects.count()) == (0, 0)


@pytest.mark.parametrize("master_key", [MASTER_KEY_UNDER_TEST, SALT])
def test_the_master_key_is_left_out(litellm: LiteLLM, bring_over: BringOver, master_key: str) -> None:
    litellm.key(master_key)
    report = bring_over(salt_key=SALT)

    assert report.reasons(SKIPPED) == [("keys", "is LiteLLM's master key, which is no virtual key")]
    assert VirtualKey.objects.count() == 0


def test_the_master_keys_well_known_name_is_left_out(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.insert("LiteLLM_VerificationToken", token="litellm_proxy_master_key")

    assert bring_over().reasons(SKIPPED) == [("keys", "is LiteLLM's master key, which is no virtual key")]


def test_the_global_budgets_row_is_no_user(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("litellm-proxy-budget", max_budget=100)

    assert bring_over().reasons(SKIPPED) == [("users", "is LiteLLM's row for its budget of everything, and no user")]


def test_a_key_that_was_kept_in_clear_works_and_is_not_kept_in_clear(litellm: LiteLLM, bring_over: BringOver) -> None:
    plain = "sk-in-clear-in-an-old-version"
    litellm.insert("LiteLLM_VerificationToken", token=plain, key_name=plain)
    report = bring_over()

    key = VirtualKey.objects.get()
    assert (key.token_hash, key.name) == (litellm.hash_of(plain), "sk-...sion")
    assert plain not in "\n".join(report.lines())


def test_a_token_that_is_no_hash_is_left_out_and_not_printed(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.insert("LiteLLM_VerificationToken", token="my-own-hidden-key")
    report = bring_over()

    assert report.reasons(SKIPPED) == [("keys", "its token is no SHA-256 hash, so no key can be known by it")]
    assert "my-own-hidden-key" not in "\n".join(report.lines())


def test_a_name_that_is_not_masked_is_masked(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.insert("LiteLLM_VerificationToken", token="ab" * 32, key_name="sk-0123456789-in-clear")
    bring_over()

    assert VirtualKey.objects.get().name == "sk-...lear"


def test_what_is_missing_is_made_where_it_gives_nobody_more(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key("sk-of-nobody-known", user_id="ghost", team_id="gone")
    litellm.team("t1", members_with_roles=[{"user_id": "spirit", "role": "user"}])
    report = bring_over()

    key = VirtualKey.objects.get()
    assert (key.user_id, key.team_id, key.blocked) == ("ghost", "gone", False)
    assert User.objects.get(id="ghost").role == "internal_user"
    assert list(Membership.objects.values_list("team_id", "user_id")) == [("t1", "spirit")]
    assert set(report.reasons(MENDED)) == {
        ("team members", "names a user that LiteLLM has no row of, so an empty one was made"),
        ("keys", "names a user that LiteLLM has no row of, so an empty one was made"),
        ("keys", "names a team that LiteLLM has no row of, so an empty one was made"),
    }
    second = bring_over()
    assert second.counts["keys"]["unchanged"] == second.counts["team members"]["unchanged"] == 1


def test_a_key_whose_organization_is_gone_is_blocked(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key("sk-of-an-organization", organization_id="gone")
    litellm.team("t1", organization_id="gone")
    report = bring_over()

    key, team = VirtualKey.objects.get(), Team.objects.get()
    assert (key.organization_id, key.blocked) == (None, True)
    assert (team.organization_id, team.blocked) == (None, True)
    assert ("keys", "its organization is not here, so it is blocked") in report.reasons(MENDED)


def test_a_key_whose_team_cannot_be_made_is_blocked(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.team(LONG, models=["gpt-4o"])
    litellm.key("sk-of-a-team-with-a-long-name", team_id=LONG)
    report = bring_over()

    assert VirtualKey.objects.get().blocked
    assert ("keys", "its team is not here, so it is blocked") in report.reasons(MENDED)
    assert ("teams", "its id is longer than 255 characters") in report.reasons(SKIPPED)


def test_a_budget_that_is_gone_is_dropped(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.insert("LiteLLM_EndUserTable", user_id="c1", budget_id="gone")
    report = bring_over()

    assert Customer.objects.get().budget is None
    assert report.reasons(MENDED) == [("customers", "its budget is not here, so it has none")]


def test_a_membership_of_an_organization_that_is_gone_is_left_out(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.insert("LiteLLM_OrganizationMembership", user_id="u", organization_id="gone")
    report = bring_over()

    assert report.reasons(SKIPPED) == [("organization members", "its organization is not here")]
    assert OrganizationMembership.objects.count() == 0


def test_who_is_not_in_the_teams_own_list_is_no_member(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("u1")
    for team_id in ("a", "c"):
        litellm.team(team_id, members_with_roles=[{"user_id": "u1", "role": "user"}])
    for team_id in ("a", "b", "c", "d"):
        litellm.insert("LiteLLM_TeamMembership", team_id=team_id, user_id="u1")
    litellm.insert("LiteLLM_TeamMembership", team_id="a", user_id="u2")
    report = bring_over()

    members = Membership.objects.order_by("team_id").values_list("team_id", "user_id")
    assert list(members) == [("a", "u1"), ("c", "u1")]
    assert report.counts["team members"]["skipped"] == 3
    assert report.reasons(SKIPPED) == [("team members", "is not among the members that the team itself lists")]


def test_the_older_lists_of_members_and_admins_count_too(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("u1")
    litellm.user("u2")
    litellm.team("t", members=["u1", "u2"], admins=["u2"], members_with_roles=[{"user_id": "u1", "role": "user"}])
    bring_over()

    members = Membership.objects.order_by("user_id").values_list("user_id", "role")
    assert list(members) == [("u1", "user"), ("u2", "admin")]


def test_members_invited_by_e_mail_are_found_by_it(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("u1", user_email="One@example.com")
    litellm.team(
        "t",
        members_with_roles=[
            {"user_id": None, "user_email": "one@EXAMPLE.com", "role": "admin"},
            {"user_email": "nobody@example.com", "role": "user"},
            {"role": "user"},
            "nonsense",
        ],
    )
    report = bring_over()

    assert list(Membership.objects.values_list("user_id", "role")) == [("u1", "admin")]
    assert set(report.reasons(SKIPPED)) == {
        ("team members", "is known by an e-mail address only, and no user here has it"),
        ("team members", "names no user"),
    }
    assert bring_over().counts["team members"]["unchanged"] == 1


def test_a_member_named_by_id_and_by_e_mail_is_one(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("u1", user_email="one@example.com")
    litellm.team("t", members_with_roles=[{"user_id": "u1"}, {"user_email": "one@example.com"}])
    report = bring_over()

    assert Membership.objects.count() == 1
    assert report.reasons(SKIPPED) == [("team members", "is in the list of members twice")]


def test_the_second_user_with_an_e_mail_address_goes_without(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("u1", user_email="same@example.com")
    litellm.user("u2", user_email="SAME@example.com")
    litellm.user("u3", user_email="y" * 250 + "@example.com")
    report = bring_over()

    emails = User.objects.filter(id__startswith="u").order_by("id").values_list("email", flat=True)
    assert list(emails) == ["same@example.com", "", ""]
    assert set(report.reasons(MENDED)) == {
        ("users", "its e-mail address is another user's too, and left out"),
        ("users", "its e-mail address is too long, and left out"),
    }
    assert bring_over().counts["users"]["unchanged"] == 3


def test_a_user_called_as_the_admin_here_is_not_the_admin(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("admin", user_role="internal_user")
    bring_over()

    assert User.objects.get(id="admin").username == "admin (LiteLLM)"
    assert User.objects.get(id="default_user_id").username == "admin"


def test_the_second_key_with_an_alias_keeps_working(litellm: LiteLLM, bring_over: BringOver) -> None:
    tokens = sorted([litellm.key("sk-one-of-two", key_alias="prod"), litellm.key("sk-two-of-two", key_alias="prod")])
    report = bring_over()

    aliases = VirtualKey.objects.order_by("token_hash").values_list("token_hash", "alias")
    assert list(aliases) == [(tokens[0], "prod"), (tokens[1], f"prod {tokens[1][:8]}")]
    assert report.reasons(MENDED) == [("keys", "its alias is another key's too, so its hash is added")]
    assert bring_over().counts["keys"]["unchanged"] == 2


def test_models_that_name_nothing_are_left_out(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.model("m1", {"api_key": "k"})
    litellm.model("m2", {"model": "openai/gpt-4o"}, model_name="")
    litellm.model("m3", {"model": "martian/gpt-4o"})
    report = bring_over()

    assert [model.id for model in Deployment.objects.all()] == ["m3"]
    assert report.reasons(SKIPPED) == [
        ("models", "its litellm_params name no model"),
        ("models", "its model_name is empty or longer than 255 characters"),
    ]
    assert report.reasons(MENDED) == [("models", "its provider is not offered here, so it takes no requests")]


def test_former_keys_that_lead_nowhere_are_left_out(litellm: LiteLLM, bring_over: BringOver) -> None:
    token = litellm.key("sk-that-is-current")
    table = "LiteLLM_DeprecatedVerificationToken"
    for number, (former, active, ends) in enumerate(
        [("aa" * 32, "bb" * 32, "2027-01-01"), ("cc" * 32, token, "2020-01-01"), ("x", token, "2027-01-01")]
    ):
        litellm.insert(table, id=str(number), token=former, active_token_id=active, revoke_at=ends)
    litellm.insert(table, id="9", token=token, active_token_id=token, revoke_at="2027-01-01")
    report = bring_over()

    assert {reason for _, reason in report.reasons(SKIPPED)} == {
        "its successor is not here",
        "its grace period is over",
        "its token is no SHA-256 hash, so no key can be known by it",
        "is a key of its own here",
    }


def test_what_has_nothing_like_it_here_is_counted(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key("sk-of-a-project", project_id="p1", policies=["p"])
    litellm.key("sk-of-another-project", project_id="p2")
    report = bring_over()

    assert "keys: there is nothing like project_id here; it stays behind (rows: 2)" in report.notes
    assert "keys: there is nothing like policies here; it stays behind (rows: 1)" in report.notes


def test_of_many_rows_with_one_reason_some_are_named(litellm: LiteLLM, bring_over: BringOver) -> None:
    for number in range(30):
        litellm.key(f"sk-session-number-{number}", team_id="litellm-dashboard")
    lines = bring_over().lines()

    assert sum("a session of LiteLLM's own pages" in line for line in lines) == 21
    assert "  keys: and 10 more: is a session of LiteLLM's own pages" in lines
