"""What the calendar brings of money: spend reports, and the checks of what users spend."""

from datetime import datetime

from django.utils import timezone

from alerts.events import AlertType
from alerts.marks import marked
from alerts.services import Job, Report, Span, argument, enabled_alert_types, spend_report_frequency
from budgets.near_limits import near_limits
from budgets.report_spans import may_be_summed, report_calendar, span_before, span_of
from budgets.spend_report import spend_report
from budgets.user_spend import UserLimits, check_users
from teams.money import to_nano
from teams.periods import Duration, parse_duration

_MONTH = Duration(30, "d")
_WEEK = Duration(7, "d")


def _frequency() -> Duration:
    """Whole days; what is not usable means LiteLLM's default."""
    try:
        found = parse_duration(spend_report_frequency())
    except ValueError:
        return _WEEK
    return found if found.unit == "d" else _WEEK


def _spend_span(now: datetime) -> Span | None:
    """Every 30 days is every month, of which the other job tells."""
    frequency = _frequency()
    return None if frequency == _MONTH else span_of(frequency, now=now, calendar=report_calendar())


def _month_span(now: datetime) -> Span:
    return span_of(_MONTH, now=now, calendar=report_calendar())


def _spend(span: Span) -> Report:
    title = "Spend report for {said}" if _days_of(span) == Duration(1, "d") else "Spend report for {said} ({days} days)"
    return _report("spend_report", title, span, _days_of(span))


def _spend_of_month(span: Span) -> Report:
    return _report("monthly_spend_report", "Monthly spend report for {month} ({said})", span, _MONTH)


def _days_of(span: Span) -> Duration:
    return parse_duration(span.key.rpartition("/")[2])


def _report(job: str, title: str, span: Span, duration: Duration) -> Report:
    calendar = report_calendar()
    before = span_before(span, duration, calendar=calendar)
    near = near_limits(now=timezone.now())
    return spend_report(job=job, title=title, span=span, before=before, calendar=calendar, near=near)


def _check_span(now: datetime) -> Span:
    seconds = max(60, int(argument("user_spend_check_interval", 3600)))
    return span_of(Duration(seconds, "s"), now=now, calendar=report_calendar())


def _check(span: Span) -> Report:
    return check_users(span, limits=user_limits(), calendar=report_calendar())


def user_limits() -> UserLimits:
    """As `alerting_args` have them, save for what is switched off."""
    enabled = enabled_alert_types()
    thresholds = AlertType.USER_SPEND_THRESHOLDS in enabled
    return UserLimits(
        daily_nano=_nano("daily_spend_per_user_threshold") if thresholds else None,
        monthly_nano=_nano("monthly_spend_per_user_threshold") if thresholds else None,
        multiplier=argument("spend_anomaly_multiplier", 3.0),
        baseline_days=max(1, int(argument("spend_anomaly_baseline_days", 7))),
        minimum_nano=to_nano(argument("spend_anomaly_min_spend", 10.0)),
        anomalies=AlertType.USER_SPEND_ANOMALIES in enabled,
    )


def _nano(name: str) -> int | None:
    given = argument(name, 0.0)
    return to_nano(given) if given > 0 else None


JOBS = (
    Job(
        name="spend_report",
        title=marked("Spend"),
        alert_types=(AlertType.SPEND_REPORTS,),
        span_at=_spend_span,
        make=_spend,
        may_begin=may_be_summed,
    ),
    Job(
        name="monthly_spend_report",
        title=marked("Spend of the month"),
        alert_types=(AlertType.SPEND_REPORTS,),
        span_at=_month_span,
        make=_spend_of_month,
        may_begin=may_be_summed,
    ),
    Job(
        name="user_spend",
        title=marked("Spend of users"),
        alert_types=(AlertType.USER_SPEND_THRESHOLDS, AlertType.USER_SPEND_ANOMALIES),
        span_at=_check_span,
        make=_check,
    ),
)
