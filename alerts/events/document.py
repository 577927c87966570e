"""docs/alert-catalogue.md, from the event classes: `python -m alerts.events.document` writes it."""

from collections.abc import Iterator
from pathlib import Path

from alerts.events import ALWAYS_ON, OFF_BY_DEFAULT, AlertType, Event
from alerts.events.kinds import grouped

PAGE = Path(__file__).parents[2] / "docs" / "alert-catalogue.md"
_HEAD = """# Alert catalogue

Every alert type, and every event that is told as one. `python -m alerts.events.document` writes this page from the
classes in `alerts/events`. How an event becomes a message is told in [alerts.md](alerts.md), the settings in
[config-reference.md](config-reference.md); reports are described in [reports.md](reports.md).

*Trouble* is an incident that stays open: it is told again every so often (a route may say otherwise) until it ends.
*News* is told once and over at once. Settings without a section are keys of `general_settings`, `litellm_settings` or
`router_settings`.
"""
_DURATIONS = ((86_400, "day"), (3600, "hour"), (60, "minute"))


def page() -> str:
    """docs/alert-catalogue.md as it should be."""
    parts = [_HEAD]
    for title, types in grouped():
        parts += [f"## {title}\n", *(_section(AlertType(name), words) for name, words in types)]
    return "\n".join(parts)


def event_classes() -> list[type[Event]]:
    """Those that can be raised: with a type of alert, and without others below them."""
    return list(_leaves(Event))


def _leaves(kind: type[Event]) -> Iterator[type[Event]]:
    for one in kind.__subclasses__():
        if "raised_when" in vars(one):
            yield one
        yield from _leaves(one)


def _section(alert_type: AlertType, words: str) -> str:
    switch = (
        "never off"
        if alert_type in ALWAYS_ON
        else "off unless `alert_types` names it"
        if alert_type in OFF_BY_DEFAULT
        else "on by default"
    )
    rows = [_row(kind) for kind in event_classes() if kind.alert_type == alert_type]
    head = "| event | level | raised when | over when | told again | settings |\n|---|---|---|---|---|---|\n"
    return f"### {alert_type}\n\n{words.capitalize()}; {switch}.\n\n{head}" + "\n".join(rows) + "\n"


def _row(kind: type[Event]) -> str:
    settings = ", ".join(f"`{name}`" for name in kind.shaped_by)
    repeat = "never" if kind.is_notice else f"every {_duration(kind.repeat_interval)}"
    cells = (kind.__name__, kind.level, kind.raised_when, _end(kind), repeat, settings)
    return f"| {' | '.join(cells)} |"


def _end(kind: type[Event]) -> str:
    if kind.is_notice:
        return "news: at once"
    quiet = f"{_duration(kind.quiet_interval)} without it"
    return f"{kind.ends_when}, or {quiet}" if kind.ends_when else quiet


def _duration(seconds: int) -> str:
    for length, name in _DURATIONS:
        if seconds % length == 0:
            number = seconds // length
            return name if number == 1 else f"{number} {name}s"
    return f"{seconds} seconds"


if __name__ == "__main__":
    PAGE.write_text(page())
