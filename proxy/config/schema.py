"""What a config.yaml must look like. Wrong types and unknown alert types are errors, unknown keys warnings."""

import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from ipaddress import ip_network
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from alerts.events import AlertType
from budgets.core.terms import read_discount, read_margin
from proxy.config import known
from proxy.config.health_schema import HealthChecks, ModelInfo
from proxy.config.router_schema import RoutingDefaults, check_router_section
from proxy.core.kinds import did_you_mean
from proxy.core.outages import Trouble
from proxy.metrics import CustomLabels, ensure_no_clash
from proxy.trace_policy import DEFAULT_RETENTION
from teams.calendars import read_calendar
from teams.periods import parse_duration


def _alert_type(value: Any) -> Any:
    if isinstance(value, str) and value not in set(AlertType):
        # Whatever else stands here by mistake may be a webhook's address, which is a secret.
        shown = repr(value) if value.isidentifier() else "this"
        raise ValueError(f"{shown} is not an alert type{did_you_mean(value, list(AlertType))}")
    return value


def plain(value: Any) -> Any:
    """YAML's values as JSON can hold them: dates become text, and so do keys. Raises ValueError."""
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        # JSON has no such number; where a number is wanted, the field says so in its place.
        return str(value)
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise ValueError(f"a {type(value).__name__} is nothing that a setting can have")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise ValueError("this is no IP address or network such as 10.0.0.0/8") from None
    return value


def _duration(value: str) -> str:
    parse_duration(value)
    return value


def _time_zone(value: Any) -> Any:
    read_calendar({"timezone": value})
    return value


def _reset_time(value: Any) -> Any:
    read_calendar({"budget_reset_time": value})
    return value


def _checked(read: Callable[[Any], object]) -> Callable[[Any], Any]:
    """The value as it is, once it can be read."""

    def check(value: Any) -> Any:
        read(value)
        return value

    return check


AlertTypeName = Annotated[AlertType, BeforeValidator(_alert_type)]
Texts = Annotated[list[str], BeforeValidator(_as_list)]
LabelName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Positive = PositiveSeconds
Network = Annotated[str, AfterValidator(_network)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", max_length=100)]
RouterValues = Annotated[dict[str, Any], AfterValidator(check_router_section)]
Discount = Annotated[Any, AfterValidator(_checked(read_discount))]
Margin = Annotated[Any, AfterValidator(_checked(read_margin))]
WebhookUrl = Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]


class Section(BaseModel):
    model_config = ConfigDict(extra="allow", strict=False)


class ModelEntry(Section):
    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    litellm_params: "LitellmParams"
    model_info: ModelInfo = {}


class LitellmParams(Section):
    model: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    api_base: str | None = None
    api_key: str | None = None


class SlowBounds(BaseModel):
    """A typo would switch a bound off, so nothing else may stand here."""

    model_config = ConfigDict(extra="forbid")

    percentile: Annotated[float, Field(gt=0, le=100)] | None = None
    seconds: PositiveSeconds | None = None
    ttft_seconds: PositiveSeconds | None = None
    min_requests: Annotated[int, Field(gt=0, le=200)] | None = None


class SlowPercentile(SlowBounds):
    models: dict[str, SlowBounds] = {}


class AlertingArgs(Section):
    daily_report_frequency: PositiveSeconds = 43200
    report_check_interval: PositiveSeconds = 3600
    budget_alert_ttl: PositiveSeconds = 86400
    outage_alert_ttl: PositiveSeconds = 60
    region_outage_alert_ttl: PositiveSeconds = 60
    minor_outage_alert_threshold: Annotated[int, Field(gt=0)] = 5
    major_outage_alert_threshold: Annotated[int, Field(gt=0)] = 10
    outage_failure_rate: Annotated[float, Field(gt=0, le=1)] = 0.5
    outage_min_requests: Annotated[int, Field(gt=0)] = 10
    outage_failed_probes: Annotated[int, Field(gt=0)] = 3
    outage_counted: Annotated[list[Trouble], Field(min_length=1)] | None = None
    slow_percentile: SlowPercentile | None = None
    daily_spend_per_user_threshold: Positive | None = None
    monthly_spend_per_user_threshold: Positive | None = None
    spend_anomaly_multiplier: Positive = 3.0
    spend_anomaly_baseline_days: Annotated[int, Field(ge=1, le=366)] = 7
    spend_anomaly_min_spend: Positive = 10.0
    user_spend_check_interval: Annotated[int, Field(ge=60)] = 3600
    model_deprecation_days: Annotated[int, Field(ge=0, le=3650)] = 30
    budget_thresholds: list[Annotated[int, Field(gt=0, le=1000, strict=True)]] | None = None
    labels: Annotated[dict[LabelName, Annotated[str, StringConstraints(max_length=255)]], Field(max_length=20)] = {}
    alert_retention_days: Annotated[int, Field(gt=0, le=3650)] = 90


