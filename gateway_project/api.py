"""How the management API tells a failure: LiteLLM's envelopes (api.md section 0)."""

import logging
from typing import Any

from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

import alerts.services
from teams.errors import AlreadyExists, ApiError, Invalid

logger = logging.getLogger(__name__)


class DatabaseAway(ApiError):
    status_code = 503
    type = "no_db_connection"


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Ours in the envelope `{"error": ...}`; the framework's own as `{"detail": ...}`, which is also LiteLLM's."""
    if not isinstance(error, ApiError) and (known := _of_database(error)) is not None:
        logger.warning("The database refused a management request", exc_info=error)
        if isinstance(known, DatabaseAway):
            alerts.services.emit_database_trouble("management", error)
        error = known
    if isinstance(error, ApiError):
        return Response(error.envelope(), status=error.status_code, headers=error.headers)
    if (told := drf_exception_handler(error, context)) is not None:
        return told
    logger.error("A management request failed in a way nobody foresaw", exc_info=error)
    unforeseen = ApiError("Internal server error.")
    return Response(unforeseen.envelope(), status=unforeseen.status_code)


def _of_database(error: Exception) -> ApiError | None:
    if isinstance(error, (OperationalError, InterfaceError)):
        return DatabaseAway("The database is away or busy. Nothing was changed.", headers={"retry-after": "5"})
    if isinstance(error, IntegrityError):
        return AlreadyExists("Another row with this id, alias or e-mail exists, or was just made. Nothing was changed.")
    if isinstance(error, DataError):
        return Invalid("A value is longer or larger than can be kept. Nothing was changed.")
    return None


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return JsonResponse({"detail": "Not Found"}, status=404)
