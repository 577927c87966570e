"""The gateway's own health checks are in the ledger, and in nobody's spend."""

from datetime import timedelta

import pytest
from django.db.models import Sum

from budgets import entries
from budgets.models import HEALTH_CHECK_KEY, LedgerEntry, Scope
from budgets.spend import spend_of, spend_of_keys
from teams.models import Team, User, VirtualKey
from teams.services import issue_key
from tests.budgets.builders import STARTED_AT, entry

pytestmark = pytest.mark.django_db
NOW = STARTED_AT + timedelta(minutes=1)


def test_nobodys_spend_includes_them() -> None:
    team, user = Team.objects.create(id="t"), User.objects.create(id="u", username="u")
    key = VirtualKey(alias="k", team=team, user=user)
    issue_key(key)
    mine = entry(key_hash=key.token_hash, team_id="t", user_id="u", end_user="c", amount_nano=5)
    probe = entry(key_hash=HEALTH_CHECK_KEY, call_type="/health", tags=[HEALTH_CHECK_KEY], amount_nano=1000)
    entries.insert([mine.encode(), probe.encode()])

    assert spend_of_keys([key], now=NOW)[key.pk].total_nano == 5
    for scope, name in ((Scope.TEAM, "t"), (Scope.USER, "u"), (Scope.CUSTOMER, "c")):
        assert spend_of(scope, {name: None})[name].total_nano == 5
    assert LedgerEntry.objects.of_clients().aggregate(total=Sum("amount_nano")) == {"total": 5}
    assert LedgerEntry.objects.aggregate(total=Sum("amount_nano")) == {"total": 1005}, "what the provider bills"
