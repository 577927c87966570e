"""Events of what is spent."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from alerts.events.base import AlertType, Event, Level


@dataclass(frozen=True)
class SpendNotTracked(Event):
    """A request was served for which nobody knows a price: its entry stands in the ledger with amount 0."""

    alert_type = AlertType.FAILED_TRACKING_SPEND
    raised_when = "a request is served whose price nobody knows"
    shaped_by = ("alerting_args.budget_alert_ttl",)
    repeat_interval = quiet_interval = 24 * 3600
    repeat_setting = "budget_alert_ttl"

    model_group: str
    provider: str
    model: str

    def identity(self) -> tuple[object, ...]:
        return self.provider, self.model

    def title(self) -> str:
        return (
            f"No price is known for {self.provider}/{self.model}: its requests are recorded with amount 0. "
            "Set input_cost_per_token and output_cost_per_token on the deployment."
        )

    def details(self) -> dict[str, str]:
        return {"Model": self.model_group}

    def labels(self) -> dict[str, str]:
        return {"model": self.model_group, "provider": self.provider}


@dataclass(frozen=True)
class SpendNotCaptured(Event):
    """A provider's bill cannot be compared with the ledger, or is higher: `problem` is a short name, `said` the rest.

    Found again each day, and over when the next day does not find it.
    """

    alert_type = AlertType.FAILED_TRACKING_SPEND
    raised_when = "a provider's bill is higher than the ledger says, or cannot be read"
    ends_when = "the next day's look finds nothing"
    shaped_by = ("spend_capture_rate_check",)
    repeat_interval = 20 * 3600
    quiet_interval = 30 * 3600

    provider: str
    problem: str
    said: str
    facts: tuple[tuple[str, str], ...] = ()

    def identity(self) -> tuple[object, ...]:
        return "capture", self.provider, self.problem

    def title(self) -> str:
        return self.said

    def details(self) -> dict[str, str]:
        return dict(self.facts)

    def labels(self) -> dict[str, str]:
        return {"provider": self.provider}


@dataclass(frozen=True, kw_only=True)
class BudgetEvent(Event):
    """Of one window of somebody's budget, in one period.

    `budget_of` is words such as "Key" or "Team member", `name` whose budget it is, for people. Times are ISO 8601,
    amounts dollars as text. `group` and `ids` are as LiteLLM's webhook has them, `emails` those who are told by mail.
    """

    alert_type = AlertType.BUDGET_ALERTS

    budget_of: str
    entity_id: str
    name: str
    spent: str
    max_budget: str = ""
    soft_budget: str = ""
    duration: str = ""
    period_start: str = ""
    resets_at: str = ""
    group: str = ""
    ids: tuple[tuple[str, str], ...] = ()
    emails: tuple[str, ...] = ()

    def details(self) -> dict[str, str]:
        return {
            "Budget of": f"{self.budget_of} {self.name}",
            "Id": self.entity_id,
            "Spend": self.spent,
            "Max budget": self.max_budget,
            "Soft budget": self.soft_budget,
            "Duration": self.duration,
            "Resets at": self.resets_at,
        }

    def labels(self) -> dict[str, str]:
        named = {name: value for name, value in self.ids if name in _LABELS}
        return {"budget_of": self.budget_of, "name": self.name, **named}

    def recipients(self) -> tuple[str, ...]:
        return self.emails

    def for_people(self) -> dict[str, Any]:
        limit = f"{_money(self.max_budget)}{f' every {self.duration}' if self.duration else ''}"
        facts = {
            "Spend": _money(self.spent),
            "Budget": limit if self.max_budget else "",
            "Soft budget": _money(self.soft_budget),
            "Begins anew": _moment(self.resets_at),
        }
        said = {"title": self.in_words(), "lines": [self.what_follows()]}
        return {**said, "facts": {name: value for name, value in facts.items() if value}}

    @property
    def whose(self) -> str:
        return f"{self.budget_of.lower()} {self.name}"

    def in_words(self) -> str:
        """For those whom it concerns."""
        raise NotImplementedError

    def what_follows(self) -> str:
        """A sentence."""
        raise NotImplementedError

    def litellm_event(self) -> str:
        """Its name in LiteLLM's webhook."""
        raise NotImplementedError

    def compatibility(self) -> dict[str, Any]:
        """The eighteen fields; those of nobody's are null."""
        return {
            "spend": float(self.spent),
            "max_budget": float(self.max_budget) if self.max_budget else None,
            "soft_budget": float(self.soft_budget) if self.soft_budget else None,
            **dict.fromkeys(_NAMED),
            **{name: value for name, value in self.ids if name in _NAMED},
            "projected_exceeded_date": None,
            "projected_spend": None,
            "event_group": self.group,
            "alert_emails": None,
            "max_budget_alert_emails": None,
            "event": self.litellm_event(),
            "event_message": self.title(),
        }


