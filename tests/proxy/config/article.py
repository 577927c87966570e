"""What the article that Tollkeeper answers to writes into config.yaml, all of it in one file."""

ARTICLE = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY
general_settings:
  # 启用 Slack 告警
  alerting: ["slack"]
  alerting_threshold: 300
  spend_report_frequency: "1d"
  alert_types: [
    "llm_exceptions",       # LLM API 异常
    "llm_too_slow",
    "llm_requests_hanging",
    "budget_alerts",
    "spend_reports",
    "db_exceptions",
    "daily_reports",
    "outage_alerts"
  ]
  alerting_args:
    daily_report_frequency: 43200
    report_check_interval: 3600
    budget_alert_ttl: 86400
    outage_alert_ttl: 60
    minor_outage_alert_threshold: 5
    major_outage_alert_threshold: 10
  alert_to_webhook_url: {
    "llm_exceptions": "https://hooks.slack.com/services/.../llm-alerts",
    "budget_alerts": "https://hooks.slack.com/services/.../finance-alerts",
    "daily_reports": "https://hooks.slack.com/services/.../daily-reports",
    "outage_alerts": [
      "https://hooks.slack.com/services/.../oncall-alerts",
      "https://hooks.slack.com/services/.../backup-alerts"
    ]
  }
litellm_settings:
  callbacks: ["prometheus"]
  custom_prometheus_metadata_labels: [
    "metadata.environment",
    "metadata.service",
    "metadata.version"
  ]
  custom_prometheus_tags: [
    "prod",
    "staging"
  ]
"""
ALERT_TYPES_OF_THE_ARTICLE = """
llm_exceptions llm_too_slow llm_requests_hanging cooldown_deployment new_model_added outage_alerts
region_outage_alerts budget_alerts spend_reports failed_tracking_spend daily_reports fallback_reports db_exceptions
new_virtual_key_created virtual_key_updated virtual_key_deleted new_team_created team_updated team_deleted
new_internal_user_created internal_user_updated internal_user_deleted
""".split()  # noqa: SIM905
