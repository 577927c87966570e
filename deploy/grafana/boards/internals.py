"""The machine room: books, stores, jobs, metrics."""

from deploy.grafana.panels import GREEN, Board, Kind, Level, Panel, Query, Row, Unit, quantile, rising

UP = (Level(1, GREEN),)
TASKS = "tollkeeper_tasks_total"


def stat(title: str, expr: str, unit: Unit = Unit.NUMBER, levels: tuple[Level, ...] = ()) -> Panel:
    return Panel(title, [Query(expr)], unit, Kind.STAT, 4, 5, levels=levels)


BOARD = Board(
    "tollkeeper-internals",
    "Tollkeeper: internals",
    "Books, stores, jobs and metrics of the gateway itself.",
    [
        Row(
            "Now",
            [
                stat("Scraped", 'min(up{job=~"litellm|tollkeeper"})', levels=UP),
                stat("Sums of all processes", "min(tollkeeper_metrics_store_up)", levels=UP),
                stat("Collectors", "min(tollkeeper_metrics_collector_up)", levels=UP),
                stat("Ledger lag", "max(tollkeeper_ledger_lag_seconds)", Unit.SECONDS, rising(10, 60)),
                stat(
                    "Since beat's last tick",
                    "time() - max(tollkeeper_beat_last_tick_timestamp_seconds)",
                    Unit.SECONDS,
                    rising(30, 120),
                ),
                stat("Limits without Redis", "max(tollkeeper_admission_degraded)", Unit.NUMBER, rising(1, 1)),
            ],
        ),
        Row(
            "Books",
            [
                Panel(
                    "Ledger lag", [Query("tollkeeper_ledger_lag_seconds", "lag")], Unit.SECONDS, levels=rising(10, 60)
                ),
                Panel("Entries in no balance yet", [Query("tollkeeper_ledger_waiting_entries", "entries")]),
                Panel(
                    "On disks, while the database is away",
                    [
                        Query("tollkeeper_ledger_spool_lines", "entries"),
                        Query("tollkeeper_ledger_spooling", "processes"),
                    ],
                ),
                Panel(
                    "Commit of the ledger",
                    [Query(quantile(part, "litellm_postgres_latency"), f"p{part * 100:g}") for part in (0.5, 0.99)],
                    Unit.SECONDS,
                ),
                Panel(
                    "Round trip of admission",
                    [Query(quantile(part, "litellm_redis_latency"), f"p{part * 100:g}") for part in (0.5, 0.99)],
                    Unit.SECONDS,
                ),
                Panel(
                    "Roll-up",
                    [
                        Query(quantile(part, "litellm_batch_write_to_db_latency"), f"p{part * 100:g}")
                        for part in (0.5, 0.99)
                    ],
                    Unit.SECONDS,
                ),
                Panel(
                    "Failures of stores",
                    [
                        Query(
                            "sum by (error_class) (rate(litellm_postgres_failed_requests_total[$__rate_interval]))",
                            "database {{error_class}}",
                        ),
                        Query(
                            "sum by (error_class) (rate(litellm_redis_failed_requests_total[$__rate_interval]))",
                            "redis {{error_class}}",
                        ),
                    ],
                    Unit.PER_SECOND,
                ),
                Panel("Calls that are in no ledger yet", [Query("tollkeeper_attempts_in_flight", "calls")]),
                Panel(
                    "Age of the oldest snapshot",
                    [Query("tollkeeper_snapshot_age_seconds", "age")],
                    Unit.SECONDS,
                    levels=rising(5, 30),
                ),
            ],
        ),
        Row(
            "Jobs",
            [
                Panel(
                    "Since they ended well",
                    [
                        Query("time() - tollkeeper_job_last_success_timestamp_seconds", "Ago"),
                        Query("tollkeeper_job_interval_seconds", "Every"),
                    ],
                    Unit.SECONDS,
                    Kind.TABLE,
                    8,
                    10,
                    hidden=("__name__", "instance", "job"),
                ),
                Panel(
                    "Tasks",
                    [Query(f"sum by (state) (rate({TASKS}[$__rate_interval])) * 60", "{{state}}")],
                    height=10,
                    is_stacked=True,
                    description="A minute.",
                ),
                Panel(
                    "Time of tasks, p95",
                    [Query(quantile(0.95, "tollkeeper_task_duration_seconds", "", "task"), "{{task}}")],
                    Unit.SECONDS,
                    height=10,
                ),
                Panel(
                    "Tasks that wait",
                    [
                        Query("sum by (queue) (tollkeeper_celery_queue_length)", "{{queue}}"),
                        Query("tollkeeper_celery_unacknowledged", "taken and not ended"),
                    ],
                    levels=rising(100, 500),
                ),
                Panel(
                    "Late by, p95",
                    [Query(quantile(0.95, "tollkeeper_task_late_seconds", "", "task"), "{{task}}")],
                    Unit.SECONDS,
                ),
                Panel(
                    "Tasks that failed, of an hour",
                    [Query(f'sum by (task, state) (increase({TASKS}{{state!="success"}}[1h]))', "{{task}} {{state}}")],
                ),
            ],
        ),
        Row(
            "Database",
            [
                Panel(
                    "Statements",
                    [Query("sum by (alias) (rate(django_db_execute_total[$__rate_interval]))", "{{alias}}")],
                    Unit.PER_SECOND,
                ),
                Panel(
                    "Time of a statement, p95",
                    [Query(quantile(0.95, "django_db_query_duration_seconds", "", "alias"), "{{alias}}")],
                    Unit.SECONDS,
                ),
                Panel(
                    "Errors",
                    [Query("sum by (type) (rate(django_db_errors_total[$__rate_interval]))", "{{type}}")],
                    Unit.PER_SECOND,
                ),
            ],
        ),
        Row(
            "Metrics",
            [
                Panel(
                    "Series, the ten metrics with the most",
                    [Query("topk(10, tollkeeper:metrics:series)", "{{metric_name}}")],
                    levels=rising(8000, 10000),
                ),
                Panel(
                    "Time of a scrape",
                    [Query('scrape_duration_seconds{job=~"litellm|tollkeeper"}', "{{instance}}")],
                    Unit.SECONDS,
                    levels=rising(1, 5),
                ),
                Panel(
                    "Errors",
                    [Query("sum by (stage) (increase(tollkeeper_metrics_errors_total[1h]))", "{{stage}}")],
                    description="An hour.",
                    levels=rising(1, 10),
                ),
                Panel(
                    "Versions",
                    [Query("sum by (version, python_version) (tollkeeper_build_info)", "Processes")],
                    kind=Kind.TABLE,
                ),
                Panel(
                    "Users and teams",
                    [
                        Query("litellm_total_users", "users"),
                        Query("litellm_active_users", "active users"),
                        Query("litellm_teams_count", "teams"),
                    ],
                ),
                Panel(
                    "Traces that were dropped",
                    [Query("increase(tollkeeper_request_traces_dropped_total[1h])", "an hour")],
                ),
            ],
        ),
    ],
)
