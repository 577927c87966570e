"""The bells: what rings, who is told, what does not get through."""

from deploy.grafana.panels import Board, Kind, Panel, Query, Row, Unit, quantile, rising

ATTEMPTS = "tollkeeper_alert_delivery_attempts_total"


def stat(title: str, expr: str, unit: Unit = Unit.NUMBER, *levels: float) -> Panel:
    return Panel(title, [Query(expr)], unit, Kind.STAT, 4, 5, levels=rising(*levels) if levels else ())


BOARD = Board(
    "tollkeeper-alerts",
    "Tollkeeper: alerts",
    "What rings, who is told, what does not get through.",
    [
        Row(
            "Now",
            [
                stat("Open", 'sum(tollkeeper_alert_incidents{status="open"}) or vector(0)', Unit.NUMBER, 1, 10),
                stat("Acknowledged", 'sum(tollkeeper_alert_incidents{status="acknowledged"}) or vector(0)'),
                stat(
                    "Channels that fail",
                    "count(tollkeeper_alert_channel_failing_since_timestamp_seconds) or vector(0)",
                    Unit.NUMBER,
                    1,
                    2,
                ),
                stat(
                    "Messages that wait", "sum(tollkeeper_alert_deliveries_waiting) or vector(0)", Unit.NUMBER, 50, 500
                ),
                stat("Oldest that is due", "max(tollkeeper_alert_oldest_due_seconds)", Unit.SECONDS, 60, 600),
                stat("Given up", "sum(tollkeeper_alert_deliveries_given_up) or vector(0)", Unit.NUMBER, 1, 10),
            ],
        ),
        Row(
            "What rings",
            [
                Panel(
                    "Incidents",
                    [Query("sum by (alert_type, level) (tollkeeper_alert_incidents)", "{{alert_type}} {{level}}")],
                    width=12,
                    is_stacked=True,
                ),
                Panel(
                    "Of Prometheus",
                    [Query('sum by (alertname, severity) (ALERTS{alertstate="firing"})', "Firing")],
                    kind=Kind.TABLE,
                    width=12,
                ),
                Panel(
                    "Events",
                    [
                        Query(
                            "sum by (alert_type) (rate(tollkeeper_alert_events_total[$__rate_interval])) * 60",
                            "{{alert_type}}",
                        )
                    ],
                    width=12,
                    is_stacked=True,
                    description="A minute.",
                ),
                Panel(
                    "What became of them",
                    [
                        Query(
                            "sum by (reason) (rate(tollkeeper_alert_events_total[$__rate_interval])) * 60", "{{reason}}"
                        )
                    ],
                    width=12,
                    is_stacked=True,
                    description="A minute. Only deliver is told at once.",
                ),
            ],
        ),
        Row(
            "Who is told",
            [
                Panel(
                    "Calls of channels",
                    [
                        Query(
                            f"sum by (channel, outcome) (rate({ATTEMPTS}[$__rate_interval])) * 60",
                            "{{channel}} {{outcome}}",
                        )
                    ],
                    is_stacked=True,
                    description="A minute.",
                ),
                Panel(
                    "From due to taken, p95",
                    [
                        Query(
                            quantile(0.95, "tollkeeper_alert_delivery_delay_seconds", "", "channel_kind"),
                            "{{channel_kind}}",
                        )
                    ],
                    Unit.SECONDS,
                    levels=rising(30, 300),
                ),
                Panel(
                    "Time of a call, p95",
                    [
                        Query(
                            quantile(0.95, "tollkeeper_alert_delivery_duration_seconds", "", "channel_kind"),
                            "{{channel_kind}}",
                        )
                    ],
                    Unit.SECONDS,
                ),
                Panel("Waiting", [Query("sum by (channel) (tollkeeper_alert_deliveries_waiting)", "{{channel}}")]),
                Panel(
                    "Failing for",
                    [
                        Query(
                            "max by (channel, channel_kind) "
                            "(time() - tollkeeper_alert_channel_failing_since_timestamp_seconds)",
                            "Failing for",
                        )
                    ],
                    Unit.SECONDS,
                    Kind.TABLE,
                ),
                Panel(
                    "Events that were dropped",
                    [Query("increase(tollkeeper_alert_events_dropped_total[1h])", "an hour")],
                    levels=rising(1, 100),
                ),
            ],
        ),
    ],
)
