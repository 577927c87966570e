"""Databases of other versions, databases that are none of LiteLLM's, and addresses that lead nowhere."""

from uuid import uuid4

import psycopg
import pytest

from gateway_project.launch import LaunchError
from gateway_project.litellm_import.address import read_address
from gateway_project.litellm_import.source import open_source
from teams.models import Customer, Membership, Team, VirtualKey
from tests.gateway_project.litellm_import.conftest import BringOver
from tests.gateway_project.litellm_import.litellm import SCHEMA, LiteLLM

PASSWORD = "hunter2-hidden"


@pytest.mark.django_db
def test_an_older_version_lacks_tables_and_columns(empty_litellm: LiteLLM, bring_over_from: BringOver) -> None:
    keys = {"budget_limits", "budget_fallbacks", "key_type", "rotation_interval", "allowed_routes", "router_settings"}
    empty_litellm.create(
        without={
            "LiteLLM_TagTable": set(),
            "LiteLLM_OrganizationTable": set(),
            "LiteLLM_CredentialsTable": set(),
            "LiteLLM_ModelTable": set(),
            "LiteLLM_TeamMembership": set(),
            "LiteLLM_VerificationToken": keys,
            "LiteLLM_TeamTable": {"model_id", "soft_budget"},
        }
    )
    empty_litellm.key("sk-of-an-old-version", key_alias="old")
    empty_litellm.team("t1", members_with_roles=[{"user_id": "u1", "role": "user"}])
    report = bring_over_from(empty_litellm)

    assert VirtualKey.objects.get().alias == "old"
    assert (Team.objects.count(), Membership.objects.count()) == (1, 1)
    assert report.counts["tags"]["found"] == 0
    assert "LiteLLM's database has no table LiteLLM_TagTable" in report.notes
    assert "LiteLLM's table LiteLLM_TeamTable has no model_id" in report.notes


@pytest.mark.django_db
def test_a_newer_version_may_have_more(litellm: LiteLLM, bring_over: BringOver) -> None:
    litellm.execute('ALTER TABLE "LiteLLM_EndUserTable" ADD models text[], ADD something point')
    litellm.insert("LiteLLM_EndUserTable", user_id="c1")
    litellm.execute("""UPDATE "LiteLLM_EndUserTable" SET models = '{gpt-4o}', something = '(1,2)'""")
    bring_over()

    assert Customer.objects.get().allowed_models == ["gpt-4o"]


@pytest.mark.django_db
def test_another_schema_is_named_as_prisma_names_it(litellm: LiteLLM, bring_over_from: BringOver) -> None:
    litellm.execute("ALTER SCHEMA public RENAME TO llm")
    litellm.url = litellm.url_with(schema="llm", connection_limit="10", pool_timeout="60", pgbouncer="true")

    assert bring_over_from(litellm).counts["keys"]["found"] == 0


def test_the_database_is_read_only_and_of_one_moment(litellm: LiteLLM) -> None:
    litellm.insert("LiteLLM_TagTable", tag_name="before")
    with open_source(litellm.url) as source:
        first = list(source.rows("LiteLLM_TagTable", ["tag_name"], order=["tag_name"]))
        litellm.insert("LiteLLM_TagTable", tag_name="meanwhile")
        again = list(source.rows("LiteLLM_TagTable", ["tag_name"], order=["tag_name"]))
        assert first == again == [{"tag_name": "before"}]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            source._connection.execute('DELETE FROM "LiteLLM_TagTable"')


def test_rows_are_streamed(litellm: LiteLLM) -> None:
    litellm.execute("""INSERT INTO "LiteLLM_TagTable" (tag_name) SELECT 'tag ' || n FROM generate_series(1, 5000) n""")
    with open_source(litellm.url) as source:
        rows = source.rows("LiteLLM_TagTable", ["tag_name"], order=["tag_name"])
        next(rows)
        open_cursors = source._connection.execute("SELECT count(*) FROM pg_cursors WHERE name LIKE 'litellm%'")
        assert open_cursors.fetchone() == (1,)
        assert sum(1 for _ in rows) == 4999


