"""The demo's incidents, told on a channel that sends nowhere; and what keeps everybody else quiet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from alerts import events
from alerts.events import AlertType
from alerts.past import Happened, Past, Quiet, keep, make_channel, make_silences
from budgets.budget_events import dollars
from gateway_project.demo_data import cast
from gateway_project.demo_data.marks import CHANNEL, MAKER, REMOVE_COMMAND
from gateway_project.demo_data.traffic import OUTAGE_BEFORE, OUTAGE_LASTS, SLOW_BEFORE
from teams.keys import DEMO_PREFIX
from teams.models import Team

# By one of these, every alert about somebody of the demo names them.
_LABELS = ("team_id", "user_id", "organization_id", "customer_id", "key_alias", "model", "deployment", "name")
_REPORTS = (AlertType.SPEND_REPORTS, AlertType.DAILY_REPORTS, AlertType.FALLBACK_REPORTS)
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def make_quiet(*, now: datetime) -> None:
    """The channel, its route, and silences that hold whatever the gateway itself finds about the demo."""
    everybody = f"{DEMO_PREFIX}*"
    make_channel(CHANNEL, matchers={"team_id": everybody}, now=now)
    about = [Quiet(f"Demo data: nobody is told of its {label}", matchers={label: everybody}) for label in _LABELS]
    reports = Quiet(f"Demo data would be in these reports: {REMOVE_COMMAND}", tuple(str(one) for one in _REPORTS))
    make_silences([*about, reports], maker=MAKER, now=now)


def make_trouble(*, now: datetime, seed: int) -> None:
    random = Random(f"trouble {seed}")  # noqa: S311 - it is a play
    for past in _cases(now=now):
        keep(past, channel=CHANNEL, now=now, random=random)


def _cases(*, now: datetime) -> Sequence[Past]:
    azure = _of(cast.GPT, cast.AZURE)
    slow = _of(cast.CLAUDE, cast.SLOW)
    openai = _of(cast.GPT, cast.GROUP[cast.GPT].upstreams[0])
    by_ada, by_grace = cast.person_id("ada"), cast.person_id("grace")
    research, support, platform = (cast.TEAM[name] for name in ("research", "support", "platform"))
    return (
        Past(
            events.MajorOutage(**azure, reason="unavailable", failures=41, total=48, window=60, errors=(("503", 41),)),
            OUTAGE_BEFORE - 3 * _MINUTE,
            (
                Happened(6 * _MINUTE, "escalated", "", f"Nobody acknowledged it in time: {CHANNEL}"),
                Happened(9 * _MINUTE, "acknowledged", by_grace, "Looking at the provider's status page."),
                Happened(25 * _MINUTE, "note", by_grace, "The provider confirms it; the fallback serves."),
                Happened(OUTAGE_LASTS, "resolved", "", ""),
            ),
            count=12,
        ),
        Past(
            events.DeploymentCooledDown(
                **azure, seconds=60, reason="failures", error_class="ServiceUnavailableError", status_code=503
            ),
            OUTAGE_BEFORE - 2 * _MINUTE, (Happened(OUTAGE_LASTS, "resolved", "", ""),), count=31,
        ),
        Past(
            events.LLMException(
                **openai, error_class="RateLimitError", status_code=429, message="Rate limit reached.",
                key_alias=cast.KEYS[3].name, team=research.alias, team_id=research.id,
            ),
            2 * _HOUR, count=17,
        ),
        Past(
            events.LLMException(
                **slow, error_class="Timeout", status_code=408, message="The provider did not answer in time.",
                key_alias=cast.KEYS[4].name, team=research.alias, team_id=research.id,
            ),
            SLOW_BEFORE - 30 * _MINUTE,
            (Happened(20 * _MINUTE, "dismissed", by_ada, "Known: the region is being moved."),), count=5, fails=True,
        ),
        Past(
            events.LLMTooSlow(
                **slow, model=cast.SLOW.model, measure="first token", seconds=6.4, threshold=5,
                key_alias=cast.KEYS[7].name, team=platform.alias, team_id=platform.id,
            ),
            SLOW_BEFORE - 10 * _MINUTE,
            (Happened(40 * _MINUTE, "acknowledged", by_ada, "Raised with the provider."),), count=23,
        ),
        Past(
            events.LLMRequestsHanging(**azure, seconds=312, threshold=300, requests=2, key_alias=cast.KEYS[0].name),
            9 * _DAY, (Happened(12 * _MINUTE, "resolved", "", ""),), count=3,
        ),
        Past(
            events.BudgetProjected(
                **_budget(support, 0.88), exhausted_at=(now + 5 * _DAY).isoformat(timespec="minutes")
            ),
            30 * _HOUR, (Happened(2 * _HOUR, "silenced", by_ada, "until the next planning"),), count=28,
        ),
        *(
            Past(events.BudgetThreshold(threshold=threshold, **_budget(team, int(threshold) / 100)), ago)
            for team, threshold, ago in (
                (support, "80", 3 * _DAY), (research, "95", 4 * _DAY), (research, "100", 2 * _DAY),
                (platform, "50", _DAY),
            )
        ),
        Past(
            events.SpendNotTracked(model_group=cast.FLASH, provider="gemini", model="gemini-preview"),
            11 * _DAY, (Happened(3 * _HOUR, "resolved", by_grace, "A price stands in the table now."),), count=64,
        ),
        Past(
            events.UserSpendAnomaly(
                user_id=by_grace, name="Grace (demo)", day="a day", spent="9.80", daily_average="2.10",
                baseline_days=7, trigger="4.7 times the average",
            ),
            6 * _DAY, is_silenced=True,
        ),
    )  # fmt: skip


def _of(group: str, upstream: cast.Upstream) -> dict[str, Any]:
    return {
        "model_group": group,
        "deployment_id": upstream.id,
        "provider": upstream.provider,
        "api_base": str(upstream.params["api_base"]),
    }


def _budget(team: cast.Team, share: float) -> dict[str, Any]:
    """When so much of it was spent."""
    limit = Team.objects.values_list("max_budget_nano", flat=True).get(pk=team.id) or 0
    return {
        "budget_of": "Team",
        "entity_id": team.id,
        "name": team.alias,
        "spent": dollars(round(limit * share) // 10**6 * 10**6),
        "max_budget": dollars(limit),
        "duration": team.window,
        "group": "team",
        "ids": (("team_id", team.id), ("team_alias", team.alias)),
    }
