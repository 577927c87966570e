"""The ASGI application: completions on the lean path, everything else through Django's full stack."""

import asyncio
import gc
import multiprocessing
import os
import signal
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from prometheus_client import REGISTRY

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
django.setup()

from gateway_project import urls  # noqa: E402 - needs the apps
from gateway_project.metrics import machinery, otlp, process  # noqa: E402
from proxy import runtime  # noqa: E402
from proxy.asgi import LeanHandler  # noqa: E402

machinery.register(REGISTRY)
_full = get_asgi_application()
_lean = LeanHandler(urls.lean)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http" and (found := _lean.find(scope["path"])) is not None:
        await _lean(found, scope, receive, send)
    else:
        await _full(scope, receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    gateway = runtime.Runtime()
    try:
        await gateway.start()
        process.hold_store(process.WEB)
    except Exception as error:
        await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
        raise
    runtime.set_running(gateway)
    pusher = otlp.start_push(
        os.environ,
        callbacks=gateway.callbacks(),
        redis_url=settings.REDIS_URL,
        idleness=gateway.metrics.settings.idleness,
    )
    _end_with_parent()
    _quiet_collector()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    if pusher is not None:
        await asyncio.to_thread(pusher.stop)
    await gateway.stop()
    process.release_store(process.WEB)
    runtime.set_running(None)
    await send({"type": "lifespan.shutdown.complete"})


def _end_with_parent() -> None:
    """One of several workers: without whom it was started by, nobody would ever end it, and it would keep the port."""
    if (parent := multiprocessing.parent_process()) is not None:
        asyncio.get_running_loop().add_reader(parent.sentinel, _parent_is_gone, parent.sentinel)


def _parent_is_gone(sentinel: int) -> None:
    asyncio.get_running_loop().remove_reader(sentinel)
    os.kill(os.getpid(), signal.SIGTERM)


def _quiet_collector() -> None:
    """What exists now lives for ever; walking it again and again would only cost time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
