"""Probes of a web process: each deployment is asked by one at a time, and whoever else wants to know gets that answer.

However often `/health` is called, a deployment is asked no more than every few seconds.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from django.db import DatabaseError, InterfaceError

from budgets.ledger import LedgerUnavailable, LedgerWriter
from proxy import health_checks
from proxy.deployments import Deployment
from proxy.probes import Probe, entry_of, probe
from proxy.upstream import Upstream

logger = logging.getLogger(__name__)

REUSED_SECONDS = 5.0
_Key = tuple[str, str]
Spawn = Callable[[Coroutine[Any, Any, Probe]], "asyncio.Task[Probe]"]


class Prober:
    """Belongs to one event loop. `spawn` makes tasks that outlive the request they came from."""

    def __init__(self, upstream: Upstream, ledger: LedgerWriter, spawn: Spawn) -> None:
        self._upstream = upstream
        self._ledger = ledger
        self._spawn = spawn
        self._running: dict[_Key, asyncio.Task[Probe]] = {}
        self._recent: dict[_Key, tuple[float, Deployment, Probe]] = {}
        self._gate = asyncio.Semaphore(1)
        self._concurrency = 1

    async def ask(self, deployments: Sequence[Deployment], *, concurrency: int, checked_by: str) -> list[Probe]:
        """In the order of `deployments`; what had to be asked now is also stored, as checked by `checked_by`."""
        self._forget()
        if concurrency != self._concurrency:
            self._gate, self._concurrency = asyncio.Semaphore(concurrency), concurrency
        found: dict[_Key, Probe] = {}
        tasks: dict[_Key, asyncio.Task[Probe]] = {}
        mine: list[Deployment] = []
        for deployment in deployments:
            key = _key(deployment)
            known = self._recent.get(key)
            if known is not None and known[1] == deployment:
                found[key] = known[2]
                continue
            if key not in self._running:
                self._running[key] = self._spawn(self._probe(deployment, self._gate))
                mine.append(deployment)
            tasks[key] = self._running[key]
        if tasks:
            # Not gathered: who stops waiting must not cancel what others wait for.
            await asyncio.wait(tasks.values())
        found |= {key: task.result() for key, task in tasks.items()}
        await self._store([(one, found[_key(one)]) for one in mine], checked_by=checked_by)
        return [found[_key(one)] for one in deployments]

    async def _probe(self, deployment: Deployment, gate: asyncio.Semaphore) -> Probe:
        try:
            async with gate:
                found = await probe(deployment, self._upstream, now=health_checks.now())
            self._recent[_key(deployment)] = (time.monotonic(), deployment, found)
            if found.asked:
                await self._charge(deployment, found)
            return found
        finally:
            del self._running[_key(deployment)]

    async def _charge(self, deployment: Deployment, found: Probe) -> None:
        try:
            await self._ledger.write(entry_of(deployment, found))
        except LedgerUnavailable:
            logger.exception("A probe is not in the ledger", extra={"deployment": deployment.id})

    async def _store(self, found: list[tuple[Deployment, Probe]], *, checked_by: str) -> None:
        if not found:
            return
        try:
            await asyncio.to_thread(health_checks.in_thread, health_checks.record, found, checked_by=checked_by)
        except (DatabaseError, InterfaceError):
            logger.warning("Results of health checks are not stored: the database is away")

    def _forget(self) -> None:
        oldest = time.monotonic() - REUSED_SECONDS
        for key in [key for key, (at, _, _) in self._recent.items() if at < oldest]:
            del self._recent[key]


def _key(deployment: Deployment) -> _Key:
    return deployment.id, deployment.model
