"""What the calendar brings of deployments: how they did, what fell back, what will be gone."""

import os
from datetime import datetime

from alerts.events import AlertType
from alerts.marks import marked
from alerts.services import Job, Report, Span, argument
from budgets.report_spans import may_be_summed, report_calendar, span_of
from proxy.capture_rate import BILLED_AFTER, CaptureCheck, capture_report
from proxy.deployment_report import deployment_report
from proxy.deprecations import WARN_DAYS, deprecation_report
from proxy.fallback_report import fallback_report
from teams.periods import UTC_MIDNIGHT, Duration

_HALF_A_DAY = 43_200
_DAY = Duration(1, "d")
_WEEK = Duration(7, "d")


def _deployment_span(now: datetime) -> Span:
    seconds = max(60, int(argument("daily_report_frequency", _HALF_A_DAY)))
    return span_of(Duration(seconds, "s"), now=now, calendar=report_calendar())


def _deployments(span: Span) -> Report:
    return deployment_report(job="deployment_report", span=span, calendar=report_calendar())


def _week(now: datetime) -> Span:
    return span_of(_WEEK, now=now, calendar=report_calendar())


def _fallbacks(span: Span) -> Report:
    return fallback_report(job="fallback_report", span=span, calendar=report_calendar())


def _day(now: datetime) -> Span:
    return span_of(_DAY, now=now, calendar=report_calendar())


def _deprecations(span: Span) -> Report:
    """As of the day that begins when the span is over."""
    today = span.ends_at.astimezone(report_calendar().zone).date()
    days = int(argument("model_deprecation_days", WARN_DAYS))
    return deprecation_report(job="model_deprecations", span=span, today=today, warn_within_days=days)


def _capture_span(now: datetime) -> Span | None:
    """A day of UTC, as bills have them; None where no check is set up."""
    return span_of(_DAY, now=now, calendar=UTC_MIDNIGHT) if CaptureCheck.read() else None


def _capture(span: Span) -> Report:
    check = CaptureCheck.read() or CaptureCheck()
    return capture_report(check, until=span.ends_at, environment=os.environ)


def _may_capture(span: Span, now: datetime) -> bool:
    return now >= span.ends_at + BILLED_AFTER and may_be_summed(span, now)


JOBS = (
    Job(
        name="deployment_report",
        title=marked("Deployments"),
        alert_types=(AlertType.DAILY_REPORTS,),
        span_at=_deployment_span,
        make=_deployments,
        may_begin=may_be_summed,
    ),
    Job(
        name="fallback_report",
        title=marked("Fallbacks"),
        alert_types=(AlertType.FALLBACK_REPORTS,),
        span_at=_week,
        make=_fallbacks,
        may_begin=may_be_summed,
    ),
    Job(
        name="model_deprecations",
        title=marked("Model deprecations"),
        alert_types=(AlertType.MODEL_DEPRECATION_WARNINGS,),
        span_at=_day,
        make=_deprecations,
    ),
    Job(
        name="spend_capture_rate",
        title=marked("Spend against the provider's bill"),
        alert_types=(AlertType.FAILED_TRACKING_SPEND,),
        span_at=_capture_span,
        make=_capture,
        may_begin=_may_capture,
    ),
)
