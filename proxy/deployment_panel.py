"""What the admin's page of a deployment shows above its form: how it stands, and its last health checks."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from proxy.models import HealthCheck
from proxy.standing import COLORS, NOTHING, Standing, State, ago
from teams.admin.texts import badge, dollars, minute

CHECKS_SHOWN = 10
_ROW = "align-top border-t border-base-200 dark:border-base-800"


def status_panel(standing: Standing, *, problem: str, now: datetime) -> SafeString:
    """`problem` says why the routing table could not take it."""
    return _table((), [(name, value) for name, value in _facts(standing, problem, now=now) if value != NOTHING])


def _facts(standing: Standing, problem: str, *, now: datetime) -> Iterable[tuple[str, SafeString | str]]:
    yield (
        _("State"),
        badge(standing.text, COLORS.get(standing.state, "")) if standing.state != State.UNKNOWN else NOTHING,
    )
    yield _("Why"), problem or NOTHING
    yield _("Last check"), last_check(standing, now=now)
    yield _("In flight"), standing.in_flight
    yield _("Last minute"), _("%(number)s requests") % {"number": standing.requests} if standing.live else NOTHING
    if live := standing.live:
        yield _("Tokens, last minute"), f"{live['tokens_last_minute']:,}"
        yield _("Cooldowns in a row"), str(live["cooldowns_in_a_row"] or NOTHING)
        yield _("Time to first token"), _seconds(live["seconds_to_first_token"])
        yield _("Time a token"), _seconds(live["seconds_per_token"])
    if built := standing.built:
        yield _("Provider and model"), built.qualified_model
        yield _("Address"), built.api_base or NOTHING
        yield _("Choice"), weight_and_order(standing)
        limits = (("rpm", built.rpm), ("tpm", built.tpm), (_("in parallel"), built.max_parallel))
        yield _("Limits"), ", ".join(f"{limit:,} {name}" for name, limit in limits if limit is not None) or NOTHING
        yield _("Price of 1M tokens"), standing.price
        if built.budget_nano is not None:
            yield _("Budget"), f"{dollars(built.budget_nano)} {built.budget_duration}".strip()


def weight_and_order(standing: Standing) -> str:
    if (built := standing.built) is None:
        return NOTHING
    parts = []
    if built.weight is not None:
        parts.append(_("weight %(weight)s") % {"weight": f"{built.weight:g}"})
    if built.tier is not None:
        parts.append(_("order %(order)s") % {"order": built.tier})
    return ", ".join(parts) or NOTHING


def last_check(standing: Standing, *, now: datetime) -> SafeString | str:
    if (row := standing.last) is None:
        return NOTHING
    return format_html("{} {}", _result(row), ago(row.checked_at, now=now))


def checks_table(rows: Sequence[HealthCheck]) -> SafeString | str:
    if not rows:
        return NOTHING
    head = (_("Time"), _("Result"), _("Status"), _("Took"), _("By"), _("What went wrong"))
    body = [
        (
            minute(row.checked_at), _result(row), str(row.status or NOTHING), f"{row.response_ms:,} ms", row.checked_by,
            row.error or NOTHING,
        )
        for row in rows
    ]  # fmt: skip
    return _table(head, body)


def _result(row: HealthCheck) -> SafeString:
    return badge(_("Healthy"), "success") if row.healthy else badge(_("Unhealthy"), "danger")


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value * 1000:,.1f} ms"


def _table(head: Sequence[str], rows: Sequence[Sequence[SafeString | str]]) -> SafeString:
    cells = format_html_join("", '<th class="p-2 text-left text-important">{}</th>', ((name,) for name in head))
    lines = format_html_join(
        "",
        '<tr class="{}">{}</tr>',
        (
            (_ROW, format_html_join("", '<td class="p-2 break-words">{}</td>', ((cell,) for cell in row)))
            for row in rows
        ),
    )
    return format_html(
        '<div class="overflow-x-auto"><table class="w-full"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        cells,
        lines,
    )
