"""How many users, teams and members there are, as metrics."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from proxy.exposition import TextFamily
from proxy.metrics.gauges import Gauges, alias_value
from proxy.metrics.labels import label_value
from teams.holders import Counts


@dataclass(slots=True, eq=False)
class CountMetrics:
    """A collector."""

    gauges: Gauges
    read: Callable[[], Counts]
    label: str = "counts"

    def describe(self) -> list[TextFamily]:
        return []

    def collect(self) -> Iterator[TextFamily]:
        counts = self.read()
        for name, number in (
            ("litellm_total_users", counts.users),
            ("litellm_active_users", counts.active_users),
            ("litellm_teams_count", len(counts.members)),
        ):
            yield from self.gauges.of(name, [({}, number)])
        # The largest first: those are missed most.
        teams = sorted(counts.members.items(), key=lambda pair: -pair[1])
        yield from self.gauges.of(
            "litellm_team_members_metric",
            (
                ({"team": label_value(team), "team_alias": alias_value(counts.aliases[team])}, number)
                for team, number in teams
            ),
        )
