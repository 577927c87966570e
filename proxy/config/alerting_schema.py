"""What config.yaml may say of alerting: `alerting_args`, digests, and the look at a provider's bill."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from proxy.config.values import LabelName, Positive, PositiveSeconds, Section, as_list
from proxy.core.outages import Trouble


class SlowBounds(BaseModel):
    """A typo would switch a bound off, so nothing else may stand here."""

    model_config = ConfigDict(extra="forbid")

    percentile: Annotated[float, Field(gt=0, le=100)] | None = Field(
        default=None, description="Which percentile is looked at; 95 where nothing is said."
    )
    seconds: PositiveSeconds | None = Field(default=None, description="What it may be of answers, in seconds.")
    ttft_seconds: PositiveSeconds | None = Field(default=None, description="What it may be of streams' first tokens.")
    min_requests: Annotated[int, Field(gt=0, le=200)] | None = Field(
        default=None, description="Fewer measured requests say nothing; 20 where nothing is said."
    )


class SlowPercentile(SlowBounds):
    models: dict[str, SlowBounds] = Field(default={}, description="Other bounds for single model groups, by name.")


class AlertingArgs(Section):
    daily_report_frequency: PositiveSeconds = Field(
        default=43200, description="Seconds from one `daily_reports` to the next."
    )
    report_check_interval: PositiveSeconds = Field(
        default=3600,
        description="The longest pause, in seconds, before a report that could not be made is tried again.",
    )
    budget_alert_ttl: PositiveSeconds = Field(
        default=86400, description="Seconds for which `failed_tracking_spend` of a model is not repeated."
    )
    outage_alert_ttl: PositiveSeconds = Field(
        default=60, description="The window, in seconds, in which outages are counted."
    )
    region_outage_alert_ttl: PositiveSeconds = Field(default=60, description="That window for a provider's region.")
    minor_outage_alert_threshold: Annotated[int, Field(gt=0)] = Field(
        default=5, description="So many errors of a deployment within the window are a minor outage."
    )
    major_outage_alert_threshold: Annotated[int, Field(gt=0)] = Field(
        default=10, description="So many errors of a deployment within the window are a major outage."
    )
    outage_failure_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.5, description="This share of a window's requests failed is an outage as well."
    )
    outage_min_requests: Annotated[int, Field(gt=0)] = Field(
        default=10, description="`outage_failure_rate` says nothing of fewer requests."
    )
    outage_failed_probes: Annotated[int, Field(gt=0)] = Field(
        default=3, description="So many failed trials in a row after a cooldown are an outage as well."
    )
    outage_counted: Annotated[list[Trouble], Field(min_length=1)] | None = Field(
        default=None,
        description="What counts as an error of an outage; without it timeout, connection and server error.",
    )
    slow_percentile: SlowPercentile | None = Field(
        default=None,
        description="Bounds for a percentile of a model's answers, beside `alerting_threshold` for each answer.",
    )
    daily_spend_per_user_threshold: Positive | None = Field(
        default=None, description="Dollars a day that `user_spend_thresholds` tells of."
    )
    monthly_spend_per_user_threshold: Positive | None = Field(
        default=None, description="Dollars a month that `user_spend_thresholds` tells of."
    )
    spend_anomaly_multiplier: Positive = Field(
        default=3.0, description="A day this many times above a user's daily average is an anomaly."
    )
    spend_anomaly_baseline_days: Annotated[int, Field(ge=1, le=366)] = Field(
        default=7, description="How many days before make that average."
    )
    spend_anomaly_min_spend: Positive = Field(
        default=10.0, description="Days that cost fewer dollars are never an anomaly."
    )
    user_spend_check_interval: Annotated[int, Field(ge=60)] = Field(
        default=3600, description="Seconds between two looks at what users spend."
    )
    model_deprecation_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        default=30, description="How many days before its end a model is told of."
    )
    budget_thresholds: list[Annotated[int, Field(gt=0, le=1000, strict=True)]] | None = Field(
        default=None, description="Percentages of a budget that are told; without it 50, 80, 95 and 100."
    )
    labels: Annotated[dict[LabelName, Annotated[str, StringConstraints(max_length=255)]], Field(max_length=20)] = Field(
        default={}, description="Labels that every alert carries, for routes and silences."
    )
    alert_retention_days: Annotated[int, Field(gt=0, le=3650)] = Field(
        default=90, description="Days for which incidents that are over are kept."
    )
    heartbeat_interval: Annotated[float, Field(ge=10, le=86400)] = Field(
        default=60, description="Seconds between two calls of `alert_heartbeat_url`."
    )
    heartbeat_tells_failure: bool = Field(
        default=False, description="Post to the heartbeat's address with `/fail` behind it while alerts are not told."
    )


class CaptureCheck(BaseModel):
    """A typo would leave a bill unlooked at, so nothing else may stand here."""

    model_config = ConfigDict(extra="forbid")

    providers: Annotated[list[Literal["openai"]], Field(min_length=1)] = Field(
        default=["openai"], description="Whose bills are read."
    )
    threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.9, description="The share of the bill that the ledger must have."
    )
    lookback_days: Annotated[int, Field(ge=1, le=90)] = Field(default=7, description="How many days are compared.")
    openai_project_ids: Annotated[list[str], BeforeValidator(as_list)] | None = Field(
        default=None, description="Projects of OpenAI that are the gateway's; without it all."
    )


class DigestSettings(Section):
    digest: bool = Field(default=False, description="Collect alerts of the type and tell them together.")
    digest_interval: PositiveSeconds = Field(default=86400, description="For how many seconds.")
