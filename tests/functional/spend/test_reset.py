"""POST /global/spend/reset: keys and teams begin anew, and the ledger stays."""

from collections.abc import Iterator

import httpx
import pytest

from teams.keys import hash_key
from tests.fakes.upstream import FakeUpstream
from tests.functional.management.answers import asked
from tests.functional.management.callers import made, wait_until_known
from tests.functional.management.conftest import own_store
from tests.gateway import Gateway, Store, chat, model

__all__ = ["own_store"]


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, own_store: Store, shared_upstream: FakeUpstream
) -> Iterator[Gateway]:
    """One of its own: a reset is everybody's."""
    priced = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.001}
    with Gateway(
        tmp_path_factory.mktemp("reset"),
        {"model_list": [model("gpt-4o", shared_upstream.url, **priced)]},
        store=own_store,
    ) as running:
        yield running


def spent(admin: httpx.Client, key: str) -> tuple[float, float]:
    info = asked(admin, "/key/info", key=key)["info"]
    return info["spend"], info["total_spend"]


def test_spend_begins_anew_and_the_ledger_stays(gateway: Gateway) -> None:
    with gateway.client() as admin:
        made(admin, "/team/new", team_id="red")
        key = made(admin, "/key/generate", team_id="red")["key"]
        idle = made(admin, "/key/generate")["key"]
        wait_until_known(gateway, key)
        with gateway.client(key) as client:
            cost = float(client.post("/v1/chat/completions", json=chat()).headers["x-litellm-response-cost"])
        # Not a call of its own, but counted.
        made(admin, "/key/update", key=idle, spend=3)
        assert cost > 0
        assert (spent(admin, key), spent(admin, idle)) == ((cost, cost), (3.0, 0.0))

        answer = made(admin, "/global/spend/reset")

        assert answer == {"message": "Spend for all API Keys and Teams reset successfully", "status": "success"}
        assert (spent(admin, key), spent(admin, idle)) == ((0.0, cost), (0.0, 0.0))
        assert asked(admin, "/team/info", team_id="red")["team_info"]["spend"] == 0
        assert [row["spend"] for row in asked(admin, "/spend/logs", api_key=key)] == [cost]
        changes = asked(admin, "/audit", object_type="key", action="updated")["audit_logs"]
        told = {
            row["before_value"]["spend"]: row["updated_values"]
            for row in changes
            if row["before_value"].keys() == {"spend"}
        }
        assert (told[cost], told[3.0]) == ({"spend": 0.0}, {"spend": 0.0})
        assert asked(admin, "/audit", object_type="team", action="updated")["total"] == 1
        assert hash_key(key) in {row["token"] for row in asked(admin, "/spend/keys")}


def test_a_second_reset_changes_nothing(gateway: Gateway) -> None:
    with gateway.client() as admin:
        made(admin, "/global/spend/reset")
        was = asked(admin, "/audit")["total"]
        made(admin, "/global/spend/reset")

        assert asked(admin, "/audit")["total"] == was
