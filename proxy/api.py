"""The base of every view on the lean path, and how any view's failure is told."""

import logging
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.views import APIView

from proxy.request import LeanRequest
from proxy.runtime import running
from teams.errors import ApiError

logger = logging.getLogger(__name__)


class AsyncAPIView(APIView):
    """A DRF view without DRF's synchronous entry: no thread, no content negotiation, the request as Django made it.

    Every method needs a valid key unless the class says `public = True`; it is `request.principal` then.
    """

    public = False

    async def dispatch(self, request: LeanRequest, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """A response of Django's, or one of the lean path's own."""
        try:
            method = str(request.method).lower()
            if method == "options":
                return HttpResponse(status=204, headers={"Allow": ", ".join(self.allowed_methods)})
            handler = getattr(self, method, None) if method in self.http_method_names else None
            if handler is None:
                return json_response({"detail": "Method Not Allowed"}, status=405)
            if not self.public:
                request.principal = running().authenticate(request)
            response = await handler(request, *args, **kwargs)
        except ApiError as error:
            return self._tell(request, error)
        except Exception:
            logger.exception("A request failed in a way nobody foresaw", extra={"path": request.path})
            return self._tell(request, ApiError("Internal server error."))
        return response

    def _tell(self, request: LeanRequest, error: ApiError) -> HttpResponse:
        self.failed(request, error)
        return error_response(error, told=self.told(request, error))

    def failed(self, request: LeanRequest, error: ApiError) -> None:
        """Called with what is about to be told to the client."""

    def told(self, request: LeanRequest, error: ApiError) -> dict[str, Any]:
        return error.envelope()


def json_response(value: Any, *, status: int = 200) -> HttpResponse:
    return HttpResponse(orjson.dumps(value), status=status, content_type="application/json")


def error_response(error: ApiError, *, told: dict[str, Any] | None = None) -> HttpResponse:
    response = json_response(error.envelope() if told is None else told, status=error.status_code)
    for name, value in error.headers.items():
        response.headers[name] = value
    return response
