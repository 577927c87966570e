"""Events of what the calendar brings: reports, and what is looked at once in a while."""

from dataclasses import dataclass

from alerts.events.base import AlertType, Event, Level


@dataclass(frozen=True)
class ScheduledReport(Event):
    """What a period came to. `facts` stand below the headline, `parts` are headings with lines, `attachments` files."""

    level = Level.LOW
    is_notice = True

    job: str
    period: str
    headline: str
    facts: tuple[tuple[str, str], ...] = ()
    parts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    attachments: tuple[tuple[str, str], ...] = ()

    def identity(self) -> tuple[object, ...]:
        return self.job, self.period

    def title(self) -> str:
        return self.headline

    def details(self) -> dict[str, str]:
        return dict(self.facts)

    def labels(self) -> dict[str, str]:
        return {"report": self.job}

    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return self.parts

    def files(self) -> tuple[tuple[str, str], ...]:
        return self.attachments


class SpendReport(ScheduledReport):
    alert_type = AlertType.SPEND_REPORTS
    raised_when = "a period is over that cost something"
    shaped_by = (
        "spend_report_frequency",
        "timezone",
    )


class DeploymentReport(ScheduledReport):
    alert_type = AlertType.DAILY_REPORTS
    raised_when = "a period is over that had requests"
    shaped_by = ("alerting_args.daily_report_frequency",)


class FallbackReport(ScheduledReport):
    alert_type = AlertType.FALLBACK_REPORTS
    raised_when = "a week is over that had fallbacks"
    shaped_by = ("timezone",)


class ModelsDeprecate(ScheduledReport):
    """Models in use will be gone soon."""

    alert_type = AlertType.MODEL_DEPRECATION_WARNINGS
    raised_when = "a model in use will be retired soon"
    shaped_by = ("alerting_args.model_deprecation_days",)
    level = Level.MEDIUM


class ModelsDeprecated(ModelsDeprecate):
    """Some of them should be gone already."""

    level = Level.HIGH
    raised_when = "a model in use should be retired already"


@dataclass(frozen=True)
class UserSpendThreshold(Event):
    """A user spent as much in a day or a month as somebody wants to hear of. Amounts are dollars as text.

    `period` is a day or a month in ISO 8601, `period_name` "Daily" or "Monthly".
    """

    alert_type = AlertType.USER_SPEND_THRESHOLDS
    raised_when = "a user spends as much in a day or a month: once in each"
    shaped_by = (
        "alerting_args.daily_spend_per_user_threshold",
        "alerting_args.monthly_spend_per_user_threshold",
        "alerting_args.user_spend_check_interval",
    )
    is_notice = True

    user_id: str
    name: str
    period_name: str
    period: str
    spent: str
    threshold: str

    def identity(self) -> tuple[object, ...]:
        return self.period_name, self.user_id, self.period

    def title(self) -> str:
        return (
            f"User {self.period_name} Spend Threshold Crossed: {self.name} spent ${self.spent} in {self.period}, "
            f"the threshold is ${self.threshold}"
        )

    def details(self) -> dict[str, str]:
        return {
            "User": self.name,
            "Id": self.user_id,
            "Period": self.period,
            "Spend": f"${self.spent}",
            f"{self.period_name} Threshold": f"${self.threshold}",
        }

    def labels(self) -> dict[str, str]:
        return {"user_id": self.user_id, "user": self.name, "period": self.period_name}


@dataclass(frozen=True)
class UserSpendAnomaly(Event):
    """A user spent far more in a day than on those before. Amounts are dollars as text."""

    alert_type = AlertType.USER_SPEND_ANOMALIES
    raised_when = "a user spends far more in a day than on the days before: once a day"
    shaped_by = (
        "alerting_args.spend_anomaly_multiplier",
        "alerting_args.spend_anomaly_baseline_days",
        "alerting_args.spend_anomaly_min_spend",
        "alerting_args.user_spend_check_interval",
    )
    is_notice = True

    user_id: str
    name: str
    day: str
    spent: str
    daily_average: str
    baseline_days: int
    trigger: str

    def identity(self) -> tuple[object, ...]:
        return self.user_id, self.day

    def title(self) -> str:
        return f"User Spend Anomaly: {self.name} spent ${self.spent} on {self.day}, {self.trigger}"

    def details(self) -> dict[str, str]:
        return {
            "User": self.name,
            "Id": self.user_id,
            "Day": self.day,
            "Spend": f"${self.spent}",
            f"Daily Average (last {self.baseline_days} days)": f"${self.daily_average}",
            "Trigger": self.trigger,
        }

    def labels(self) -> dict[str, str]:
        return {"user_id": self.user_id, "user": self.name}
