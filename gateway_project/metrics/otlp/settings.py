"""OpenTelemetry's standard variables, as far as they decide whether and how often; its exporter reads the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

CALLBACK = "otel"
PROTOCOL = "http/protobuf"
_INTERVAL_MS = 60_000


class PushError(Exception):
    """Why nothing is pushed, in a sentence without secrets."""


@dataclass(frozen=True, slots=True)
class PushSettings:
    """`interval` is in seconds."""

    interval: float

    @classmethod
    def read(cls, environment: Mapping[str, str], *, callbacks: Iterable[str]) -> Self | None:
        """None where nobody asks for it. Raises PushError."""
        if not _is_wanted(environment, callbacks):
            return None
        _ensure_protocol(environment)
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"):
            _ensure_address(name, environment.get(name, ""))
        for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"):
            _ensure_pairs(name, environment.get(name, ""))
        _ensure_pairs("OTEL_RESOURCE_ATTRIBUTES", environment.get("OTEL_RESOURCE_ATTRIBUTES", ""))
        return cls(interval=_interval(environment) / 1000)


def _is_wanted(environment: Mapping[str, str], callbacks: Iterable[str]) -> bool:
    exporters = [one.strip() for one in environment.get("OTEL_METRICS_EXPORTER", "otlp").split(",")]
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or "otlp" not in exporters:
        return False
    has_address = environment.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or environment.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    return bool(has_address) or CALLBACK in callbacks


def _ensure_protocol(environment: Mapping[str, str]) -> None:
    for name in ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if given := environment.get(name):
            if given != PROTOCOL:
                raise PushError(f"{name} is {given!r}, and only {PROTOCOL} is offered.")
            return


def _ensure_address(name: str, given: str) -> None:
    try:
        parts = urlsplit(given)
    except ValueError:
        parts = None
    if given and (parts is None or parts.scheme not in {"http", "https"} or not parts.hostname):
        raise PushError(f"{name} must be an address that begins with http:// or https://.")


def _ensure_pairs(name: str, given: str) -> None:
    """Its error never shows the text: that may hold a secret."""
    pairs = (one.partition("=") for one in given.split(",") if one.strip())
    if any(not name.strip() or not equals for name, equals, _ in pairs):
        raise PushError(f"{name} must be pairs name=value with commas between them.")


def _interval(environment: Mapping[str, str]) -> int:
    given = environment.get("OTEL_METRIC_EXPORT_INTERVAL") or str(_INTERVAL_MS)
    if not given.isdecimal() or not 100 <= int(given) <= 86_400_000:
        raise PushError("OTEL_METRIC_EXPORT_INTERVAL must be milliseconds: a whole number from 100 to a day.")
    return int(given)
