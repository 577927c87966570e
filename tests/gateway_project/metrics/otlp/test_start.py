"""What is asked for and cannot be is a sentence in the log, and no reason not to serve."""

import sys

import pytest

from gateway_project.metrics import otlp
from proxy.metrics.idle import NEVER

ADDRESS = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize("asked", [(ADDRESS, []), ({}, ["otel"])])
def test_without_the_extra_it_is_said_what_to_install(
    asked: tuple[dict[str, str], list[str]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    monkeypatch.delitem(sys.modules, "gateway_project.metrics.otlp.pusher", raising=False)
    environment, callbacks = asked
    assert otlp.start_push(environment, callbacks=callbacks, redis_url="", idleness=NEVER) is None
    (record,) = caplog.records
    assert record.getMessage() == ("Metrics are not pushed: OpenTelemetry is not installed; install tollkeeper[otel].")


def test_a_setting_that_cannot_be_is_said(caplog: pytest.LogCaptureFixture) -> None:
    environment = ADDRESS | {"OTEL_METRIC_EXPORT_INTERVAL": "soon"}
    assert otlp.start_push(environment, callbacks=[], redis_url="", idleness=NEVER) is None
    assert "OTEL_METRIC_EXPORT_INTERVAL must be milliseconds" in caplog.text


def test_nothing_is_said_where_nothing_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    assert otlp.start_push({}, callbacks=["prometheus"], redis_url="", idleness=NEVER) is None
    assert not caplog.records
