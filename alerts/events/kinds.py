"""The alert types for people: in groups, each with a line on what it tells."""

from collections.abc import Iterator

from alerts.events import AlertType

GROUPS: tuple[tuple[str, dict[AlertType, str]], ...] = (
    (
        "LLM",
        {
            AlertType.LLM_EXCEPTIONS: "an upstream failed to answer",
            AlertType.LLM_TOO_SLOW: "an answer took longer than the threshold",
            AlertType.LLM_REQUESTS_HANGING: "a request has no answer yet",
            AlertType.COOLDOWN_DEPLOYMENT: "a deployment gets no requests for a while",
            AlertType.NEW_MODEL_ADDED: "a model was added",
            AlertType.MODEL_DEPRECATION_WARNINGS: "a provider is going to retire a model",
            AlertType.OUTAGE_ALERTS: "a deployment keeps failing",
            AlertType.REGION_OUTAGE_ALERTS: "a provider's region keeps failing",
        },
    ),
    (
        "Budgets and spend",
        {
            AlertType.BUDGET_ALERTS: "a budget is reached, or part of it",
            AlertType.SPEND_REPORTS: "what was spent, now and then",
            AlertType.FAILED_TRACKING_SPEND: "a request was served whose price nobody knows",
            AlertType.DAILY_REPORTS: "how the deployments did",
            AlertType.FALLBACK_REPORTS: "how often fallbacks were needed",
            AlertType.USER_SPEND_THRESHOLDS: "a user spends more than a fixed amount",
            AlertType.USER_SPEND_ANOMALIES: "a user spends much more than usual",
        },
    ),
    ("Database", {AlertType.DB_EXCEPTIONS: "the database does not do what it should"}),
    (
        "Management",
        {
            AlertType.NEW_VIRTUAL_KEY_CREATED: "somebody made a key",
            AlertType.VIRTUAL_KEY_UPDATED: "somebody changed a key",
            AlertType.VIRTUAL_KEY_DELETED: "somebody deleted a key",
            AlertType.NEW_TEAM_CREATED: "somebody made a team",
            AlertType.TEAM_UPDATED: "somebody changed a team",
            AlertType.TEAM_DELETED: "somebody deleted a team",
            AlertType.NEW_INTERNAL_USER_CREATED: "somebody made a user",
            AlertType.INTERNAL_USER_UPDATED: "somebody changed a user",
            AlertType.INTERNAL_USER_DELETED: "somebody deleted a user",
        },
    ),
    (
        "Beyond LiteLLM's",
        {
            AlertType.VIRTUAL_KEY_REGENERATED: "a key got a successor",
            AlertType.VIRTUAL_KEY_BLOCKED: "a key was blocked or let in again",
            AlertType.TEAM_MEMBER_ADDED: "somebody joined a team",
            AlertType.TEAM_MEMBER_REMOVED: "somebody left a team",
            AlertType.DEPLOYMENT_CHANGED: "a deployment was changed",
            AlertType.BUDGET_CHANGED: "a budget was changed",
            AlertType.ALERT_CHANNEL_FAILING: "alerts do not reach a channel; never off",
            AlertType.ALERT_CHAIN_FAILING: "alerts wait that should be told; never off",
            AlertType.ALERTMANAGER_ALERTS: "an Alertmanager passes on what it is told",
        },
    ),
)
_REST = "Others"


def grouped() -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Every alert type with its words, also one that no group names."""
    named: set[AlertType] = set()
    for title, types in GROUPS:
        named |= types.keys()
        yield title, [(kind.value, words) for kind, words in types.items()]
    if rest := [kind for kind in AlertType if kind not in named]:
        yield _REST, [(kind.value, "") for kind in rest]
