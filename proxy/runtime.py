"""What a web process holds in memory to serve requests, from its start to its stop.

Snapshots are replaced whole by a thread that looks for new revisions; a request only ever reads attributes.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest
from prometheus_client import REGISTRY

import alerts.services
from budgets.ledger import LedgerWriter
from budgets.spool import Spool
from proxy.auth import ensure_route_allowed
from proxy.metrics import CustomLabels, RequestMetrics
from proxy.policy import Policy
from proxy.registry import RoutingTable, load_routing_table
from proxy.upstream import Upstream
from teams import revisions
from teams.authentication import ensure_current, ensure_team_not_blocked, identify
from teams.errors import KeyUnverifiable, UnknownKey
from teams.services import ADMIN_USER_ID
from teams.snapshot import KeySnapshot, Principal

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# Prices are dated, so the table is built again now and then even when no row changed.
REBUILD_SECONDS = 3600.0
STALE_SECONDS = 10.0


class Runtime:
    """`start` before the first request, `stop` after the last. Belongs to one event loop."""

    table: RoutingTable
    policy: Policy
    metrics: RequestMetrics

    def __init__(self) -> None:
        self.keys = KeySnapshot(admin_id=ADMIN_USER_ID)
        self.upstream = Upstream()
        self.ledger = LedgerWriter(Spool(settings.LEDGER_SPOOL_DIR))
        self.chance = random.Random()  # noqa: S311 - spreads load
        self.draining = False
        self._master_key = settings.MASTER_KEY
        self._seen: dict[str, int] = {}
        self._built_at = 0.0
        self._database_seen_at = 0.0
        self._stopping = threading.Event()
        self._followed = threading.Condition()
        self._refresher = threading.Thread(target=self._refresh_for_ever, name="snapshot-refresher", daemon=True)

    async def start(self) -> None:
        await asyncio.to_thread(self._first_load)
        self.metrics = RequestMetrics(REGISTRY, _custom_labels(self.table))
        self.ledger.start()
        alerts.services.start_buffer()
        self._refresher.start()

    async def stop(self) -> None:
        """Everything that was answered is on disk when this returns."""
        self.draining = True
        self._stopping.set()
        revisions.changed.wake()
        await self.upstream.close()
        await self.ledger.stop()
        await asyncio.to_thread(alerts.services.stop_buffer)

    def authenticate(self, request: HttpRequest) -> Principal:
        """Who calls, and that the key may be used here and now, for everything but models.

        Raises teams.errors.AuthenticationError, PermissionDenied or KeyUnverifiable.
        """
        principal = self.identify(request.META)
        ensure_current(principal, now=datetime.now(UTC))
        ensure_route_allowed(principal, request.path, self.policy)
        ensure_team_not_blocked(principal)
        return principal

    def identify(self, meta: Mapping[str, str]) -> Principal:
        """Who calls, from an address that may. Raises AuthenticationError, AddressDenied or KeyUnverifiable."""
        self.policy.ensure_address_allowed(meta)
        try:
            return identify(
                meta,
                keys=self.keys,
                master_key=self._master_key,
                now=datetime.now(UTC),
                header=self.policy.key_header,
            )
        except UnknownKey:
            if self.database_ok:
                raise
            # It may have been made after the last snapshot.
            raise KeyUnverifiable(
                "The key is not known yet and the database is away. Try again soon.", headers={"retry-after": "5"}
            ) from None

    @property
    def database_ok(self) -> bool:
        """As the refresher saw it; no request asks."""
        return not self.ledger.spooling and time.monotonic() - self._database_seen_at < STALE_SECONDS

    def catch_up(self, *, seconds: float = 1.0) -> None:
        """Wait until the snapshots hold what is committed by now, so that who changed something meets it at once."""
        wanted = revisions.current()
        with self._followed:
            self._followed.wait_for(lambda: all(self._seen.get(name, 0) >= wanted[name] for name in wanted), seconds)

    def _first_load(self) -> None:
        try:
            self._refresh()
        finally:
            connection.close()

    def _refresh_for_ever(self) -> None:
        try:
            while not self._stopping.is_set():
                revisions.changed.wait(POLL_SECONDS)
                try:
                    self._refresh()
                except (DatabaseError, InterfaceError):
                    logger.warning("Serving from the last snapshot: the database is away")
                    connection.close()
                except Exception:
                    # A refresher that dies would leave revoked keys valid for ever.
                    logger.exception("Could not refresh the snapshots")
        finally:
            connection.close()

    def _refresh(self) -> None:
        numbers = revisions.current()
        self._database_seen_at = time.monotonic()
        if self._is_new(revisions.KEYS, numbers):
            self.keys.follow(numbers.get(revisions.KEYS, 0))
        if self._is_new(revisions.DEPLOYMENTS, numbers) or time.monotonic() - self._built_at > REBUILD_SECONDS:
            table = load_routing_table(now=datetime.now(UTC))
            self.policy = Policy.read(table.settings["general_settings"])
            self.table = table
            self._built_at = time.monotonic()
        with self._followed:
            self._seen = {name: numbers.get(name, 0) for name in (revisions.KEYS, revisions.DEPLOYMENTS)}
            self._followed.notify_all()

    def _is_new(self, name: str, numbers: Mapping[str, int]) -> bool:
        return self._seen.get(name, -1) != numbers.get(name, 0)


def _custom_labels(table: RoutingTable) -> CustomLabels:
    litellm = table.settings["litellm_settings"]
    return CustomLabels(
        metadata=litellm.get("custom_prometheus_metadata_labels") or (),
        tags=litellm.get("custom_prometheus_tags") or (),
    )


_running: Runtime | None = None


def set_running(runtime: Runtime | None) -> None:
    global _running  # noqa: PLW0603
    _running = runtime


def running() -> Runtime:
    """The process's runtime. Raises RuntimeError outside a web process."""
    if _running is None:
        raise RuntimeError("no gateway runs in this process")
    return _running
