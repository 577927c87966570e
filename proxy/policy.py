"""The settings that say who may come in, where requests may go and what is kept of them, read at every change."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Self

from alerts.addresses import Network, read_networks
from budgets.request_limits import LimitPolicy
from proxy.core.errors import RequestTooLarge
from proxy.trace_policy import TracePolicy
from teams.errors import PermissionDenied
from teams.limits import NO_LIMITS, LimitSet
from teams.money import to_nano

logger = logging.getLogger(__name__)

_MEGABYTE = 1024 * 1024
_CUSTOMER_HEADERS = ("HTTP_X_LITELLM_CUSTOMER_ID", "HTTP_X_LITELLM_END_USER_ID")


class RatedTokens(StrEnum):
    """Which tokens count for limits of tokens (LiteLLM's `token_rate_limit_type`)."""

    TOTAL = "total"
    INPUT = "input"
    OUTPUT = "output"

    def of(self, *, prompt: int, completion: int) -> int:
        if self is RatedTokens.INPUT:
            return prompt
        return completion if self is RatedTokens.OUTPUT else prompt + completion


class AddressDenied(PermissionDenied):
    pass


@dataclass(frozen=True, slots=True)
class Policy:
    """`general_settings` as the request path needs them. `key_header` is spelled as in request.META."""

    allowed_networks: tuple[Network, ...] | None = None
    trust_forwarded_for: bool = False
    max_request_mb: float | None = None
    most_answer_bytes: int | None = None
    upstream_networks: tuple[Network, ...] = ()
    key_header: str = ""
    customer_headers: tuple[str, ...] = _CUSTOMER_HEADERS
    enforce_user: bool = False
    enforced_params: tuple[str, ...] = ()
    allowed_routes: tuple[str, ...] = ()
    admin_only_routes: tuple[str, ...] = ()
    traces: TracePolicy = field(default_factory=TracePolicy)
    limits: LimitPolicy = field(default_factory=LimitPolicy)
    budget_exceeded_status: int = 422
    throttle_percentage: float | None = None
    rated_tokens: RatedTokens = RatedTokens.TOTAL
    # Whoever reads the metrics reads everybody's names and spend.
    metrics_need_key: bool = False

    @classmethod
    def read(cls, general: Mapping[str, Any], litellm: Mapping[str, Any] = MappingProxyType({})) -> Self:
        """A value of the wrong kind is told in the log and closes rather than opens."""
        own_header = general.get("user_header_name")
        return cls(
            allowed_networks=_networks(general, "allowed_ips"),
            trust_forwarded_for=general.get("use_x_forwarded_for") is True,
            max_request_mb=_number(general.get("max_request_size_mb")),
            most_answer_bytes=_bytes(general.get("max_response_size_mb")),
            upstream_networks=_networks(general, "upstream_allowed_networks") or (),
            key_header=_meta(general.get("litellm_key_header_name")),
            customer_headers=(*_CUSTOMER_HEADERS, *((_meta(own_header),) if own_header else ())),
            enforce_user=general.get("enforce_user_param") is True,
            enforced_params=_names(general.get("enforced_params")),
            allowed_routes=_names(general.get("allowed_routes")),
            admin_only_routes=_names(general.get("admin_only_routes")),
            traces=TracePolicy.read(general),
            limits=_limits(general, litellm),
            budget_exceeded_status=_status(litellm.get("budget_exceeded_status_code")),
            rated_tokens=_rated_tokens(general.get("token_rate_limit_type")),
            metrics_need_key=litellm.get("require_auth_for_metrics_endpoint") is True,
            throttle_percentage=_percentage(litellm.get("budget_exceeded_throttle_percentage")),
        )

    def ensure_address_allowed(self, meta: Mapping[str, str]) -> None:
        """Raises AddressDenied."""
        if self.allowed_networks is None:
            return
        address = client_address(meta, trust_forwarded_for=self.trust_forwarded_for)
        try:
            known = ip_address(address)
        except ValueError:
            known = None
        if known is None or not any(known in network for network in self.allowed_networks):
            raise AddressDenied("Access forbidden: IP address not allowed.")

    def ensure_size_allowed(self, size: int) -> None:
        """Raises RequestTooLarge. The gateway's own limit holds besides."""
        if self.max_request_mb is not None and size > self.max_request_mb * _MEGABYTE:
            raise RequestTooLarge(
                f"Request size is too large. Request size is {size / _MEGABYTE:.2f} MB. "
                f"Max size is {self.max_request_mb:g} MB"
            )


def client_address(meta: Mapping[str, str], *, trust_forwarded_for: bool) -> str:
    """The last hop's word: what stands before it in X-Forwarded-For was written by the client itself."""
    forwarded = meta.get("HTTP_X_FORWARDED_FOR", "") if trust_forwarded_for else ""
    return forwarded.rpartition(",")[2].strip() or meta.get("REMOTE_ADDR", "")


def _networks(general: Mapping[str, Any], name: str) -> tuple[Network, ...] | None:
    """None when nothing is said."""
    if (value := general.get(name)) is None:
        return None
    networks: list[Network] = []
    for text in value if isinstance(value, list) else [value]:
        try:
            networks += read_networks([str(text)])
        except ValueError as error:
            logger.error(  # noqa: TRY400 - the sentence says it all
                "A network of general_settings is left out", extra={"setting": name, "problem": str(error)}
            )
    return tuple(networks)


def _limits(general: Mapping[str, Any], litellm: Mapping[str, Any]) -> LimitPolicy:
    customer = litellm.get("max_end_user_budget_id")
    return LimitPolicy(
        user_budget_on_team_keys=general.get("apply_user_budget_to_team_keys") is True,
        customer_budget_id=customer if isinstance(customer, str) else "",
        customer_budget=_customer_budget(litellm.get("max_end_user_budget")),
        max_parallel=_count(general.get("max_parallel_requests")),
        global_max_parallel=_count(general.get("global_max_parallel_requests")),
    )


def _customer_budget(dollars: Any) -> LimitSet:
    if _number(dollars) is None:
        return NO_LIMITS
    try:
        return LimitSet(max_nano=to_nano(dollars))
    except ValueError:
        return NO_LIMITS


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _status(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 499 else 422


def _rated_tokens(value: Any) -> RatedTokens:
    return RatedTokens(value) if value in list(RatedTokens) else RatedTokens.TOTAL


def _percentage(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and 0 < number <= 100 else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _bytes(megabytes: Any) -> int | None:
    number = _number(megabytes)
    return int(number * _MEGABYTE) if number is not None and 0 < number < math.inf else None


def _names(value: Any) -> tuple[str, ...]:
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, Sequence) else ()


def _meta(header: Any) -> str:
    return f"HTTP_{header.upper().replace('-', '_')}" if isinstance(header, str) and header else ""
