"""Where the time goes: the provider's, ours, the wait, the first token."""

from deploy.grafana.panels import CHOSEN, KEY, MODEL, TEAM, Board, Kind, Panel, Query, Row, Unit, quantile, rising

TOTAL = "litellm_request_total_latency_metric"
UPSTREAM = "litellm_llm_api_latency_metric"
FIRST = "litellm_llm_api_time_to_first_token_metric"
QUEUE = "litellm_request_queue_time_seconds"
OVERHEAD = "litellm_overhead_latency_metric"
PER_TOKEN = "litellm_deployment_latency_per_output_token"  # noqa: S105 - a metric
OF_GROUP = 'model_group=~"$model"'
OF_TEAM_AND_GROUP = 'model_group=~"$model",team_alias=~"$team"'


def parts(metric: str, labels: str) -> list[Query]:
    return [Query(quantile(part, metric, labels), f"p{part * 100:g}") for part in (0.5, 0.9, 0.99)]


def heatmap(title: str, metric: str) -> Panel:
    expr = f"sum by (le) (increase({metric}_bucket{{{CHOSEN}}}[$__rate_interval]))"
    return Panel(title, [Query(expr, "{{le}}")], Unit.NUMBER, Kind.HEATMAP, 12)


BOARD = Board(
    "tollkeeper-latency",
    "Tollkeeper: latency",
    "Where the time of requests goes.",
    [
        Row(
            "Whole requests",
            [
                Panel("From arrival to the last byte", parts(TOTAL, CHOSEN), Unit.SECONDS),
                Panel(
                    "p95 by model",
                    [Query(quantile(0.95, TOTAL, CHOSEN, "requested_model"), "{{requested_model}}")],
                    Unit.SECONDS,
                ),
                Panel(
                    "However they ended, p95",
                    [Query(quantile(0.95, "tollkeeper_request_duration_seconds", OF_GROUP, "outcome"), "{{outcome}}")],
                    Unit.SECONDS,
                ),
                heatmap("All", TOTAL),
                heatmap("Upstreams alone", UPSTREAM),
            ],
        ),
        Row(
            "Streams",
            [
                Panel("First content", parts(FIRST, CHOSEN), Unit.SECONDS, levels=rising(5, 10)),
                Panel(
                    "Later than five seconds",
                    [
                        Query(
                            'tollkeeper:streams_slow:ratio5m{gen_ai_request_model=~"$model"}',
                            "{{gen_ai_request_model}}",
                        )
                    ],
                    Unit.PERCENT,
                    levels=rising(0.05, 0.25),
                ),
                Panel("An output token", parts(PER_TOKEN, OF_TEAM_AND_GROUP), Unit.SECONDS),
            ],
        ),
        Row(
            "Parts",
            [
                Panel("Upstream", parts(UPSTREAM, CHOSEN), Unit.SECONDS),
                Panel("Before an upstream is asked", parts(QUEUE, CHOSEN), Unit.SECONDS),
                Panel("The gateway itself", parts(OVERHEAD, OF_GROUP), Unit.SECONDS, levels=rising(0.01, 0.1)),
            ],
        ),
        Row(
            "As OpenTelemetry has it",
            [
                Panel(
                    "Operation, p95",
                    [
                        Query(
                            quantile(
                                0.95,
                                "gen_ai_client_operation_duration_seconds",
                                "",
                                "gen_ai_provider_name, gen_ai_response_model",
                            ),
                            "{{gen_ai_provider_name}} {{gen_ai_response_model}}",
                        )
                    ],
                    Unit.SECONDS,
                ),
                Panel(
                    "Tokens of an operation, p95",
                    [
                        Query(
                            quantile(0.95, "gen_ai_client_token_usage", "", "gen_ai_token_type"),
                            "{{gen_ai_token_type}}",
                        )
                    ],
                ),
                Panel(
                    "Operations that failed",
                    [
                        Query(
                            "sum by (gen_ai_provider_name, error_type) "
                            '(rate(gen_ai_client_operation_duration_seconds_count{error_type!=""}[$__rate_interval]))',
                            "{{gen_ai_provider_name}} {{error_type}}",
                        )
                    ],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
            ],
        ),
    ],
    [TEAM, MODEL, KEY],
)
