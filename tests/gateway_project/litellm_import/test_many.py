"""Many keys come over in batches."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams.models import AuditEntry, VirtualKey
from tests.gateway_project.litellm_import.conftest import BringOver
from tests.gateway_project.litellm_import.litellm import LiteLLM

pytestmark = pytest.mark.django_db

KEYS = 20_000


def fill(litellm: LiteLLM, keys: int) -> None:
    litellm.execute(
        f"""INSERT INTO "LiteLLM_VerificationToken"
            (token, key_name, key_alias, user_id, team_id, models, metadata, max_budget, budget_duration, rpm_limit)
            SELECT encode(sha256(n::text::bytea), 'hex'), 'sk-...' || lpad((n % 10000)::text, 4, '0'), 'key ' || n,
                   'user ' || n % 1000, 'team ' || n % 100, ARRAY['gpt-4o'], '{{"floor": 3}}', 10, '30d', 100
            FROM generate_series(1, {keys}) n"""
    )
    litellm.execute("""INSERT INTO "LiteLLM_UserTable" (user_id) SELECT 'user ' || n FROM generate_series(0, 999) n""")
    litellm.execute("""INSERT INTO "LiteLLM_TeamTable" (team_id) SELECT 'team ' || n FROM generate_series(0, 99) n""")


def test_twenty_thousand_keys_are_written_in_batches(litellm: LiteLLM, bring_over: BringOver) -> None:
    fill(litellm, KEYS)
    with CaptureQueriesContext(connection) as queries:
        began = time.perf_counter()
        report = bring_over()
        seconds = time.perf_counter() - began
    print(f"{KEYS:,} keys on {connection.vendor}: {seconds:.1f} s, {len(queries):,} statements")

    assert report.counts["keys"]["new"] == VirtualKey.objects.count() == KEYS
    assert AuditEntry.objects.filter(object_type="key").count() == KEYS
    assert len(queries) < KEYS / 4, "not row by row"


def test_seeing_that_nothing_changed_takes_few_statements(litellm: LiteLLM, bring_over: BringOver) -> None:
    fill(litellm, 3000)
    bring_over()
    with CaptureQueriesContext(connection) as queries:
        report = bring_over()

    assert report.counts["keys"]["unchanged"] == 3000
    assert len(queries) < 100
