"""What of LiteLLM works here: routes, keys of config.yaml, headers and alert types, for docs/moving-from-litellm.md."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_NOT_RELAYED = "no pass-through and no stored objects of providers: only calls that can be priced are relayed"
_NO_UI = "there is no separate UI: the admin has its place"
_NO_CACHE = "there is no cache of answers"


@dataclass(frozen=True)
class Area:
    """`routes` are LiteLLM's, each as "GET /path". Those that `missing` names are not offered, and why.

    `differs` says of some that they answer otherwise; the rest works.
    """

    title: str
    routes: str
    differs: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def named(self) -> Iterator[tuple[str, str]]:
        """Method and path of each route that is offered."""
        words = self.routes.split()
        return zip(words[::2], words[1::2], strict=True)


AREAS: tuple[Area, ...] = (
    Area(
        "Completions",
        """
        POST /chat/completions POST /v1/chat/completions POST /openai/deployments/{model}/chat/completions
        POST /engines/{model}/chat/completions POST /completions POST /v1/completions POST /embeddings
        POST /v1/embeddings POST /v1/messages POST /v1/messages/count_tokens POST /responses POST /v1/responses
        POST /moderations POST /v1/moderations POST /images/generations POST /v1/images/generations
        POST /audio/transcriptions POST /v1/audio/transcriptions POST /audio/speech POST /v1/audio/speech POST /rerank
        POST /v1/rerank POST /v2/rerank GET /models GET /v1/models GET /models/{id} GET /v1/models/{id}
        """,
        differs={
            "POST /chat/completions": '`model: "a,b"` asks no two models: it is an unknown model; '
            "`cache` and `guardrails` in the body change nothing; `mock_testing_...` is always refused",
        },
        missing={
            "GET /v1/responses/{id}": "answers are not stored",
            "POST /v1/images/edits": "not built",
            "POST /utils/token_counter": "not built; `/v1/messages/count_tokens` counts",
            "POST /v1/files": _NOT_RELAYED,
            "POST /v1/batches": _NOT_RELAYED,
            "POST /v1/fine_tuning/jobs": _NOT_RELAYED,
            "POST /v1/assistants": _NOT_RELAYED,
            "POST /v1/vector_stores": _NOT_RELAYED,
            "GET /v1/realtime": _NOT_RELAYED,
            "POST /anthropic/v1/messages": _NOT_RELAYED,
            "POST /vertex_ai/v1/projects": _NOT_RELAYED,
            "POST /queue/chat/completions": "no priority queue",
            "GET /mcp": "no MCP gateway",
        },
    ),
    Area(
        "Keys",
        """
        POST /key/generate POST /key/service-account/generate POST /key/update POST /key/bulk_update POST /key/delete
        GET /key/info POST /v2/key/info GET /key/list GET /key/aliases POST /key/block POST /key/unblock
        POST /key/regenerate POST /key/{key}/regenerate POST /key/{key}/reset_spend POST /key/health
        """,
        differs={
            "POST /key/generate": "what LiteLLM asks a licence for (tags, budgets by model) is there; a field that "
            "nobody knows is ignored and named in the header `x-tollkeeper-ignored-fields`",
            "POST /key/block": "holds on every process within five seconds",
            "POST /key/regenerate": "needs no licence",
        },
    ),
    Area(
        "Teams",
        """
        POST /team/new POST /team/update POST /team/delete GET /team/info GET /team/list GET /v2/team/list
        POST /team/block POST /team/unblock POST /team/member_add POST /team/bulk_member_add POST /team/member_update
        POST /team/member_delete POST /team/{team_id}/member/{user_id}/reset_spend GET /team/permissions_list
        POST /team/permissions_update POST /team/model/add POST /team/model/delete GET /team/available
        GET /team/daily/activity GET /team/daily/activity/aggregated
        """,
        differs={
            "POST /team/block": "holds on every process within five seconds",
            "POST /team/member_update": "somebody who is not a member gets an error and no ghost membership",
        },
        missing={"POST /team/{team_id}/callback": "no callbacks of teams"},
    ),
    Area(
        "Users, customers, organizations, budgets, tags",
        """
        POST /user/new POST /user/update POST /user/bulk_update POST /user/delete GET /user/info GET /v2/user/info
        GET /user/list GET /user/available_roles GET /user/daily/activity POST /customer/new POST /customer/update
        GET /customer/info GET /customer/list POST /customer/delete POST /customer/block POST /customer/unblock
        GET /customer/daily/activity POST /end_user/new GET /end_user/info POST /organization/new
        PATCH /organization/update DELETE /organization/delete GET /organization/info GET /organization/list
        POST /organization/member_add PATCH /organization/member_update DELETE /organization/member_delete
        GET /organization/daily/activity POST /budget/new POST /budget/update POST /budget/info GET /budget/list
        GET /budget/settings POST /budget/delete POST /tag/new POST /tag/update POST /tag/info GET /tag/list
        POST /tag/delete GET /tag/daily/activity POST /invitation/new GET /invitation/info POST /invitation/delete
        """,
        differs={
            "POST /user/update": "an unknown user is a 404 and is not made",
            "POST /budget/update": "an unknown budget is a 404",
            "POST /budget/delete": "an unknown budget is a 404",
            "POST /organization/new": "needs no licence",
            "POST /customer/block": "needs no licence",
        },
        missing={
            "GET /sso/key/generate": "people sign in to the admin at `/sso/login`",
            "POST /scim/v2/Users": "no SCIM",
            "POST /project/new": "no projects",
        },
    ),
    Area(
        "Models",
        """
        POST /model/new POST /model/update PATCH /model/{model_id}/update POST /model/delete GET /model/info
        GET /v1/model/info GET /v2/model/info GET /model_group/info POST /model/block POST /model/unblock
        GET /model/deprecations GET /v1/model/deprecations
        """,
        differs={
            "POST /model/new": "needs no `store_model_in_db`; an upstream on a private network only where a setting "
            "names it; takes requests within two seconds",
            "POST /model/block": "a drain: what runs there ends in peace",
        },
        missing={
            "GET /model/metrics": "the metrics and the admin's *Deployments* have it",
            "POST /credentials": "credentials belong to their deployment",
            "POST /access_group/new": "`model_info.access_groups` of the deployments says it",
        },
    ),
    Area(
        "Spend",
        """
        GET /spend/logs GET /spend/logs/v2 GET /spend/logs/ui GET /spend/logs/ui/{request_id} GET /spend/keys
        GET /spend/users GET /spend/tags POST /spend/calculate POST /cost/estimate GET /global/spend
        GET /global/spend/logs GET /global/spend/keys GET /global/spend/teams GET /global/spend/models
        GET /global/spend/provider GET /global/spend/tags GET /global/spend/all_tag_names POST /global/spend/end_users
        GET /global/spend/report GET /global/activity GET /global/activity/model GET /global/activity/exceptions
        GET /global/activity/cache_hits POST /global/spend/reset GET /provider/budgets GET /gateway/daily/activity
        """,
        differs={
            "GET /spend/logs": "both dates count in full",
            "GET /spend/logs/ui/{request_id}": "prompts and answers are not stored, so there is nothing to show",
            "GET /global/spend/report": "needs no licence; CSV as well",
            "GET /provider/budgets": "empty where none is configured, and no error",
        },
        missing={"GET /key/spend/report": "`/global/spend/report?api_key=...` has it"},
    ),
    Area(
        "Operation",
        """
        GET /health/liveliness GET /health/liveness GET /health/readiness GET /health/readiness/details GET /health
        GET /health/services GET /health/history GET /health/latest GET /health/backlog POST /health/test_connection
        GET /metrics GET /docs GET /openapi.json GET /alerting/settings GET /config/list POST /config/field/update
        POST /config/field/delete GET /config/field/info POST /config/update GET /get/config/callbacks GET /settings
        GET /active/callbacks GET /audit GET /audit/{id} GET /email/event_settings PATCH /email/event_settings
        POST /email/event_settings/reset
        """,
        differs={
            "GET /metrics": "open unless `require_auth_for_metrics_endpoint` or `TOLLKEEPER_METRICS_TOKEN` says "
            "otherwise; no redirect",
            "GET /health": "the probes are in no sum of spend",
            "GET /health/services": "sends a test to every channel of the service and says what each answered",
            "POST /config/update": "refuses `environment_variables`",
            "GET /docs": "no second form of it at `/redoc`",
        },
        missing={
            "GET /redoc": "`/docs` has it",
            "GET /routes": "`/openapi.json` has it",
            "GET /router/settings": "`GET /get/config/callbacks` shows `router_settings`",
            "GET /cache/ping": _NO_CACHE,
            "POST /cache/delete": _NO_CACHE,
            "GET /ui": _NO_UI,
            "GET /guardrails/list": "no guardrails",
            "GET /policies/list": "no policies",
            "GET /prompts/list": "no store of prompts",
        },
    ),
)

# Keys of config.yaml that have no effect, and why; the first part says where.
NO_EFFECT: Mapping[str, str] = {
    "general_settings.allow_requests_on_db_unavailable": "known keys are served from memory in any case",
    "general_settings.always_include_stream_usage": "usage goes to clients that ask for it",
    "general_settings.cancel_on_disconnect": "a stream is read on for a while, since its end says what it cost",
    "general_settings.completion_model": "no model is forced on requests",
    "general_settings.coordination_redis": "one Redis: `REDIS_URL`",
    "general_settings.custom_auth": "no code of the operator's runs in the gateway",
    "general_settings.custom_key_generate": "no code of the operator's runs in the gateway",
    "general_settings.dangerously_allow_mock_testing_request_params": "mock requests are always refused",
    "general_settings.database_connection_pool_limit": "requests use no pool: they ask no database",
    "general_settings.database_connection_pool_timeout": "requests use no pool: they ask no database",
    "general_settings.disable_budget_reservation": "budgets are always held before anybody is asked",
    "general_settings.disable_error_logs": "every call is in the ledger",
    "general_settings.disable_reset_budget": "a period that is over needs no job to end it",
    "general_settings.disable_spend_logs": "every call is in the ledger",
    "general_settings.disable_spend_updates": "every call is in the ledger",
    "general_settings.embedding_model": "no model is forced on requests",
    "general_settings.enable_jwt_auth": "no JWT",
    "general_settings.fail_closed_budget_enforcement": "budgets are exact, and refuse when no store can be asked",
    "general_settings.fail_closed_rate_limit_enforcement": "without Redis each process has its share of the limit",
    "general_settings.image_generation_model": "no model is forced on requests",
    "general_settings.include_call_id_in_error_body": "the header `x-litellm-call-id` has it",
    "general_settings.infer_model_from_keys": "models are named in `model_list`",
    "general_settings.key_management_settings": "no key management system: variables of the environment",
    "general_settings.key_management_system": "no key management system: variables of the environment",
    "general_settings.maximum_spend_logs_cleanup_cron": "every ten minutes, a little at a time",
    "general_settings.maximum_spend_logs_retention_interval": "every ten minutes, a little at a time",
    "general_settings.model_list_healthy_only": "not built",
    "general_settings.moderation_model": "no model is forced on requests",
    "general_settings.pass_through_endpoints": _NOT_RELAYED,
    "general_settings.proxy_batch_write_at": "the ledger is written before an answer ends",
    "general_settings.proxy_budget_rescheduler_max_time": "a period that is over needs no job to end it",
    "general_settings.proxy_budget_rescheduler_min_time": "a period that is over needs no job to end it",
    "general_settings.proxy_config_reload_interval_seconds": "changes are followed within two seconds",
    "general_settings.public_routes": "which routes are public is fixed",
    "general_settings.reject_clientside_metadata_tags": "not built",
    "general_settings.store_prompts_in_spend_logs": "prompts and answers are never stored",
    "general_settings.ui_access_mode": _NO_UI,
    "general_settings.use_redis_transaction_buffer": "the ledger is written before an answer ends",
    "general_settings.user_api_key_cache_ttl": "keys are followed change by change",
    "general_settings.user_header_mappings": "`user_header_name` says it for customers",
    "general_settings.alerting_args.failure_threshold": "outages page, not counts of their own",
    "general_settings.alerting_args.failure_threshold_window_seconds": "outages page, not counts of their own",
    "general_settings.alerting_args.hanging_threshold_fails": "hanging requests page, not counts of their own",
    "general_settings.alerting_args.hanging_threshold_seconds": "hanging requests page, not counts of their own",
    "general_settings.alerting_args.hanging_threshold_window_seconds": "hanging requests page, not counts of their own",
    "general_settings.alerting_args.log_to_console": "incidents and deliveries are rows, and seen in the admin",
    "general_settings.alerting_args.max_outage_alert_list_size": "outages are counted and not listed",
    "litellm_settings.budget_rollover": "not built",
    "litellm_settings.cache": _NO_CACHE,
    "litellm_settings.cache_params": _NO_CACHE,
    "litellm_settings.default_team_params": "not built",
    "litellm_settings.default_team_settings": "no callbacks of teams",
    "litellm_settings.disable_add_user_agent_to_request_tags": "user agents are no tags",
    "litellm_settings.disable_end_user_cost_tracking_prometheus_only": "off by default: the other switch turns it on",
    "litellm_settings.drop_params": "`drop_params` of a deployment or a request says it",
    "litellm_settings.enable_key_alias_format_validation": "not built",
    "litellm_settings.extra_spend_tag_headers": "not built",
    "litellm_settings.failure_callback": "no callbacks but Prometheus",
    "litellm_settings.include_cost_in_streaming_usage": "not built",
    "litellm_settings.json_logs": "the variable `JSON_LOGS` says it",
    "litellm_settings.log_raw_request_response": "requests and answers are not logged",
    "litellm_settings.model_group_settings": "not built",
    "litellm_settings.modify_params": "a request is not changed behind its client's back",
    "litellm_settings.prometheus_end_user_metrics_max_series_per_metric": "series are bounded by number",
    "litellm_settings.prometheus_initialize_budget_metrics": "budgets are read at each scrape",
    "litellm_settings.public_model_groups": "no public page of models",
    "litellm_settings.redact_messages_in_exceptions": "no alert and no log has prompts",
    "litellm_settings.redact_user_api_key_info": "no log has keys",
    "litellm_settings.service_callback": "the gateway's own metrics are always there",
    "litellm_settings.set_verbose": "the variable `LITELLM_LOG` says it",
    "litellm_settings.success_callback": "no callbacks but Prometheus",
    "litellm_settings.telemetry": "there is none",
    "litellm_settings.throttle_on_budget_exceeded": "it is a field of a key",
    "litellm_settings.turn_off_message_logging": "messages are not logged",
    "litellm_settings.validate_end_user_id_in_db": "customers may be new",
    "router_settings.cache_responses": _NO_CACHE,
    "router_settings.caching_groups": _NO_CACHE,
    "router_settings.client_ttl": "one pool of connections for all",
    "router_settings.enable_weighted_failover": "not built",
    "router_settings.ignore_invalid_deployments": "one bad deployment never stops the others",
    "router_settings.redis_db": "the path of `redis_url` says it",
    "router_settings.routing_groups": "not built",
}

# Headers of requests: what each does here; those of the second table are ignored.
REQUEST_HEADERS: Mapping[str, str] = {
    "x-litellm-api-key, authorization, api-key, x-api-key, x-goog-api-key": "the key, looked for in this order; "
    "`litellm_key_header_name` takes their place",
    "x-litellm-timeout, x-litellm-stream-timeout, x-litellm-num-retries": "as in the body, which goes first",
    "x-litellm-tags": "a list with commas, beside the tags of the body",
    "x-litellm-customer-id, x-litellm-end-user-id": "the customer; goes before `user` of the body",
    "x-litellm-call-id": "the call's id, echoed",
    "litellm-changed-by": "kept in the audit trail",
}
IGNORED_HEADERS: Mapping[str, str] = {
    "x-litellm-spend-logs-metadata": "metadata is in no entry of the ledger",
    "x-litellm-session-id, x-litellm-trace-id": "calls are not grouped by session",
    "x-litellm-enable-message-redaction": "messages are not logged",
}
RESPONSE_HEADERS = (
    "x-litellm-call-id", "x-litellm-model-id", "x-litellm-model-name", "x-litellm-model-api-base",
    "x-litellm-model-group", "x-litellm-version", "x-litellm-attempted-retries", "x-litellm-attempted-fallbacks",
    "x-litellm-key-spend", "x-litellm-response-cost", "x-litellm-response-cost-original",
    "x-litellm-response-cost-input", "x-litellm-response-cost-output", "x-litellm-response-duration-ms",
    "x-litellm-overhead-duration-ms",
)  # fmt: skip

# LiteLLM's alert types that nothing raises here.
NO_ALERTS: Mapping[str, str] = {
    "mcp_tool_description_blocked": "no MCP gateway",
    "mcp_pinned_tools_changed": "no MCP gateway",
}
ALERTS_DIFFER: Mapping[str, str] = {
    "llm_exceptions": "once a deployment and kind of error, counted, told when it is over; never for what is the "
    "client's own fault, and never with a prompt",
    "llm_too_slow": "of a stream the first token is measured and not its end",
    "cooldown_deployment": "is told; LiteLLM has the name and tells nothing",
    "daily_reports": "is told; once a period on any number of processes",
    "fallback_reports": "weekly",
    "outage_alerts": "counted over all processes; a share of failures counts as well",
    "region_outage_alerts": "told under its own type",
    "db_exceptions": "once for what suffers by it, and without the database",
    "new_model_added": "whatever channel is on",
    "budget_alerts": "once a period at each of `budget_thresholds`; a forecast as well",
}
