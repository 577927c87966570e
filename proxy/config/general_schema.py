"""What config.yaml may say in `general_settings`: access, alerting, limits of all, what is kept and for how long."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from proxy.config.alerting_schema import AlertingArgs, CaptureCheck, DigestSettings
from proxy.config.health_schema import HealthChecks
from proxy.config.mail_schema import EmailSettings
from proxy.config.values import (
    AlertTypeName,
    Count,
    Duration,
    HeaderName,
    Network,
    Positive,
    PositiveSeconds,
    Section,
    Texts,
    WebhookUrl,
    as_list,
)
from proxy.trace_policy import DEFAULT_RETENTION


class GeneralSettings(Section, HealthChecks):
    master_key: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        default=None, description="The key that may do everything; never stored."
    )
    dangerously_permit_weak_or_unset_master_key: bool = Field(
        default=False, description="Start on a public address even with a well-known or short master key."
    )
    database_url: str | None = Field(
        default=None, description="The database, where `DATABASE_URL` does not name one; never stored."
    )
    alerting: list[Literal["slack", "ms_teams", "webhook", "email", "pagerduty", "sentry"]] | None = Field(
        default=None, description="Channels to switch on; their addresses are variables of the environment."
    )
    alerting_threshold: PositiveSeconds = Field(
        default=300, description="Seconds after which an answer is slow, and a request without one hangs."
    )
    alert_types: list[AlertTypeName] | None = Field(
        default=None, description="Alert types that are told; without it those that are on by default."
    )
    alert_type_config: dict[AlertTypeName, DigestSettings] = Field(
        default={}, description="Digests, by alert type; what has the level High is told at once."
    )
    alerting_args: AlertingArgs = Field(default=AlertingArgs(), description="Thresholds and intervals of alerts.")
    alert_heartbeat_url: WebhookUrl | None = Field(
        default=None,
        description="An address that is called as long as alerts are really told; a credential, never stored.",
    )
    alert_to_webhook_url: dict[
        AlertTypeName, Annotated[list[WebhookUrl], BeforeValidator(as_list), Field(min_length=1)]
    ] = Field(default={}, description="Slack addresses of their own for alert types: one, or a list.")
    allowed_ips: Annotated[list[Network], BeforeValidator(as_list)] | None = Field(
        default=None, description="Addresses and networks that may call; without it all."
    )
    use_x_forwarded_for: bool = Field(
        default=False,
        description="Take a client's address from the last entry of X-Forwarded-For: behind a proxy of yours.",
    )
    upstream_allowed_networks: Annotated[list[Network], BeforeValidator(as_list)] | None = Field(
        default=None, description="Private networks where deployments made by API or admin may be."
    )
    max_request_size_mb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        default=None, description="Larger requests get a 413; `TOLLKEEPER_MAX_REQUEST_BYTES` holds besides."
    )
    max_response_size_mb: Positive | None = Field(
        default=None, description="Larger answers of upstreams are given up; 64 where nothing is said."
    )
    litellm_key_header_name: HeaderName | None = Field(
        default=None, description="The header that holds the key, instead of the usual ones."
    )
    user_header_name: HeaderName | None = Field(
        default=None, description="A header that names the customer, beside the usual."
    )
    enforce_user_param: bool = Field(default=False, description="Refuse requests that name no `user`.")
    enforced_params: Texts = Field(default=[], description="Parameters that every request must have.")
    allowed_routes: Texts = Field(default=[], description="The only routes that may be called; none: all.")
    admin_only_routes: Texts = Field(default=[], description="Routes that proxy admins alone may call.")
    default_team_disabled: bool = Field(default=False, description="Refuse keys that belong to no team.")
    disable_custom_api_keys: bool = Field(default=False, description="Refuse keys whose text somebody has chosen.")
    disable_auto_add_proxy_admin_to_teams: bool = Field(
        default=False, description="A proxy admin who makes a team does not become a member of it."
    )
    store_model_in_db: bool = Field(
        default=True, description="Models made by API are always stored: accepted, for the sake of LiteLLM's files."
    )
    apply_user_budget_to_team_keys: bool = Field(
        default=False, description="A user's budget binds the user's keys in teams as well."
    )
    max_parallel_requests: Count | None = Field(
        default=None, description="Requests at once of a key that has no limit of its own."
    )
    global_max_parallel_requests: Count | None = Field(default=None, description="Requests at once of all.")
    token_rate_limit_type: Literal["total", "input", "output"] = Field(
        default="total", description="Which tokens count for limits of tokens."
    )
    enforce_fallback_model_access: bool = Field(
        default=True, description="A fallback must be a model that the key may call."
    )
    request_traces: bool | Literal["failures"] = Field(
        default=True, description="Which requests can be explained afterwards: all, none, or those that failed."
    )
    request_traces_retention: Duration = Field(default=DEFAULT_RETENTION, description="For how long they can.")
    maximum_spend_logs_retention_period: Duration | None = Field(
        default=None, description="For how long entries of the ledger are kept; without it for ever."
    )
    spend_report_frequency: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,2}d$")] = Field(
        default="7d", description="How often `spend_reports` is told: a number of days."
    )
    email_settings: EmailSettings = Field(
        default={}, description="Which kinds of mail to people are sent; all by default."
    )
    spend_capture_rate_check: CaptureCheck | None = Field(
        default=None, description="Compare a provider's bill with the ledger, once a day."
    )
