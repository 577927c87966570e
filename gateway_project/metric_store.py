"""Where metric values live: numbers in memory and, where several processes serve, their sums in Redis.

Metrics are declared with prometheus_client as everyone does; `install` only swaps what holds a number. Each process
adds what it counted to the shared sums about once a second. The names of processes appear nowhere, so nothing is
left behind when one dies. Gauges stay in their process: gauges of state are computed at scrape from the truth.
"""

import logging
import threading
from typing import Any

import orjson
import prometheus_client
import redis
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR, REGISTRY, CollectorRegistry
from prometheus_client import values as prometheus_values
from prometheus_client.metrics import MetricWrapperBase

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
REDIS_KEY = "tollkeeper:metrics"
_SHARED_TYPES = frozenset({"counter", "histogram", "summary"})


class Value:
    """One number of one series, as prometheus_client asks for it.

    `shared` is the sum of all processes when it was last read, `flushed` how much of our own is part of it.
    """

    _multiprocess = False
    __slots__ = ("_lock", "_value", "field", "flushed", "shared")

    def __init__(  # noqa: PLR0917 - prometheus_client calls it by position
        self,
        typ: str,
        metric_name: str,
        name: str,
        labelnames: tuple[str, ...],
        labelvalues: tuple[str, ...],
        help_text: str,
        **_: Any,
    ) -> None:
        self._value: float = 0
        self._lock = threading.Lock()
        self.shared: float = 0
        self.flushed: float = 0
        if typ in _SHARED_TYPES:
            self.field = orjson.dumps([metric_name, name, [*zip(labelnames, labelvalues, strict=True)]])
            store.register(self)

    def inc(self, amount: float) -> None:
        with self._lock:
            self._value += amount

    def set(self, value: float, timestamp: float | None = None) -> None:
        with self._lock:
            self._value = value

    def get(self) -> float:
        with self._lock:
            return self.shared + self._value - self.flushed

    def pending(self) -> float:
        with self._lock:
            return self._value - self.flushed

    def mark_flushed(self, amount: float) -> None:
        with self._lock:
            self.flushed += amount
            self.shared += amount

    def mark_read(self, shared: float) -> None:
        with self._lock:
            self.shared = shared

    def set_exemplar(self, exemplar: Any) -> None:
        """Not kept."""

    def get_exemplar(self) -> None:
        return None


class MetricStore:
    def __init__(self) -> None:
        self._values: dict[bytes, Value] = {}
        self._lock = threading.Lock()
        self._redis: redis.Redis | None = None
        self._stopping = threading.Event()
        self._flusher: threading.Thread | None = None

    def register(self, value: Value) -> None:
        self._values[value.field] = value

    def start(self, redis_url: str) -> None:
        """Share with other processes from now on. Without a URL this process is alone and nothing is shared."""
        if not redis_url:
            return
        self._redis = redis.Redis.from_url(
            redis_url, socket_timeout=2, socket_connect_timeout=1, retry=None, retry_on_timeout=False
        )
        # Of one process among many, and of another one at each scrape: these would only mislead.
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            if collector in REGISTRY._collector_to_names:
                REGISTRY.unregister(collector)
        self._stopping.clear()
        self._flusher = threading.Thread(target=self._flush_for_ever, name="metric-flusher", daemon=True)
        self._flusher.start()

    def stop(self) -> None:
        """What was counted is in Redis when this returns, if Redis answers."""
        if self._flusher is not None:
            self._stopping.set()
            self._flusher.join(timeout=5)
            self._flusher = None
            self._flush_or_warn()

    def render(self, registry: CollectorRegistry, encode: Any) -> bytes:
        """The page of the fleet; of this process alone while Redis does not answer."""
        if self._redis is not None:
            try:
                self._flush()
                self._load(registry)
            except redis.RedisError:
                logger.warning("Metrics of other processes are as old as Redis' last answer")
        page: bytes = encode(registry)
        return page

    def _flush_for_ever(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(FLUSH_SECONDS)
            self._flush_or_warn()

    def _flush_or_warn(self) -> None:
        try:
            self._flush()
        except redis.RedisError:
            logger.warning("Metrics wait in memory: Redis does not answer")

    def _flush(self) -> None:
        assert self._redis is not None
        with self._lock:
            changes = [(value, amount) for value in list(self._values.values()) if (amount := value.pending())]
            if not changes:
                return
            pipe = self._redis.pipeline(transaction=True)
            for value, amount in changes:
                pipe.hincrbyfloat(REDIS_KEY, value.field, amount)
            pipe.execute()
            for value, amount in changes:
                value.mark_flushed(amount)

    def _load(self, registry: CollectorRegistry) -> None:
        assert self._redis is not None
        with self._lock:
            sums: dict[bytes, bytes] = self._redis.hgetall(REDIS_KEY)  # type: ignore[assignment]
            for field, total in sums.items():
                if value := self._values.get(field) or self._adopt(field, registry):
                    value.mark_read(_number(total))

    def _adopt(self, field: bytes, registry: CollectorRegistry) -> Value | None:
        """A series another process made: made here too, if the metric is known here with the same labels."""
        metric_name, _, labels = orjson.loads(field)
        metric = registry._names_to_collectors.get(metric_name)
        own = {name: value for name, value in labels if name != "le"}
        if isinstance(metric, MetricWrapperBase) and own and set(metric._labelnames) == set(own):
            metric.labels(**own)
        return self._values.get(field)


def _number(text: bytes) -> float:
    """Whole numbers stay integers, so that nano-dollars keep every digit."""
    return int(text) if text.lstrip(b"-").isdigit() else float(text)


store = MetricStore()


def install() -> None:
    """Before the first metric is declared."""
    prometheus_values.ValueClass = Value
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