def test_a_database_that_goes_away_is_told_in_a_sentence(litellm: LiteLLM) -> None:
    litellm.execute("""INSERT INTO "LiteLLM_TagTable" (tag_name) SELECT 'tag ' || n FROM generate_series(1, 5000) n""")
    with open_source(litellm.url) as source:
        rows = source.rows("LiteLLM_TagTable", ["tag_name"], order=["tag_name"])
        next(rows)
        (pid,) = source._connection.execute("SELECT pg_backend_pid()").fetchone() or (None,)
        litellm.execute(f"SELECT pg_terminate_backend({pid})")
        with pytest.raises(LaunchError, match="LiteLLM_TagTable cannot be read"):
            list(rows)


def test_a_database_without_litellms_tables_is_told(empty_litellm: LiteLLM) -> None:
    with pytest.raises(LaunchError, match="no LiteLLM database"), open_source(empty_litellm.url):
        pass


def test_a_table_of_the_same_name_that_is_something_else_is_told(litellm: LiteLLM) -> None:
    litellm.execute('ALTER TABLE "LiteLLM_UserTable" RENAME user_id TO id')
    with (
        open_source(litellm.url) as source,
        pytest.raises(LaunchError, match="LiteLLM_UserTable has no column user_id"),
    ):
        list(source.rows("LiteLLM_UserTable", list(SCHEMA["LiteLLM_UserTable"]), order=["user_id"]))


def test_what_may_not_be_read_is_told_and_not_taken_for_missing(litellm: LiteLLM) -> None:
    role = f"reader_{uuid4().hex}"
    litellm.execute(f"CREATE ROLE {role}")
    try:
        litellm.execute(f'GRANT SELECT (token) ON "LiteLLM_VerificationToken" TO {role}')
        with (
            open_source(litellm.url_with(options=f"-c role={role}")) as source,
            pytest.raises(LaunchError, match="LiteLLM_VerificationToken cannot be read: permission denied"),
        ):
            list(source.rows("LiteLLM_VerificationToken", ["token", "blocked"], order=["token"]))
    finally:
        litellm.execute(f"DROP OWNED BY {role}")
        litellm.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"mysql://u:{PASSWORD}@h/db", "must be a PostgreSQL URL"),
        (f"u:{PASSWORD}@h/db", "must be a PostgreSQL URL"),
        ("", "must be a PostgreSQL URL"),
        (f"postgresql://u:{PASSWORD}@h:notaport/db", "its host or port cannot be read"),
        (f"postgresql://u:{PASSWORD}@[::1/db", "cannot be read"),
        (f"postgresql://u:{PASSWORD}/x@h/db", "percent-encoded"),
        (f"postgresql://u:{PASSWORD}#x@h/db", "percent-encoded"),
        (f"postgresql://u:{PASSWORD}?x@h/db", "percent-encoded"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/db", "at 127.0.0.1/db cannot be opened: .*refused"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/db?sslmode={PASSWORD}", "cannot be opened"),
        (f"postgresql://u@127.0.0.1:1/db?password={PASSWORD}&port=x{PASSWORD}", "cannot be opened"),
        (f"postgresql://u:{PASSWORD}@[::1]:1/db", "at ::1/db cannot be opened"),
        (f"postgresql://u:{PASSWORD}%00@127.0.0.1:1/db", "cannot be opened"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:99999/db", "cannot be opened"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_in_a_sentence_without_the_password(url: str, sentence: str) -> None:
    with pytest.raises(LaunchError, match=sentence) as error, open_source(url):
        pass

    assert PASSWORD not in str(error.value)
    assert "\n" not in str(error.value)


def test_a_user_that_there_is_not_is_told(litellm: LiteLLM) -> None:
    url = litellm.url_with(user="nobody_at_all", password=PASSWORD)
    with pytest.raises(LaunchError, match="nobody_at_all") as error, open_source(url):
        pass

    assert PASSWORD not in str(error.value)


def test_an_address_is_taken_apart_as_postgresql_does() -> None:
    address = read_address("postgres://us%40er:p%2Fw@one:5432,two:5433/name?sslmode=require&connection_limit=5")

    assert address.parameters == {
        "user": "us@er",
        "password": "p/w",
        "host": "one,two",
        "port": "5432,5433",
        "dbname": "name",
        "sslmode": "require",
    }
    assert (address.schema, address.shown) == ("public", "one,two/name")
    assert "p/w" not in repr(address)
