"""What a period has cost, in words: the total, the change against the period before, and the dearest of each kind."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from alerts.events import SpendReport
from alerts.services import Report, Span
from budgets.balances import chunks
from budgets.near_limits import ABOVE_PERCENT, Near
from budgets.report_spans import SETTLES_AFTER, dates_of, is_behind
from budgets.reports import By
from budgets.spent_between import NOTHING, Spent, is_known, spent_between, total_between
from teams.models import RetiredToken, Team, User, VirtualKey
from teams.money import NANO
from teams.periods import UTC_MIDNIGHT, Calendar

SHOWN = 10
# What every channel's message has room for is a bound; the rest of the dearest stands on the page of spend.
IN_FILE = 5000
IN_CONTENT = 100
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NO_SPEND = "nothing was spent"


@dataclass(frozen=True, slots=True)
class Line:
    """`id` is "" for what belongs to nobody."""

    id: str
    name: str
    spent: Spent


def spend_report(
    *, job: str, title: str, span: Span, before: Span, calendar: Calendar, near: Sequence[Near] = ()
) -> Report:
    """`title` has a place for the dates, `near` are budgets of which most is used now.

    Of a period in which nothing was spent there is nothing to tell.
    """
    if not is_known(before.starts_at, span.starts_at, span.ends_at):
        # The ledger is not kept that long: what is left of it would be less than the truth.
        calendar, span, before = UTC_MIDNIGHT, _in_utc(span, calendar), _in_utc(before, calendar)
    whole = total_between(span.starts_at, span.ends_at)
    if not whole.amount_nano:
        return Report(content={"requests": whole.requests}, silence=_NO_SPEND)
    former = total_between(before.starts_at, before.ends_at)
    lines = {heading: _lines(span, by) for heading, by in _KINDS.items()}
    first, last = dates_of(span, calendar=calendar)
    said = _dates(first, last)
    event = SpendReport(
        job=job,
        period=span.key,
        headline=title.format(said=said, month=f"{first:%Y-%m}", days=(last - first).days + 1),
        facts=_facts(span, before, whole, former, calendar=calendar),
        parts=tuple(
            (f"{heading} ({SHOWN} of {len(found):,})" if len(found) > SHOWN else heading, _said(found, whole))
            for heading, found in lines.items()
            if any(line.id for line in found)
        )
        + _near_part(near, calendar=calendar),
    )
    content = {
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "time_zone": str(calendar.zone),
        "total": asdict(whole),
        "before": asdict(former),
        "top": {
            heading: [{"id": line.id, "name": line.name, **asdict(line.spent)} for line in found[:SHOWN]]
            for heading, found in lines.items()
        },
        "near_limits": [
            {**asdict(one), "percent": round(one.percent, 1), "ends": one.ends.isoformat() if one.ends else None}
            for one in near[:IN_CONTENT]
        ],
    }
    return Report(content=content, events=(event,), csv=_file(lines))


def _in_utc(span: Span, calendar: Calendar) -> Span:
    """The same dates as days in UTC."""
    first, last = dates_of(span, calendar=calendar)
    day_after = date.fromordinal(last.toordinal() + 1)
    return Span(span.key, UTC_MIDNIGHT.begins(first), UTC_MIDNIGHT.begins(day_after))


def _facts(span: Span, before: Span, whole: Spent, former: Spent, *, calendar: Calendar) -> tuple[tuple[str, str], ...]:
    behind = is_behind(span.ends_at + SETTLES_AFTER)
    return (
        ("Spend", dollars(whole.amount_nano)),
        ("Change", f"{_change(whole, former)} against {_dates(*dates_of(before, calendar=calendar))}"),
        ("Requests", f"{whole.requests:,}"),
        ("Failed requests", f"{whole.failures:,}" if whole.failures else ""),
        ("Tokens", f"{whole.tokens:,}"),
        ("Time zone", str(calendar.zone)),
        ("Incomplete", "The roll-up is behind: some calls are not in these sums." if behind else ""),
    )


def _change(whole: Spent, former: Spent) -> str:
    by = whole.amount_nano - former.amount_nano
    text = f"{'-' if by < 0 else '+'}{dollars(abs(by))}"
    # Of nothing, or of less than nothing after corrections, there is no percentage.
    return f"{text} ({by * 100 / former.amount_nano:+.1f} %)" if former.amount_nano > 0 else text


def _dates(first: date, last: date) -> str:
    return first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"


def dollars(nano: int) -> str:
    """Cents, and of what is smaller, four digits that count."""
    amount = nano / NANO
    if 0 < abs(amount) < 1:
        return f"${amount:.4g}" if abs(amount) >= 0.0001 else f"${amount:.9f}".rstrip("0")
    return f"{'-' if nano < 0 else ''}${abs(amount):,.2f}"


def _lines(span: Span, by: By) -> list[Line]:
    """The dearest first."""
    spent, names = _NAMES.get(by, _as_they_are)(spent_between(span.starts_at, span.ends_at, by))
    lines = [Line(one, names.get(one) or one or "None", amount) for one, amount in spent.items() if amount != NOTHING]
    return sorted(lines, key=lambda line: (-line.spent.amount_nano, line.name, line.id))


Named = tuple[Mapping[str, Spent], Mapping[str, str]]


def _as_they_are(spent: Mapping[str, Spent]) -> Named:
    return spent, {}


def _keys(spent: Mapping[str, Spent]) -> Named:
    """A regenerated key is one: by the hash that it has now."""
    former: dict[str, str] = {}
    for some in chunks(sorted(spent)):
        former |= dict(RetiredToken.objects.filter(pk__in=some).order_by().values_list("pk", "key__token_hash"))
    merged: dict[str, Spent] = {}
    for token_hash, amount in spent.items():
        present = former.get(token_hash, token_hash)
        merged[present] = merged.get(present, NOTHING) + amount
    names = {one: f"{one[:12]}…" for one in merged if len(one) == 64}
    for some in chunks(sorted(merged)):
        rows = VirtualKey.objects.filter(token_hash__in=some).order_by().values_list("token_hash", "alias", "name")
        names |= {token_hash: alias or name for token_hash, alias, name in rows if alias or name}
    return merged, names


def _teams(spent: Mapping[str, Spent]) -> Named:
    return spent, {team.pk: str(team) for some in chunks(sorted(spent)) for team in Team.objects.filter(pk__in=some)}


def _users(spent: Mapping[str, Spent]) -> Named:
    return spent, name_users(spent)


def name_users(ids: Iterable[str]) -> dict[str, str]:
    return {user.pk: str(user) for some in chunks(sorted(ids)) for user in User.objects.filter(pk__in=some)}


_KINDS: Mapping[str, By] = {
    "Teams": By.TEAM,
    "Tags": By.TAG,
    "Keys": By.KEY,
    "Users": By.USER,
    "Models": By.MODEL_GROUP,
    "Providers": By.PROVIDER,
}
_NAMES: Mapping[By, Callable[[Mapping[str, Spent]], Named]] = {By.KEY: _keys, By.TEAM: _teams, By.USER: _users}


def _said(lines: Sequence[Line], whole: Spent) -> tuple[str, ...]:
    return tuple(
        f"{line.name}: {dollars(line.spent.amount_nano)} ({line.spent.amount_nano * 100 / whole.amount_nano:.1f} %)"
        for line in lines[:SHOWN]
    )


def _near_part(near: Sequence[Near], *, calendar: Calendar) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if not near:
        return ()
    number = f" ({SHOWN} of {len(near):,})" if len(near) > SHOWN else ""
    lines = tuple(
        f"{one.budget_of} {one.name}: {dollars(one.spent_nano)} of {dollars(one.max_nano)} ({one.percent:.1f} %), "
        + (f"until {one.ends.astimezone(calendar.zone):%Y-%m-%d %H:%M}" if one.ends else "never reset")
        for one in near[:SHOWN]
    )
    return ((f"Budgets above {ABOVE_PERCENT} % now{number}", lines),)


def _file(lines: Mapping[str, Sequence[Line]]) -> str:
    """Dollars to the last nano-dollar. Beyond the dearest of each kind the rest is one line, so that sums agree."""
    rows: list[list[Any]] = [["kind", "id", "name", "spend_usd", "requests", "failed_requests", "tokens"]]
    for heading, found in lines.items():
        kind = heading.removesuffix("s").lower()
        shown, rest = found[:IN_FILE], found[IN_FILE:]
        rows += [_row(kind, line.id, line.name, line.spent) for line in shown]
        if rest:
            rows.append(_row(kind, "", f"{len(rest)} others", sum((line.spent for line in rest), NOTHING)))
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _row(kind: str, id_: str, name: str, spent: Spent) -> list[Any]:
    amount = (
        f"{'-' if spent.amount_nano < 0 else ''}{abs(spent.amount_nano) // NANO}.{abs(spent.amount_nano) % NANO:09d}"
    )
    return [kind, defused(id_), defused(name), amount, spent.requests, spent.failures, spent.tokens]


def defused(cell: str) -> str:
    """What a spreadsheet would take for a formula, and run."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
