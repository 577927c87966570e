"""The upstreams: how they stand, what they answer, what they leave us."""

from deploy.grafana.panels import (
    GREEN,
    RED,
    YELLOW,
    Board,
    Kind,
    Panel,
    Query,
    Row,
    Unit,
    Variable,
    quantile,
    rising,
)

GROUP = Variable("group", "Model group", "litellm_deployment_total_requests_total", "model_group")
PROVIDER = Variable("provider", "Provider", "litellm_deployment_total_requests_total", "api_provider")
CHOSEN = 'model_group=~"$group",api_provider=~"$provider"'
OF_PROVIDER = 'api_provider=~"$provider"'
ONE = "litellm_model_name, model_id, api_provider"
NAME = "{{litellm_model_name}} {{model_id}}"

BOARD = Board(
    "tollkeeper-deployments",
    "Tollkeeper: deployments",
    "How upstreams stand, what they answer, what they leave us.",
    [
        Row(
            "State",
            [
                Panel(
                    "State",
                    [Query(f"max by ({ONE}) (litellm_deployment_state{{{OF_PROVIDER}}})", NAME)],
                    kind=Kind.STATES,
                    width=16,
                    height=10,
                    levels=rising(1, 2),
                    texts=((0, "healthy", GREEN), (1, "some fail", YELLOW), (2, "down", RED)),
                ),
                Panel(
                    "Cooldowns of an hour",
                    [
                        Query(
                            "sum by (litellm_model_name, model_id, exception_status) "
                            f"(increase(litellm_deployment_cooled_down_total{{{OF_PROVIDER}}}[1h]))",
                            NAME + " {{exception_status}}",
                        )
                    ],
                    width=8,
                    height=10,
                    levels=rising(10, 50),
                ),
            ],
        ),
        Row(
            "Calls",
            [
                Panel(
                    "Calls",
                    [
                        Query(
                            f"sum by ({ONE}) "
                            f"(rate(litellm_deployment_total_requests_total{{{CHOSEN}}}[$__rate_interval]))",
                            NAME,
                        )
                    ],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
                Panel(
                    "Failed",
                    [Query(f"tollkeeper:deployment_failed:ratio5m{{{OF_PROVIDER}}}", NAME)],
                    Unit.PERCENT,
                    levels=rising(0.05, 0.5),
                ),
                Panel(
                    "Failures",
                    [
                        Query(
                            "sum by (litellm_model_name, exception_class, exception_status) "
                            f"(rate(litellm_deployment_failure_responses_total{{{CHOSEN}}}[$__rate_interval]))",
                            "{{litellm_model_name}} {{exception_class}} {{exception_status}}",
                        )
                    ],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
                Panel(
                    "Answered",
                    [
                        Query(
                            "sum by (api_provider) "
                            f"(rate(litellm_deployment_success_responses_total{{{CHOSEN}}}[$__rate_interval]))",
                            "{{api_provider}}",
                        )
                    ],
                    Unit.PER_SECOND,
                    is_stacked=True,
                ),
                Panel(
                    "Time of a call, p95",
                    [
                        Query(
                            quantile(0.95, "litellm_llm_api_latency_metric", CHOSEN, "model, model_id"),
                            "{{model}} {{model_id}}",
                        )
                    ],
                    Unit.SECONDS,
                ),
                Panel(
                    "Time of an output token, p95",
                    [
                        Query(
                            quantile(
                                0.95,
                                "litellm_deployment_latency_per_output_token",
                                CHOSEN,
                                "litellm_model_name, model_id",
                            ),
                            NAME,
                        )
                    ],
                    Unit.SECONDS,
                ),
            ],
        ),
        Row(
            "Fallbacks",
            [
                Panel(
                    "Share of requests that fell back",
                    [
                        Query(
                            'tollkeeper:fallbacks:rate5m{requested_model=~"$group"} '
                            '/ (tollkeeper:requests_judged:rate5m{requested_model=~"$group"} > 0)',
                            "{{requested_model}}",
                        )
                    ],
                    Unit.PERCENT,
                    levels=rising(0.1, 0.5),
                ),
                Panel(
                    "Who stands in for whom, of the time shown",
                    [
                        Query(
                            "sum by (requested_model, fallback_model, exception_class) "
                            "(increase(litellm_deployment_successful_fallbacks_total[$__range]))",
                            "Answered",
                        ),
                        Query(
                            "sum by (requested_model, fallback_model, exception_class) "
                            "(increase(litellm_deployment_failed_fallbacks_total[$__range]))",
                            "Failed",
                        ),
                    ],
                    kind=Kind.TABLE,
                    width=16,
                ),
            ],
        ),
        Row(
            "What is left",
            [
                Panel(
                    "Requests that are left",
                    [Query(f"min by ({ONE}) (litellm_remaining_requests_metric{{{CHOSEN}}})", NAME)],
                ),
                Panel(
                    "Tokens that are left",
                    [Query(f"min by ({ONE}) (litellm_remaining_tokens_metric{{{CHOSEN}}})", NAME)],
                ),
                Panel(
                    "Limits a minute",
                    [
                        Query(f"max by ({ONE}) (litellm_deployment_rpm_limit{{{CHOSEN}}})", NAME + " requests"),
                        Query(f"max by ({ONE}) (litellm_deployment_tpm_limit{{{CHOSEN}}})", NAME + " tokens"),
                    ],
                ),
            ],
        ),
    ],
    [GROUP, PROVIDER],
)
