"""Pushes what the page shows, once in an interval, from a thread of its own."""

import logging
import threading
import time
from typing import Any

import redis
import requests
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Min
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.sdk.metrics.export import Metric, MetricExportResult, MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import REGISTRY, Counter, Gauge

from gateway_project.metrics.otlp.data import Times, batches, metrics_of
from gateway_project.metrics.otlp.settings import PushError, PushSettings
from gateway_project.metrics.otlp.turns import Turns
from gateway_project.metrics.shown import look, renderer
from proxy.metrics.idle import Idleness
from proxy.version import VERSION

logger = logging.getLogger(__name__)

PUSHES = Counter("tollkeeper_otlp_pushes", "Pushes of metrics to OpenTelemetry, by how they ended", ("outcome",))
LAST_SUCCESS = Gauge(
    "tollkeeper_otlp_last_success_timestamp_seconds", "When metrics were last pushed; 0 for not yet since the start"
)
STOP_SECONDS = 5.0
# Encoding holds the interpreter's lock: of more at once, 20 ms and more would be missing to who is served just now.
BATCH_POINTS = 250
SCOPE = InstrumentationScope("tollkeeper", VERSION)


class NotPushed(Exception):
    """Why, in a few words without an address: that may hold a secret."""


class Pusher:
    """`start` and `stop` once each. Raises PushError where the exporter does not take its settings."""

    def __init__(self, settings: PushSettings, *, redis_url: str, idleness: Idleness) -> None:
        self._idleness = idleness
        self._interval = settings.interval
        self._turns = Turns(redis_url, settings.interval)
        self._heard = _Heard()
        self._exporter = _exporter(self._heard)
        # Of no process: a name for each would make one series of each.
        self._resource = Resource({"service.name": "tollkeeper", "service.version": VERSION}).merge(
            OTELResourceDetector().detect()
        )
        self._is_failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._push_for_ever, name="metric-pusher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        # Ends what it waits for between two tries.
        self._exporter.shutdown()
        self._thread.join(STOP_SECONDS)
        self._turns.close()

    def _push_for_ever(self) -> None:
        while not self._stopping.wait(self._seconds_left()):
            try:
                if self._turns.is_mine():
                    self._push()
            except redis.RedisError:
                self._note("Redis does not answer")
            except NotPushed as error:
                self._note(str(error))
            except Exception as error:
                logger.exception("Metrics could not be put together for a push")
                self._note(type(error).__name__)

    def _seconds_left(self) -> float:
        try:
            return self._turns.seconds_left()
        except redis.RedisError:
            return self._interval

    def _push(self) -> None:
        """Raises NotPushed."""
        for batch in batches(renderer.submit(self._metrics).result(), most=BATCH_POINTS):
            self._send(batch)
        PUSHES.labels("success").inc()
        LAST_SUCCESS.set(time.time())
        if self._is_failing:
            logger.info("Metrics are pushed again")
        self._is_failing = False

    def _send(self, metrics: list[Metric]) -> None:
        self._heard.clear()
        data = MetricsData([ResourceMetrics(self._resource, [ScopeMetrics(SCOPE, metrics, "")], "")])
        if self._exporter.export(data) is not MetricExportResult.SUCCESS:
            raise NotPushed(self._heard.reason)
        if self._heard.rejected:
            raise NotPushed(f"{self._heard.rejected} of its points were rejected")

    def _metrics(self) -> list[Metric]:
        sums = look(self._idleness)
        if not sums.is_whole:
            raise NotPushed("The sums of all processes could not be read")
        return metrics_of(REGISTRY, sums, Times(time.time_ns(), counted=sums.began, ledger=_ledger_began()))

    def _note(self, reason: str) -> None:
        """Logged once until it is well again."""
        if self._stopping.is_set():
            # Cut short by that.
            return
        PUSHES.labels("failure").inc()
        if not self._is_failing:
            logger.warning("Metrics cannot be pushed, and the next push has them all", extra={"reason": reason})
        self._is_failing = True


class _Heard:
    """What the collector answered last."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.rejected = 0

    def clear(self) -> None:
        self.status, self.rejected = None, 0

    @property
    def reason(self) -> str:
        return f"HTTP {self.status}" if self.status else "No answer"

    def take(self, response: requests.Response, **_: Any) -> None:
        self.status = response.status_code
        if response.ok:
            try:
                answer = ExportMetricsServiceResponse.FromString(response.content)
            except Exception:  # noqa: BLE001 - it was taken, whatever else is said
                return
            self.rejected = answer.partial_success.rejected_data_points


def _exporter(heard: _Heard) -> OTLPMetricExporter:
    # They log every try, addresses and settings included.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    session = requests.Session()
    session.hooks["response"].append(heard.take)
    # Its headers are for whom they were given.
    session.max_redirects = 0
    try:
        return OTLPMetricExporter(session=session)
    except (ValueError, OSError) as error:
        raise PushError(f"OpenTelemetry's exporter does not take its settings ({type(error).__name__}).") from None


def _ledger_began() -> int:
    """Its sums never begin anew, whatever becomes of Redis."""
    first = MigrationRecorder.Migration.objects.filter(app="budgets").aggregate(at=Min("applied"))["at"]
    return int(first.timestamp()) * 10**9 if first else 0
