"""What one looks at first: is it well, who is served, what does it cost."""

from deploy.grafana.panels import (
    CHOSEN,
    KEY,
    MODEL,
    TEAM,
    Board,
    Kind,
    Panel,
    Query,
    Row,
    Unit,
    quantile,
    rising,
)

TOTAL = "litellm_proxy_total_requests_metric_total"
FAILED = "litellm_proxy_failed_requests_metric_total"
LATENCY = "litellm_request_total_latency_metric"


def now(title: str, expr: str, unit: Unit = Unit.NUMBER, *levels: float, description: str = "") -> Panel:
    found = rising(*levels) if levels else ()
    return Panel(title, [Query(expr)], unit, Kind.STAT, 3, 5, description, found)


BOARD = Board(
    "tollkeeper-overview",
    "Tollkeeper: overview",
    "Is the gateway well, who is served, what does it cost.",
    [
        Row(
            "Now",
            [
                now("Requests", f"sum(rate({TOTAL}{{{CHOSEN}}}[$__rate_interval]))", Unit.PER_SECOND),
                now(
                    "Failed",
                    f"(sum(rate({FAILED}{{{CHOSEN}}}[5m])) or vector(0)) / sum(rate({TOTAL}{{{CHOSEN}}}[5m]))",
                    Unit.PERCENT,
                    0.01,
                    0.05,
                    description="All that got no successful answer, the client's own mistakes and limits included.",
                ),
                now("p95 of all time", quantile(0.95, LATENCY, CHOSEN), Unit.SECONDS, 10, 60),
                now("In flight", "sum(litellm_in_flight_requests)"),
                now("Spend of 24 hours", f"sum(increase(litellm_spend_metric_total{{{CHOSEN}}}[24h]))", Unit.DOLLARS),
                now("Deployments down", "count(litellm_deployment_state == 2) or vector(0)", Unit.NUMBER, 1, 3),
                now(
                    "Budgets above 80 %",
                    "count(tollkeeper_budget_utilization_ratio >= 0.8) or vector(0)",
                    Unit.NUMBER,
                    1,
                    5,
                ),
                now("Open incidents", 'sum(tollkeeper_alert_incidents{status="open"}) or vector(0)', Unit.NUMBER, 1, 5),
            ],
        ),
        Row(
            "Requests",
            [
                Panel(
                    "By model",
                    [
                        Query(
                            f"sum by (requested_model) (rate({TOTAL}{{{CHOSEN}}}[$__rate_interval]))",
                            "{{requested_model}}",
                        )
                    ],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
                Panel(
                    "By status",
                    [Query(f"sum by (status_code) (rate({TOTAL}{{{CHOSEN}}}[$__rate_interval]))", "{{status_code}}")],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
                Panel(
                    "By team",
                    [Query(f"sum by (team_alias) (rate({TOTAL}{{{CHOSEN}}}[$__rate_interval]))", "{{team_alias}}")],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
                Panel(
                    "Failed through nobody's fault but ours, of five minutes and an hour",
                    [
                        Query(
                            'tollkeeper:requests_failed:ratio5m{requested_model=~"$model"}', "{{requested_model}} 5m"
                        ),
                        Query(
                            'tollkeeper:requests_failed:ratio1h{requested_model=~"$model"}', "{{requested_model}} 1h"
                        ),
                    ],
                    Unit.PERCENT,
                    description="The objective is 0.5 %; a page comes at 7.2 % of an hour.",
                    levels=rising(0.005, 0.072),
                ),
                Panel(
                    "Failures",
                    [
                        Query(
                            f"sum by (exception_class, exception_status) "
                            f"(rate({FAILED}{{{CHOSEN}}}[$__rate_interval]))",
                            "{{exception_class}} {{exception_status}}",
                        )
                    ],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
                Panel(
                    "Refused by limits and budgets",
                    [
                        Query(
                            "sum by (rate_limit_category, rate_limit_type) "
                            "(rate(tollkeeper_rate_limited_requests_total[$__rate_interval]))",
                            "{{rate_limit_category}} {{rate_limit_type}}",
                        )
                    ],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
            ],
        ),
        Row(
            "Work and money",
            [
                Panel(
                    "Spend an hour, by team",
                    [
                        Query(
                            "sum by (team_alias) "
                            f"(rate(litellm_spend_metric_total{{{CHOSEN}}}[$__rate_interval])) * 3600",
                            "{{team_alias}}",
                        )
                    ],
                    Unit.DOLLARS,
                    is_stacked=True,
                ),
                Panel(
                    "Tokens a second",
                    [
                        Query(f"sum(rate(litellm_input_tokens_metric_total{{{CHOSEN}}}[$__rate_interval]))", "input"),
                        Query(f"sum(rate(litellm_output_tokens_metric_total{{{CHOSEN}}}[$__rate_interval]))", "output"),
                    ],
                    is_stacked=True,
                ),
                Panel(
                    "Time of requests",
                    [Query(quantile(part, LATENCY, CHOSEN), f"p{part * 100:g}") for part in (0.5, 0.95, 0.99)],
                    Unit.SECONDS,
                ),
            ],
        ),
    ],
    [TEAM, MODEL, KEY],
)
