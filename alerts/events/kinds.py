"""The alert types for people: in groups, each with a line on what it tells."""

from collections.abc import Iterator

from alerts.events import AlertType
from alerts.marks import marked

GROUPS: tuple[tuple[str, dict[AlertType, str]], ...] = (
    (
        marked("LLM"),
        {
            AlertType.LLM_EXCEPTIONS: marked("an upstream failed to answer"),
            AlertType.LLM_TOO_SLOW: marked("an answer took longer than the threshold"),
            AlertType.LLM_REQUESTS_HANGING: marked("a request has no answer yet"),
            AlertType.COOLDOWN_DEPLOYMENT: marked("a deployment gets no requests for a while"),
            AlertType.NEW_MODEL_ADDED: marked("a model was added"),
            AlertType.MODEL_DEPRECATION_WARNINGS: marked("a provider is going to retire a model"),
            AlertType.OUTAGE_ALERTS: marked("a deployment keeps failing"),
            AlertType.REGION_OUTAGE_ALERTS: marked("a provider's region keeps failing"),
        },
    ),
    (
        marked("Budgets and spend"),
        {
            AlertType.BUDGET_ALERTS: marked("a budget is reached, or part of it"),
            AlertType.SPEND_REPORTS: marked("what was spent, now and then"),
            AlertType.FAILED_TRACKING_SPEND: marked("a request was served whose price nobody knows"),
            AlertType.DAILY_REPORTS: marked("how the deployments did"),
            AlertType.FALLBACK_REPORTS: marked("how often fallbacks were needed"),
            AlertType.USER_SPEND_THRESHOLDS: marked("a user spends more than a fixed amount"),
            AlertType.USER_SPEND_ANOMALIES: marked("a user spends much more than usual"),
        },
    ),
    (marked("Database"), {AlertType.DB_EXCEPTIONS: marked("the database does not do what it should")}),
    (
        marked("Management"),
        {
            AlertType.NEW_VIRTUAL_KEY_CREATED: marked("somebody made a key"),
            AlertType.VIRTUAL_KEY_UPDATED: marked("somebody changed a key"),
            AlertType.VIRTUAL_KEY_DELETED: marked("somebody deleted a key"),
            AlertType.NEW_TEAM_CREATED: marked("somebody made a team"),
            AlertType.TEAM_UPDATED: marked("somebody changed a team"),
            AlertType.TEAM_DELETED: marked("somebody deleted a team"),
            AlertType.NEW_INTERNAL_USER_CREATED: marked("somebody made a user"),
            AlertType.INTERNAL_USER_UPDATED: marked("somebody changed a user"),
            AlertType.INTERNAL_USER_DELETED: marked("somebody deleted a user"),
        },
    ),
    (
        marked("Beyond LiteLLM's"),
        {
            AlertType.VIRTUAL_KEY_REGENERATED: marked("a key got a successor"),
            AlertType.VIRTUAL_KEY_BLOCKED: marked("a key was blocked or let in again"),
            AlertType.TEAM_MEMBER_ADDED: marked("somebody joined a team"),
            AlertType.TEAM_MEMBER_REMOVED: marked("somebody left a team"),
            AlertType.DEPLOYMENT_CHANGED: marked("a deployment was changed"),
            AlertType.BUDGET_CHANGED: marked("a budget was changed"),
            AlertType.ALERT_CHANNEL_FAILING: marked("alerts do not reach a channel; never off"),
            AlertType.ALERT_CHAIN_FAILING: marked("alerts wait that should be told; never off"),
            AlertType.ALERTMANAGER_ALERTS: marked("an Alertmanager passes on what it is told"),
        },
    ),
)
_REST = marked("Others")


def grouped() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Every alert type with its words, also one that no group names."""
    named: set[AlertType] = set()
    for title, types in GROUPS:
        named |= types.keys()
        yield title, [(kind.value, words) for kind, words in types.items()]
    if rest := [kind for kind in AlertType if kind not in named]:
        yield _REST, [(kind.value, "") for kind in rest]
