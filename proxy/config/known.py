"""The names LiteLLM's config.yaml knows (api.md section 6), so that a typo can be told from a setting of later use."""
# ruff: noqa: SIM905 - a list would take a line a name

SECTIONS = frozenset(
    {
        "model_list", "general_settings", "litellm_settings", "router_settings", "environment_variables", "include",
        "credential_list", "callback_settings", "guardrails",
    }
)  # fmt: skip

GENERAL = frozenset(
    """
    admin_only_routes alert_heartbeat_url alert_to_webhook_url alert_type_config alert_types alerting alerting_args
    alerting_threshold allow_public_health_readiness_details allow_requests_on_db_unavailable allowed_ips
    allowed_routes always_include_stream_usage apply_user_budget_to_team_keys
    background_health_check_model_groups background_health_checks cancel_on_disconnect completion_model
    coordination_redis custom_auth custom_key_generate dangerously_allow_mock_testing_request_params
    dangerously_permit_weak_or_unset_master_key database_connection_pool_limit database_connection_pool_timeout
    database_url default_team_disabled disable_auto_add_proxy_admin_to_teams disable_budget_reservation
    disable_custom_api_keys disable_error_logs disable_reset_budget disable_spend_logs disable_spend_updates
    email_settings embedding_model enable_health_check_routing enable_jwt_auth enforce_fallback_model_access
    enforce_user_param enforced_params fail_closed_budget_enforcement fail_closed_rate_limit_enforcement
    global_max_parallel_requests health_check_concurrency health_check_details
    health_check_ignore_transient_errors health_check_interval health_check_staleness_threshold
    image_generation_model include_call_id_in_error_body infer_model_from_keys key_management_settings
    key_management_system litellm_key_header_name master_key max_parallel_requests max_request_size_mb
    max_response_size_mb maximum_spend_logs_cleanup_cron maximum_spend_logs_retention_interval
    maximum_spend_logs_retention_period model_list_healthy_only moderation_model pass_through_endpoints
    proxy_batch_write_at proxy_budget_rescheduler_max_time proxy_budget_rescheduler_min_time
    proxy_config_reload_interval_seconds public_routes reject_clientside_metadata_tags spend_capture_rate_check
    spend_report_frequency store_model_in_db store_prompts_in_spend_logs token_rate_limit_type ui_access_mode
    upstream_allowed_networks use_redis_transaction_buffer use_shared_health_check use_x_forwarded_for
    user_api_key_cache_ttl user_header_mappings user_header_name
    """.split()
)

LITELLM = frozenset(
    """
    allowed_fails block_requests_for_models_without_pricing budget_duration budget_exceeded_status_code
    budget_exceeded_throttle_percentage budget_reset_time budget_rollover cache cache_params callbacks
    content_policy_fallbacks context_window_fallbacks cost_discount_config cost_margin_config
    custom_prometheus_metadata_labels custom_prometheus_tags default_fallbacks default_internal_user_params
    default_key_generate_params default_key_max_budget_alert_emails default_team_params default_team_settings
    disable_add_user_agent_to_request_tags disable_end_user_cost_tracking
    disable_end_user_cost_tracking_prometheus_only drop_params enable_end_user_cost_tracking_prometheus_only
    enable_key_alias_format_validation extra_spend_tag_headers failure_callback fallbacks
    include_cost_in_streaming_usage internal_user_budget_duration json_logs key_generation_settings
    log_raw_request_response max_budget max_end_user_budget max_end_user_budget_id max_internal_user_budget
    model_group_settings modify_params num_retries prometheus_deployment_and_latency_caller_identity
    prometheus_emit_client_labels prometheus_emit_input_sequence_length_label prometheus_emit_older_names
    prometheus_emit_rate_limit_labels prometheus_emit_stream_label
    prometheus_end_user_metrics_cleanup_interval_seconds prometheus_end_user_metrics_max_series_per_metric
    prometheus_end_user_metrics_ttl_seconds prometheus_exclude_labels prometheus_exclude_metrics
    prometheus_initialize_budget_metrics prometheus_latency_buckets prometheus_metrics_cleanup_interval_seconds
    prometheus_metrics_config prometheus_metrics_max_series_per_metric prometheus_metrics_ttl_seconds
    prometheus_user_budget_label_include_email_alias public_model_groups redact_messages_in_exceptions
    redact_user_api_key_info request_timeout require_auth_for_metrics_endpoint service_callback set_verbose
    store_audit_logs success_callback tag_budget_config telemetry throttle_on_budget_exceeded timezone
    turn_off_message_logging upperbound_key_generate_params validate_end_user_id_in_db
    """.split()
)

