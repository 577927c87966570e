"""Which channels an event goes to, and why it goes to none."""

from collections.abc import Mapping

import pytest

from alerts.core.routing import Decision, Reason, Routing, route


@pytest.mark.parametrize(
    ("channels", "decision"),
    [
        ({}, Decision(Reason.NO_ROUTE)),
        ({"": [1]}, Decision(Reason.DELIVER, (1,))),
        ({"budget_alerts": [2], "": [1]}, Decision(Reason.DELIVER, (2,))),
        ({"budget_alerts": [], "": [1]}, Decision(Reason.DELIVER, (1,))),
        ({"budget_alerts": [3, 2, 3]}, Decision(Reason.DELIVER, (2, 3))),
        ({"outage_alerts": [9]}, Decision(Reason.NO_ROUTE)),
    ],
)
def test_the_types_own_channels_come_first(channels: Mapping[str, list[int]], decision: Decision) -> None:
    assert route("budget_alerts", Routing(frozenset({"budget_alerts"}), channels)) == decision


def test_a_type_that_is_switched_off_goes_nowhere() -> None:
    routing = Routing(frozenset({"outage_alerts"}), {"budget_alerts": [1], "": [1]})

    assert route("budget_alerts", routing) == Decision(Reason.TYPE_DISABLED)
