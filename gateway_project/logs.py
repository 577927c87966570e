"""How a log line looks: a constant message with facts as fields, coloured on a terminal, JSON elsewhere."""

import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Ours and most providers'. A path or a vendor's sentence may hold one.
_KEY = re.compile(r"\b(sk|gsk|xai)-[\w-]{8,}")


def logging_config(*, level: str, json_lines: bool) -> dict[str, Any]:
    """A `logging.config` dictionary. `extra={...}` of any logger becomes fields; one event is one line."""
    pretty = sys.stderr.isatty() and not json_lines
    renderer: Any = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.stdlib.ExtraAdder(),
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    _hide_keys,
                    renderer,
                ],
            },
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # They tell each request or each URL, with credentials in it.
            "django.request": {"level": "ERROR"},
            "httpx": {"level": "WARNING"},
            "uvicorn": {"level": "WARNING"},
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "django_celery_beat": {"level": "WARNING"},
        },
    }


def _hide_keys(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last word on every line: no key leaves this process in a log, wherever it came from."""
    for name, value in event.items():
        # What is no text yet becomes one in the renderer.
        text = value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
        event[name] = _KEY.sub(r"\1-***", text) if isinstance(text, str) else text
    return event