@dataclass(frozen=True, kw_only=True)
class BudgetThreshold(BudgetEvent):
    """Spend reached part of a budget, or all of it, or the soft budget: told once a period by who counts the spend.

    `threshold` is a number of percent or "soft".
    """

    is_notice = True
    raised_when = (
        "spend reaches a percentage of a budget, or the soft budget: once a period, again after a raise or a reset"
    )
    shaped_by = ("alerting_args.budget_thresholds",)

    threshold: str

    def identity(self) -> tuple[object, ...]:
        return (self.budget_of, self.entity_id, self.duration, self.period_start, self.threshold, self.max_budget)

    def title(self) -> str:
        if self.threshold == "soft":
            return f"Soft Budget Crossed: {self.budget_of} {self.name} spent ${self.spent} of ${self.soft_budget}"
        if self.threshold == "100":
            return f"{self.budget_of} Budget: Budget Crossed. {self.name} spent ${self.spent} of ${self.max_budget}"
        return f"{self.budget_of} Budget: {self.threshold}% used. {self.name} spent ${self.spent} of ${self.max_budget}"

    def in_words(self) -> str:
        if self.threshold == "soft":
            return f"The soft budget of {self.whose} is reached"
        if int(self.threshold) >= _ALL:
            return f"The budget of {self.whose} is used up"
        return f"{self.threshold} % of the budget of {self.whose} is used"

    def what_follows(self) -> str:
        if self.threshold == "soft":
            return "No request is refused because of it."
        anew = " or begins anew" if self.resets_at else ""
        if int(self.threshold) >= _ALL:
            return f"Requests are refused or slowed down until it is raised{anew}."
        return f"Once all of it is used, requests are refused or slowed down until it is raised{anew}."

    def labels(self) -> dict[str, str]:
        return {**super().labels(), "threshold": self.threshold}

    def litellm_event(self) -> str:
        return {"soft": "soft_budget_crossed", "100": "budget_crossed"}.get(self.threshold, "threshold_crossed")


@dataclass(frozen=True, kw_only=True)
class BudgetProjected(BudgetEvent):
    """If it goes on as it has, a budget is used up before its period ends. Seen as long as that is so."""

    level = Level.MEDIUM
    raised_when = "a budget will be used up before its period ends, if it goes on as it has"
    ends_when = "it lasts again"
    repeat_interval = 7 * 86400
    quiet_interval = 3 * 3600

    exhausted_at: str
    projected_spend: str = ""

    def identity(self) -> tuple[object, ...]:
        return ("projected", self.budget_of, self.entity_id, self.duration, self.period_start)

    def title(self) -> str:
        return (
            f"{self.budget_of} Budget: Projected Limit Exceeded. {self.name} spent ${self.spent} of "
            f"${self.max_budget} and will have used it up by {self.exhausted_at[:10]}"
        )

    def in_words(self) -> str:
        return f"The budget of {self.whose} will be used up by {_moment(self.exhausted_at)}"

    def what_follows(self) -> str:
        return f"That is if it goes on as it has{', and before it begins anew' if self.resets_at else ''}."

    def details(self) -> dict[str, str]:
        projected = {"Used up at": self.exhausted_at, "Projected spend": self.projected_spend}
        return {**super().details(), **projected}

    def labels(self) -> dict[str, str]:
        return {**super().labels(), "threshold": "projected"}

    def litellm_event(self) -> str:
        return "projected_limit_exceeded"

    def compatibility(self) -> dict[str, Any]:
        spend = float(self.projected_spend) if self.projected_spend else None
        return {**super().compatibility(), "projected_exceeded_date": self.exhausted_at, "projected_spend": spend}


def _money(text: str) -> str:
    """To the cent; what is less than a dollar and no whole cents, as it is."""
    if not text:
        return ""
    amount = Decimal(text)
    return f"${amount:f}" if abs(amount) < 1 and amount != round(amount, 2) else f"${amount:,.2f}"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%d %B %Y, %H:%M UTC}" if text else ""


_ALL = 100
_NAMED = (
    "token",
    "customer_id",
    "user_id",
    "team_id",
    "team_alias",
    "organization_id",
    "user_email",
    "key_alias",
)
_LABELS = frozenset(_NAMED) - {"token", "user_email"}
