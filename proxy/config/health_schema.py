"""What config.yaml may say of health checks: in general_settings of all, in model_info of one deployment's."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

# pydantic wants this one before Python 3.12.
from typing_extensions import TypedDict

from proxy.core.health import CONCURRENCY, INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS, MOST_CONCURRENCY
from proxy.core.probing import LONGEST_SECONDS

_Seconds = Annotated[float, Field(gt=0, le=LONGEST_INTERVAL_SECONDS)]
_Names = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class HealthChecks(BaseModel):
    model_config = ConfigDict(extra="allow")

    background_health_checks: bool = Field(default=False, description="Ask every deployment now and then by itself.")
    background_health_check_model_groups: _Names | None = Field(
        default=None, description="Model groups that are asked; without it all."
    )
    health_check_interval: _Seconds = Field(default=INTERVAL_SECONDS, description="Seconds from one round to the next.")
    health_check_concurrency: Annotated[int, Field(ge=1, le=MOST_CONCURRENCY)] = Field(
        default=CONCURRENCY, description="How many deployments are asked at once."
    )
    health_check_details: bool = Field(
        default=True, description="Show admins in `/health` the parameters of each deployment."
    )
    health_check_staleness_threshold: _Seconds | None = Field(
        default=None, description="Older results say nothing; two intervals where nothing is said."
    )
    health_check_ignore_transient_errors: bool = Field(
        default=False, description="A 408 or 429 does not make a deployment unhealthy."
    )
    enable_health_check_routing: bool = Field(default=False, description="Unhealthy deployments get no requests.")
    use_shared_health_check: bool = Field(
        default=False, description="Several processes share one round in any case: accepted, and without a choice."
    )
    allow_public_health_readiness_details: bool = Field(
        default=False, description="`/health/readiness` shows its details to everybody."
    )


class ModelInfo(TypedDict, total=False):
    """What of model_info the gateway itself acts on; the rest is kept as it is."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    id: Annotated[Any, Field(description="The deployment's id; without it one is made of its parameters.")]
    mode: Annotated[str | None, Field(description="What kind of call it takes: `chat`, `embedding`, ...")]
    health_check_model: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=255)] | None,
        Field(description="The model that health checks ask; a pattern such as `openai/*` needs one."),
    ]
    health_check_timeout: Annotated[
        Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None,
        Field(description="Seconds that a check may take; 60."),
    ]
    health_check_max_tokens: Annotated[
        Annotated[int, Field(gt=0)] | None, Field(description="Tokens that a check may get back.")
    ]
    disable_background_health_check: Annotated[bool | None, Field(description="Leave it out of background checks.")]
