"""Statements and connections of the database, under django-prometheus's names.

Its database engines count in the driver's cursor, which costs the ledger's commit a third of its time (measured: 35 us
of 130 on PostgreSQL, 130 of 520 on SQLite). Here Django's own cursors are counted; the ledger's commits, which use the
driver's, are LiteLLM's service `postgres`.
"""

import time
from collections.abc import Callable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django_prometheus.db import (
    connections_total,
    errors_total,
    execute_many_total,
    execute_total,
    query_duration_seconds,
)


def connect() -> None:
    connection_created.connect(_connected, dispatch_uid="metrics of the database")


def _connected(connection: BaseDatabaseWrapper, **_: Any) -> None:
    connections_total.labels(connection.alias, connection.vendor).inc()
    # One object goes through many connections.
    if not any(isinstance(wrapper, _Counting) for wrapper in connection.execute_wrappers):
        connection.execute_wrappers.append(_Counting(connection.alias, connection.vendor))


class _Counting:
    def __init__(self, *labels: str) -> None:
        self._labels = labels
        self._count = execute_total.labels(*labels).inc
        self._count_many = execute_many_total.labels(*labels).inc
        self._observe = query_duration_seconds.labels(*labels).observe

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        except Exception as error:
            errors_total.labels(*self._labels, type(error).__name__).inc()
            raise
        finally:
            self._observe(time.perf_counter() - began)
            if many:
                rows = len(params) if hasattr(params, "__len__") else 1
                self._count(rows)
                self._count_many(rows)
            else:
                self._count()
