"""The home's largest numbers: what today and the month cost, how much is asked, what of it fails, how long it takes."""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from budgets.home import Money
from budgets.standing_panel import cents
from budgets.traffic import Traffic
from gateway_project.home.traffic import Numbers, why_latency
from gateway_project.home.words import NOTHING, day_label, length, milliseconds_of, number, share_failed

# Beyond it a tile has the colour of trouble, as the alert rule of failed calls has it.
_MANY_FAILURES = 0.05
_FEW_CALLS = 20


@dataclass(frozen=True, slots=True)
class Tile:
    """`facts` are further lines, `why` says what the numbers are made of; `tone` is a class, empty for a calm one."""

    title: str
    value: str
    facts: tuple[str, ...]
    why: str
    tone: str = ""


def tiles(found: Numbers) -> list[Tile]:
    shown = [_today(found.money), _month(found.money), _calls(found.today)]
    return [*shown, _latency(found.today)] if found.is_timed else shown


def _today(money: Money) -> Tile:
    return Tile(
        _("Spend today"),
        cents(money.today_nano),
        (_("since midnight UTC"),),
        _("The same as the spend page and litellm_spend_metric_total: what the ledger adds up to, some seconds old."),
    )


def _month(money: Money) -> Tile:
    forecast = money.forecast
    if forecast is None or forecast.spend_at_end_nano is None:
        return Tile(
            _("Spend this month"),
            cents(money.month_nano),
            (_("no forecast yet"),),
            _("A forecast needs three whole days with some spending among the last 28."),
        )
    return Tile(
        _("Spend this month"),
        cents(money.month_nano),
        (_("forecast %(amount)s by %(day)s") % {
            "amount": cents(round(forecast.spend_at_end_nano, -7)), "day": day_label(money.month_ends),
        },),
        ngettext(
            "What was spent, and for each day that is left what such a weekday cost in the last %(days)d whole day, "
            "a week counting twice the one before it. Budgets are projected the same way.",
            "What was spent, and for each day that is left what such a weekday cost in the last %(days)d whole days, "
            "a week counting twice the one before it. Budgets are projected the same way.",
            forecast.days_seen,
        ) % {"days": forecast.days_seen},
    )  # fmt: skip


def _calls(today: Traffic) -> Tile:
    rate = today.error_rate
    is_bad = rate is not None and rate >= _MANY_FAILURES and today.calls >= _FEW_CALLS
    return Tile(
        _("Calls today"),
        number(today.calls),
        (_("%(share)s failed (%(failed)s)") % {"share": share_failed(today), "failed": number(today.failures)},)
        if today.calls
        else (_("since midnight UTC"),),
        _("Calls of upstreams, as the ledger has them: each attempt of a request that is retried or falls back."),
        tone="tk-trouble" if is_bad else "",
    )


def _latency(today: Traffic) -> Tile:
    p50, p95 = (length(milliseconds_of(today.seconds, share)) for share in (0.5, 0.95))
    first50, first95 = (length(milliseconds_of(today.first_token, share)) for share in (0.5, 0.95))
    first = (
        _("first token p50 %(p50)s, p95 %(p95)s") % {"p50": first50, "p95": first95}
        if today.first_token
        else _("nothing was streamed")
    )
    return Tile(
        _("Latency today"),
        _("p50 %(p50)s") % {"p50": p50} if today.seconds else NOTHING,
        (_("p95 %(p95)s") % {"p95": p95}, first) if today.seconds else (_("nothing was answered"),),
        why_latency(),
    )
