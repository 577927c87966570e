"""The days and moments that somebody asks of spend routes. A last day is the whole of it: both ends are included."""

from datetime import UTC, date, datetime, timedelta

from teams.errors import Invalid

_FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S")


def days_between(start: str | None, end: str | None, *, missing: str | None = None) -> tuple[date | None, date | None]:
    """Raises Invalid: for what is no date, for an end before its start, and with the sentence `missing` for an absent

    one, where one is given.
    """
    if missing is not None and not (start and end):
        raise Invalid(missing)
    first = _moment(start)[0].date() if start else None
    last = _moment(end)[0].date() if end else None
    if first is not None and last is not None and last < first:
        raise _disordered()
    return first, last


def moments_between(
    start: str | None, end: str | None, *, missing: str | None = None
) -> tuple[datetime | None, datetime | None]:
    """The first instant that counts, and the first that does not any more. Raises Invalid as days_between does."""
    if missing is not None and not (start and end):
        raise Invalid(missing, type_="bad_request")
    began = _moment(start)[0] if start else None
    ended = _after(*_moment(end)) if end else None
    if began is not None and ended is not None and ended <= began:
        raise _disordered()
    return began, ended


def last_days(count: int, *, now: datetime) -> tuple[date, date]:
    """Today and those before it, in UTC."""
    today = now.astimezone(UTC).date()
    return today - timedelta(days=count - 1), today


def _after(moment: datetime, whole_day: bool) -> datetime:
    """A second that is named is the whole of it, too."""
    part = timedelta(microseconds=1) if moment.microsecond else timedelta(seconds=1)
    try:
        return moment + (timedelta(days=1) if whole_day else part)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _moment(text: str) -> tuple[datetime, bool]:
    """In UTC, which is also what a text without a zone means; and whether it is a day alone."""
    for form in _FORMATS:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC), form == _FORMATS[0]
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(text)
        return (moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)), False
    except (ValueError, OverflowError):
        raise Invalid(
            f"Invalid date format: {text[:40]!r}. Use YYYY-MM-DD or YYYY-MM-DD HH:MM:SS.", type_="bad_request"
        ) from None


def _disordered() -> Invalid:
    return Invalid("start_date must not be after end_date.", type_="bad_request")