# Eight of them are ours.
ROUTER = frozenset(
    """
    allowed_fails allowed_fails_policy cache_responses caching_groups client_ttl consecutive_fails
    content_policy_fallbacks context_window_fallbacks cooldown_time default_fallbacks default_litellm_params
    default_max_parallel_requests disable_cooldowns enable_pre_call_checks enable_tag_filtering
    enable_weighted_failover fallbacks hedge_after ignore_invalid_deployments max_cooldown_time max_ejected_percent
    max_fallbacks model_group_alias model_group_retry_policy num_retries optional_pre_call_checks
    outlier_failure_percent outlier_minimum_requests provider_budget_config redis_db redis_host redis_password
    redis_port redis_url retry_after retry_budget_minimum retry_budget_percent retry_policy routing_groups
    routing_strategy routing_strategy_args stream_timeout tag_filtering_match_any timeout
    """.split()
)

ALERTING_ARGS = frozenset(
    """
    alert_retention_days budget_alert_ttl budget_thresholds daily_report_frequency daily_spend_per_user_threshold
    failure_threshold failure_threshold_window_seconds hanging_threshold_fails hanging_threshold_seconds
    hanging_threshold_window_seconds heartbeat_interval heartbeat_tells_failure labels log_to_console
    major_outage_alert_threshold max_outage_alert_list_size minor_outage_alert_threshold model_deprecation_days
    monthly_spend_per_user_threshold outage_alert_ttl outage_counted outage_failed_probes outage_failure_rate
    outage_min_requests region_outage_alert_ttl report_check_interval slow_percentile spend_anomaly_baseline_days
    spend_anomaly_min_spend spend_anomaly_multiplier user_spend_check_interval
    """.split()
)

# What this version acts on; the rest is read, stored and told to have no effect.
IN_EFFECT = frozenset(
    """
    apply_user_budget_to_team_keys budget_duration budget_exceeded_status_code budget_exceeded_throttle_percentage
    global_max_parallel_requests max_budget max_end_user_budget max_end_user_budget_id max_parallel_requests
    alert_heartbeat_url alert_type_config alerting_args alerting_threshold budget_thresholds spend_report_frequency
    tag_budget_config token_rate_limit_type
    admin_only_routes alert_to_webhook_url alert_types alerting allowed_fails allowed_fails_policy allowed_ips
    allowed_routes block_requests_for_models_without_pricing callbacks consecutive_fails content_policy_fallbacks
    context_window_fallbacks cooldown_time
    cost_discount_config cost_margin_config custom_prometheus_metadata_labels custom_prometheus_tags
    dangerously_permit_weak_or_unset_master_key database_url
    default_fallbacks default_internal_user_params default_key_generate_params default_litellm_params
    default_max_parallel_requests default_team_disabled disable_auto_add_proxy_admin_to_teams disable_cooldowns
    disable_custom_api_keys enable_pre_call_checks enable_tag_filtering enforce_fallback_model_access
    enforce_user_param enforced_params fallbacks hedge_after internal_user_budget_duration key_generation_settings
    litellm_key_header_name master_key max_cooldown_time max_ejected_percent max_fallbacks max_internal_user_budget
    max_request_size_mb max_response_size_mb model_group_alias model_group_retry_policy num_retries
    optional_pre_call_checks outlier_failure_percent outlier_minimum_requests provider_budget_config redis_host
    redis_password redis_port redis_url request_timeout request_traces request_traces_retention retry_after
    retry_budget_minimum retry_budget_percent retry_policy routing_strategy routing_strategy_args store_audit_logs
    store_model_in_db stream_timeout tag_filtering_match_any timeout upperbound_key_generate_params
    upstream_allowed_networks use_x_forwarded_for user_header_name
    allow_public_health_readiness_details background_health_check_model_groups background_health_checks
    maximum_spend_logs_retention_period
    enable_health_check_routing health_check_concurrency health_check_details health_check_ignore_transient_errors
    health_check_interval health_check_staleness_threshold use_shared_health_check
    budget_reset_time timezone
    disable_end_user_cost_tracking enable_end_user_cost_tracking_prometheus_only
    prometheus_deployment_and_latency_caller_identity prometheus_emit_client_labels
    prometheus_emit_input_sequence_length_label prometheus_emit_older_names prometheus_emit_rate_limit_labels
    prometheus_emit_stream_label prometheus_end_user_metrics_cleanup_interval_seconds
    prometheus_end_user_metrics_ttl_seconds prometheus_exclude_labels prometheus_exclude_metrics
    prometheus_latency_buckets prometheus_metrics_cleanup_interval_seconds prometheus_metrics_config
    prometheus_metrics_max_series_per_metric prometheus_metrics_ttl_seconds
    prometheus_user_budget_label_include_email_alias require_auth_for_metrics_endpoint
    default_key_max_budget_alert_emails email_settings spend_capture_rate_check
    """.split()
)

# Secrets and addresses with passwords: read when the process starts, and never stored in a row.
NEVER_STORED = frozenset(
    {
        "alert_heartbeat_url",
        "master_key",
        "database_url",
        "redis_host",
        "redis_password",
        "redis_port",
        "redis_url",
        "redis_db",
    }
)
