"""How many users, teams and members there are."""

import pytest

from proxy.metrics.counts import CountMetrics
from proxy.metrics.gauges import Gauges
from proxy.metrics.settings import MetricSettings
from teams.holders import count
from teams.models import Membership, Team, User
from teams.services import ADMIN_USER_ID
from teams.snapshot import load_keys
from tests.proxy.metrics.page import Page

pytestmark = pytest.mark.django_db


def test_everybody_is_counted_as_the_rows_are_now() -> None:
    page = Page(CountMetrics(Gauges(MetricSettings.read({})), lambda: count(load_keys(admin_id=ADMIN_USER_ID))))
    before = page.value("litellm_total_users")
    users = [User.objects.create(id=name, username=name, is_active=name != "gone") for name in ("u", "v", "gone")]
    full, empty = Team.objects.create(id="t", alias="full"), Team.objects.create(id="e")
    for one in users:
        Membership.objects.create(team=full, user=one)

    assert page.value("litellm_total_users") == before + 3
    assert page.value("litellm_active_users") == before + 2
    assert page.value("litellm_teams_count") == 2
    assert page.samples("litellm_team_members_metric") == [
        ({"team": "t", "team_alias": "full"}, 3),
        ({"team": "e", "team_alias": ""}, 0),
    ]
    empty.delete()
    full.alias = "renamed"
    full.save()
    assert page.samples("litellm_team_members_metric") == [({"team": "t", "team_alias": "renamed"}, 3)]
