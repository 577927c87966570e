"""Values that cannot be kept as they are become what allows no more than before."""

import pytest

from gateway_project.litellm_import.report import MENDED, SKIPPED
from teams.models import Budget, Customer, Organization, OrganizationMembership, Tag, Team, User, VirtualKey
from teams.money import LARGEST_NANO
from tests.gateway_project.litellm_import.conftest import BringOver
from tests.gateway_project.litellm_import.litellm import LiteLLM

pytestmark = pytest.mark.django_db

LONG = "x" * 300


@pytest.mark.parametrize(
    ("dollars", "nano", "reason"),
    [
        (-1.0, 0, "its max_budget is no amount of 0 or more, and taken as 0"),
        (float("nan"), 0, "its max_budget is no amount of 0 or more, and taken as 0"),
        (float("-inf"), 0, "its max_budget is no amount of 0 or more, and taken as 0"),
        (float("inf"), LARGEST_NANO, "its max_budget is more than can be kept, and cut"),
        (1e300, LARGEST_NANO, "its max_budget is more than can be kept, and cut"),
    ],
)
def test_an_impossible_budget_grants_nothing_more(
    litellm: LiteLLM, bring_over: BringOver, dollars: float, nano: int, reason: str
) -> None:
    litellm.budget("b", max_budget=dollars)
    report = bring_over()

    assert Budget.objects.get().max_budget_nano == nano
    assert report.reasons(MENDED) == [("budgets", reason)]


