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

    background_health_checks: bool = False
    background_health_check_model_groups: _Names | None = None
    health_check_interval: _Seconds = INTERVAL_SECONDS
    health_check_concurrency: Annotated[int, Field(ge=1, le=MOST_CONCURRENCY)] = CONCURRENCY
    health_check_details: bool = True
    health_check_staleness_threshold: _Seconds | None = None
    health_check_ignore_transient_errors: bool = False
    enable_health_check_routing: bool = False
    # Several processes share one round in any case.
    use_shared_health_check: bool = False
    allow_public_health_readiness_details: bool = False


class ModelInfo(TypedDict, total=False):
    """What of model_info the gateway itself acts on; the rest is kept as it is."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    id: Any
    mode: str | None
    health_check_model: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None
    health_check_timeout: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] | None
    health_check_max_tokens: Annotated[int, Field(gt=0)] | None
    disable_background_health_check: bool | None
