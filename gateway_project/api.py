"""How the management API tells a failure: LiteLLM's envelopes (api.md section 0)."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

from teams.errors import ApiError


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Ours in the envelope `{"error": ...}`; the framework's own as `{"detail": ...}`, which is also LiteLLM's."""
    if isinstance(error, ApiError):
        return Response(error.envelope(), status=error.status_code, headers=error.headers)
    return drf_exception_handler(error, context)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return JsonResponse({"detail": "Not Found"}, status=404)