class DigestSettings(Section):
    digest: bool = False
    digest_interval: PositiveSeconds = 86400


class GeneralSettings(Section, HealthChecks):
    master_key: Annotated[str, StringConstraints(min_length=1)] | None = None
    dangerously_permit_weak_or_unset_master_key: bool = False
    alerting: list[Literal["slack", "ms_teams", "webhook", "email", "pagerduty", "sentry"]] | None = None
    alerting_threshold: PositiveSeconds = 300
    alert_types: list[AlertTypeName] | None = None
    alert_type_config: dict[AlertTypeName, DigestSettings] = {}
    alerting_args: AlertingArgs = AlertingArgs()
    alert_to_webhook_url: dict[
        AlertTypeName, Annotated[list[WebhookUrl], BeforeValidator(_as_list), Field(min_length=1)]
    ] = {}
    allowed_ips: Annotated[list[Network], BeforeValidator(_as_list)] | None = None
    use_x_forwarded_for: bool = False
    max_request_size_mb: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    litellm_key_header_name: HeaderName | None = None
    user_header_name: HeaderName | None = None
    enforce_user_param: bool = False
    enforced_params: Texts = []
    allowed_routes: Texts = []
    admin_only_routes: Texts = []
    default_team_disabled: bool = False
    disable_custom_api_keys: bool = False
    enforce_fallback_model_access: bool = True
    request_traces: bool | Literal["failures"] = True
    request_traces_retention: Annotated[str, AfterValidator(_duration)] = DEFAULT_RETENTION
    maximum_spend_logs_retention_period: Annotated[str, AfterValidator(_duration)] | None = None
    spend_report_frequency: Annotated[str, StringConstraints(pattern=r"^[1-9]\d{0,2}d$")] = "7d"


class LitellmSettings(Section, RoutingDefaults):
    cost_discount_config: dict[str, Discount] = {}
    cost_margin_config: dict[str, Margin] = {}
    callbacks: Texts = []
    default_key_generate_params: dict[str, Any] = {}
    upperbound_key_generate_params: dict[str, Any] = {}
    key_generation_settings: dict[str, dict[str, Any]] = {}
    default_internal_user_params: dict[str, Any] = {}
    custom_prometheus_metadata_labels: list[str] = []
    custom_prometheus_tags: list[str] = []
    timezone: Annotated[str, BeforeValidator(_time_zone)] = "UTC"
    budget_reset_time: Annotated[str, BeforeValidator(_reset_time)] = "00:00"

    @model_validator(mode="after")
    def _labels_are_unique(self) -> Self:
        custom = CustomLabels(metadata=self.custom_prometheus_metadata_labels, tags=self.custom_prometheus_tags)
        ensure_no_clash(custom)
        return self


class Document(BaseModel):
    """A whole config.yaml."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_list: list[ModelEntry] = []
    general_settings: GeneralSettings = GeneralSettings()
    litellm_settings: LitellmSettings = LitellmSettings()
    router_settings: RouterValues = {}
    environment_variables: dict[str, str | int | float | bool] = {}

    @model_validator(mode="before")
    @classmethod
    def _json_only(cls, value: Any) -> Any:
        return plain(value)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [str(entry.model_info["id"]) for entry in self.model_list if entry.model_info.get("id")]
        if doubled := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"model_list: two entries share the model_info.id {min(doubled)!r}")
        return self

    def unknown_keys(self) -> list[str]:
        """Sentences about keys nobody reads."""
        general = self.general_settings
        return [
            *_unknown("", self.model_extra or {}, known.SECTIONS),
            *_unknown("general_settings.", general.model_extra or {}, known.GENERAL),
            *_unknown("general_settings.alerting_args.", general.alerting_args.model_extra or {}, known.ALERTING_ARGS),
            *_unknown("litellm_settings.", self.litellm_settings.model_extra or {}, known.LITELLM),
            *_unknown("router_settings.", self.router_settings, known.ROUTER),
        ]

    def without_effect(self) -> list[str]:
        """Settings that are known and that this version does not act on, by their full name."""
        given = {
            "general_settings": self.general_settings.model_dump(exclude_unset=True),
            "litellm_settings": self.litellm_settings.model_dump(exclude_unset=True),
            "router_settings": self.router_settings,
        }
        names = {"general_settings": known.GENERAL, "litellm_settings": known.LITELLM, "router_settings": known.ROUTER}
        return [
            f"{section}.{name}"
            for section, values in given.items()
            for name in values
            if name in names[section] - known.IN_EFFECT
        ]


def _unknown(prefix: str, given: Mapping[str, Any], names: frozenset[str]) -> list[str]:
    return [
        f"{prefix}{name} is not a setting and has no effect{did_you_mean(name, names)}"
        for name in given
        if name not in names
    ]