def test_a_negative_rate_refuses_everything_as_it_did(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key("sk-with-negative-rate", rpm_limit=-1, tpm_limit=-5)
    report = bring_over()

    key = VirtualKey.objects.get()
    assert (key.rpm_limit, key.tpm_limit) == (0, 0)
    assert ("keys", "its rpm_limit is out of range, and taken as the nearest that can be kept") in report.reasons(
        MENDED
    )


@pytest.mark.parametrize(("given", "kept"), [("abc", ""), ("0d", ""), ("1y", ""), ("2mo", "60d"), (" 7d ", "7d")])
def test_a_duration_that_cannot_be_read_means_never(
    litellm: LiteLLM, bring_over: BringOver, given: str, kept: str
) -> None:
    litellm.key("sk-with-a-duration", budget_duration=given, max_budget=1, auto_rotate=True, rotation_interval=given)
    bring_over()

    key = VirtualKey.objects.get()
    assert (key.budget_duration, key.rotation_interval, key.auto_rotate) == (kept, kept, bool(kept))
    assert key.max_budget_nano == 10**9


@pytest.mark.parametrize("models", [[""], [None], [None, ""]])
def test_a_list_that_allowed_nothing_still_allows_nothing(
    litellm: LiteLLM, bring_over: BringOver, models: list[str | None]
) -> None:
    litellm.key("sk-that-may-nothing", models=models)
    bring_over()

    assert VirtualKey.objects.get().allowed_models == ["no-default-models"]


@pytest.mark.parametrize(
    ("expires", "works"),
    [("infinity", True), ("12026-01-01", True), ("-infinity", False), ("0044-03-15 BC", False)],
)
def test_dates_that_python_does_not_know(litellm: LiteLLM, bring_over: BringOver, expires: str, works: bool) -> None:
    litellm.key("sk-with-a-strange-end", expires=expires)
    bring_over()

    expires_at = VirtualKey.objects.get().expires_at
    assert (expires_at is None) is works
    assert works or (expires_at is not None and expires_at.year == 1970)


def test_json_of_another_shape_is_left_out(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key(
        "sk-with-strange-json",
        metadata=["a"],
        aliases="text",
        config=[],
        model_max_budget={"gpt-4o": {"budget_limit": "much"}, "o4-mini": [], "o3": {"max_budget": -1}},
        budget_limits=[{"budget_duration": "1d", "max_budget": 2, "reset_at": "x"}, {"max_budget": 1}, 7],
        permissions='{"within": "a text"}',
    )
    litellm.execute("""UPDATE "LiteLLM_VerificationToken" SET router_settings = '{"a": 1e999}'""")
    report = bring_over()

    key = VirtualKey.objects.get()
    assert (key.metadata, key.aliases, key.config, key.router_settings) == ({}, {}, {}, {})
    assert key.permissions == {"within": "a text"}
    assert key.budget_limits == [{"budget_duration": "1d", "max_budget": 2.0}]
    assert key.model_max_budget == {model: {"budget_limit": 0.0} for model in ("gpt-4o", "o4-mini", "o3")}
    assert ("keys", "its metadata is no JSON object that can be kept, and left out") in report.reasons(MENDED)


def test_deep_json_is_left_out(litellm: LiteLLM, bring_over: BringOver) -> None:
    deep = '{"a":' * 1500 + "1" + "}" * 1500
    litellm.key("sk-with-deep-json")
    litellm.execute(f"""UPDATE "LiteLLM_VerificationToken" SET metadata = '{deep}'""")
    bring_over()

    assert VirtualKey.objects.get().metadata == {}


def test_characters_that_postgresql_refuses_are_taken_out(litellm: LiteLLM, bring_over: BringOver) -> None:
    """Its own json type, unlike jsonb, lets them in."""
    litellm.execute('ALTER TABLE "LiteLLM_VerificationToken" ALTER metadata DROP DEFAULT, ALTER metadata TYPE json')
    litellm.key("sk-with-nul-in-metadata", key_alias="k")
    litellm.execute("""UPDATE "LiteLLM_VerificationToken" SET metadata = '{"na\\u0000me": ["a\\u0000b"]}'""")
    bring_over()

    assert VirtualKey.objects.get().metadata == {"name": ["ab"]}


def test_secrets_in_metadata_stay_behind(litellm: LiteLLM, bring_over: BringOver) -> None:
    logging = [{"callback_name": "langfuse", "callback_vars": {"langfuse_secret_key": "hidden-0123", "host": "h"}}]
    litellm.key("sk-with-callbacks", metadata={"logging": logging, "floor": 3})
    litellm.team("t", router_settings={"redis_password": "hidden-0123"})
    report = bring_over()

    assert VirtualKey.objects.get().metadata == {
        "logging": [{"callback_name": "langfuse", "callback_vars": {"host": "h"}}],
        "floor": 3,
    }
    assert Team.objects.get().router_settings == {}
    assert ("keys", "parts of its metadata may be secret, and stay behind") in report.reasons(MENDED)
    assert "hidden-0123" not in "\n".join(report.lines())


def test_texts_that_are_too_long_are_cut_and_ids_are_not(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.key("sk-with-a-long-alias", key_alias=LONG)
    litellm.team("t", team_alias=LONG)
    litellm.user(LONG)
    litellm.budget(LONG)
    litellm.insert("LiteLLM_TagTable", tag_name=LONG)
    litellm.insert("LiteLLM_EndUserTable", user_id="")
    report = bring_over()

    assert VirtualKey.objects.get().alias == Team.objects.get().alias == "x" * 255
    assert (Budget.objects.count(), Tag.objects.count(), User.objects.count()) == (0, 0, 1)
    assert set(report.reasons(SKIPPED)) == {
        ("users", "its id is longer than 255 characters"),
        ("budgets", "its id is longer than 255 characters"),
        ("tags", "its id is longer than 255 characters"),
        ("customers", "has no id"),
    }


def test_roles_and_regions_that_are_unknown_become_the_least(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.user("u1", user_role="org_admin")
    litellm.insert("LiteLLM_OrganizationTable", organization_id="o", organization_alias="")
    litellm.insert("LiteLLM_OrganizationMembership", user_id="u1", organization_id="o", user_role="emperor")
    litellm.insert("LiteLLM_EndUserTable", user_id="c", allowed_model_region="mars")
    report = bring_over()

    assert User.objects.get(id="u1").role == OrganizationMembership.objects.get().role == "internal_user"
    assert Customer.objects.get().allowed_model_region == ""
    assert Organization.objects.get().alias == ""
    assert len(report.reasons(MENDED)) == 3


def test_a_hostile_alias_does_nothing_to_a_terminal(litellm: LiteLLM, bring_over: BringOver) -> None:
    alias = "\x1b[2J\x1b]0;owned\x07\r\n<script>\u202e" + "a" * 500
    litellm.key("sk-with-a-hostile-alias", key_alias=alias, budget_duration=alias)
    report = bring_over()

    key = VirtualKey.objects.get()
    assert key.alias == alias[:255], "what is typed is kept"
    lines = report.lines()
    assert any("<script>" in line for line in lines)
    assert all(line.isprintable() and len(line) < 400 for line in lines)
