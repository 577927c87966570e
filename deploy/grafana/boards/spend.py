"""For who pays: what was spent by whom on what, and how budgets stand."""

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
    rising,
)

SPEND = f"litellm_spend_metric_total{{{CHOSEN}}}"
TOKENS = f"litellm_total_tokens_metric_total{{{CHOSEN}}}"
INPUT = f"litellm_input_tokens_metric_total{{{CHOSEN}}}"
OUTPUT = f"litellm_output_tokens_metric_total{{{CHOSEN}}}"
CACHED = f"litellm_input_cached_tokens_metric_total{{{CHOSEN}}}"
BUDGET = "scope, entity, alias, model, window"


def spent_by(title: str, labels: str) -> Panel:
    queries = [
        Query(f"sort_desc(sum by ({labels}) (increase({SPEND}[$__range])))", "Spent"),
        Query(f"sum by ({labels}) (increase({TOKENS}[$__range]))", "Tokens"),
    ]
    return Panel(title, queries, Unit.NUMBER, Kind.TABLE, 8, 9, units=(("Spent", Unit.DOLLARS),))


def stat(title: str, expr: str, unit: Unit, description: str = "") -> Panel:
    return Panel(title, [Query(expr)], unit, Kind.STAT, 4, 5, description)


BOARD = Board(
    "tollkeeper-spend",
    "Tollkeeper: spend and budgets",
    "The ledger's sums, and every budget there is.",
    [
        Row(
            "Of the time shown",
            [
                stat("Spent", f"sum(increase({SPEND}[$__range]))", Unit.DOLLARS),
                stat("Of the 30 days before now", f"sum(increase({SPEND}[30d]))", Unit.DOLLARS),
                stat(
                    "A request",
                    f"sum(increase({SPEND}[$__range])) / "
                    f"sum(increase(litellm_requests_metric_total{{{CHOSEN}}}[$__range]))",
                    Unit.DOLLARS,
                    "Spend by answered calls of upstreams.",
                ),
                stat(
                    "A million tokens",
                    f"1e6 * sum(increase({SPEND}[$__range])) / sum(increase({TOKENS}[$__range]))",
                    Unit.DOLLARS,
                ),
                stat(
                    "Input that providers had cached",
                    f"(sum(increase({CACHED}[$__range])) or vector(0)) / sum(increase({INPUT}[$__range]))",
                    Unit.PERCENT,
                ),
                stat(
                    "Held for requests under way",
                    "sum(tollkeeper_held_usd)",
                    Unit.DOLLARS,
                    "One that counts for several budgets is in it several times.",
                ),
            ],
        ),
        Row(
            "Who and what",
            [
                spent_by("By team", "team_alias, team"),
                spent_by("By key", "api_key_alias, team_alias"),
                spent_by("By model", "requested_model, model, api_provider"),
                Panel(
                    "An hour, by team",
                    [Query(f"sum by (team_alias) (rate({SPEND}[$__rate_interval])) * 3600", "{{team_alias}}")],
                    Unit.DOLLARS,
                    is_stacked=True,
                ),
                Panel(
                    "An hour, by model",
                    [Query(f"sum by (model) (rate({SPEND}[$__rate_interval])) * 3600", "{{model}}")],
                    Unit.DOLLARS,
                    is_stacked=True,
                ),
                Panel(
                    "An hour, by provider",
                    [Query(f"sum by (api_provider) (rate({SPEND}[$__rate_interval])) * 3600", "{{api_provider}}")],
                    Unit.DOLLARS,
                    is_stacked=True,
                ),
                Panel(
                    "Input tokens a second, by model",
                    [Query(f"sum by (model) (rate({INPUT}[$__rate_interval]))", "{{model}}")],
                    is_stacked=True,
                ),
                Panel(
                    "Output tokens a second, by model",
                    [Query(f"sum by (model) (rate({OUTPUT}[$__rate_interval]))", "{{model}}")],
                    is_stacked=True,
                ),
                Panel(
                    "Calls without a known price, of an hour",
                    [
                        Query(
                            "sum by (model, api_provider) (increase(litellm_zero_cost_requests_total[1h]))",
                            "{{model}} {{api_provider}}",
                        )
                    ],
                    levels=rising(1, 100),
                ),
            ],
        ),
        Row(
            "Budgets",
            [
                Panel(
                    "Every budget",
                    [
                        Query(f"sort_desc(max by ({BUDGET}) (tollkeeper_budget_utilization_ratio))", "Used"),
                        Query(f"max by ({BUDGET}) (tollkeeper_budget_spent_usd)", "Spent"),
                        Query(f"max by ({BUDGET}) (tollkeeper_budget_limit_usd)", "Budget"),
                        Query(f"max by ({BUDGET}) (tollkeeper_budget_reset_timestamp_seconds) * 1000", "Period ends"),
                        Query(f"max by ({BUDGET}) (tollkeeper:budget_burn:ratio1h)", "Burn"),
                    ],
                    kind=Kind.TABLE,
                    width=16,
                    height=12,
                    description="Burn: how many times what is left would be spent by the period's end at the pace of "
                    "the last hour. Above 1 the budget will not last.",
                    units=(
                        ("Used", Unit.PERCENT),
                        ("Spent", Unit.DOLLARS),
                        ("Budget", Unit.DOLLARS),
                        ("Period ends", Unit.MOMENT),
                    ),
                ),
                Panel(
                    "The ten most used",
                    [
                        Query(
                            "topk(10, tollkeeper_budget_utilization_ratio)", "{{scope}} {{alias}} {{entity}} {{window}}"
                        )
                    ],
                    Unit.PERCENT,
                    Kind.BARS,
                    8,
                    12,
                    levels=rising(0.8, 0.95),
                ),
                Panel(
                    "Teams: left",
                    [Query('litellm_remaining_team_budget_metric{team_alias=~"$team"}', "{{team_alias}}")],
                    Unit.DOLLARS,
                ),
                Panel(
                    "Keys: left",
                    [Query('litellm_remaining_api_key_budget_metric{api_key_alias=~"$key"}', "{{api_key_alias}}")],
                    Unit.DOLLARS,
                ),
                Panel(
                    "Burn",
                    [Query("tollkeeper:budget_burn:ratio1h", "{{scope}} {{alias}} {{entity}} {{window}}")],
                    levels=rising(1, 5),
                ),
                Panel(
                    "Providers: left",
                    [Query("litellm_provider_remaining_budget_metric", "{{api_provider}}")],
                    Unit.DOLLARS,
                ),
                Panel(
                    "Answers dearer than what was held for them, an hour",
                    [Query("sum by (model) (increase(tollkeeper_hold_shortfall_usd_total[1h]))", "{{model}}")],
                    Unit.DOLLARS,
                    description="Budgets may be overshot by this much.",
                ),
                Panel(
                    "Rate limits in use",
                    [
                        Query(
                            "litellm_team_rate_limit_used_metric / (litellm_team_rate_limit_allowed_metric > 0)",
                            "{{team_alias}} {{rate_limit_type}}",
                        ),
                        Query(
                            "topk(10, litellm_api_key_rate_limit_used_metric "
                            "/ (litellm_api_key_rate_limit_allowed_metric > 0))",
                            "{{api_key_alias}} {{rate_limit_type}}",
                        ),
                    ],
                    Unit.PERCENT,
                    levels=rising(0.8, 1),
                ),
            ],
        ),
    ],
    [TEAM, MODEL, KEY],
)
