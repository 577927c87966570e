"""When metrics are pushed, and that what cannot be is said without a secret."""

import pytest

from gateway_project.metrics.otlp.settings import PushError, PushSettings

ADDRESS = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
read = PushSettings.read


def test_nothing_is_pushed_unless_asked_for() -> None:
    assert read({}, callbacks=["prometheus"]) is None
    assert read({"OTEL_SERVICE_NAME": "gateway"}, callbacks=[]) is None


@pytest.mark.parametrize(
    ("environment", "callbacks"),
    [
        (ADDRESS, []),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://collector/custom"}, []),
        ({}, ["prometheus", "otel"]),
        (ADDRESS | {"OTEL_METRICS_EXPORTER": "console, otlp"}, []),
        (ADDRESS | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf"}, []),
        (ADDRESS | {"OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, tenant = red=blue,"}, []),
    ],
)
def test_an_address_or_the_callback_asks_for_it(environment: dict[str, str], callbacks: list[str]) -> None:
    assert read(environment, callbacks=callbacks) == PushSettings(interval=60)


@pytest.mark.parametrize("off", [{"OTEL_SDK_DISABLED": "True"}, {"OTEL_METRICS_EXPORTER": "none"}])
def test_the_standard_switches_turn_it_off(off: dict[str, str]) -> None:
    assert read(ADDRESS | off, callbacks=["otel"]) is None


def test_the_interval_is_in_milliseconds() -> None:
    assert read(ADDRESS | {"OTEL_METRIC_EXPORT_INTERVAL": "1500"}, callbacks=[]) == PushSettings(interval=1.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "a minute"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-60000"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "86400001"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318/hidden"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://[hidden"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hidden"),
        ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "a=b,=hidden"),
        ("OTEL_RESOURCE_ATTRIBUTES", "hidden"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(name: str, value: str) -> None:
    with pytest.raises(PushError, match=name) as raised:
        read(ADDRESS | {name: value}, callbacks=[])
    assert "hidden" not in str(raised.value)
