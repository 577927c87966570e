"""What the OpenAPI document says beyond what the views show."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class VirtualKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Found by drf-spectacular because the module is imported."""

    target_class = "proxy.permissions.VirtualKeyAuthentication"
    name = "virtualKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "The master key, or a virtual key: sk-..."}


def only_api(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """Without the scrape page, which is no API."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith("/metrics")]
