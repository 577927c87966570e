"""A form's fields as a JSON request would have them. Pure."""

from typing import Any

import orjson

from proxy.core.errors import BadRequest
from proxy.core.multipart import parse_multipart

# A form has nothing but texts; these are written in it as JSON.
_JSON = frozenset(
    {
        "content_policy_fallbacks",
        "context_window_fallbacks",
        "disable_fallbacks",
        "fallbacks",
        "litellm_metadata",
        "metadata",
        "router_settings_override",
        "stream",
        "tags",
    }
)


def parse_form(raw: bytes, content_type: str) -> dict[str, Any]:
    """A multipart/form-data body: texts, lists of texts under names with `[]`, and Upload. Raises BadRequest."""
    body: dict[str, Any] = {}
    for name, value in parse_multipart(raw, content_type).items():
        # As a list, what is ours loses the brackets; what is the upstream's goes on as it came.
        ours = name.removesuffix("[]")
        if ours not in _JSON:
            body[name] = value
        elif ours in body:
            raise BadRequest(f"'{ours}' is given twice.", param=ours)
        else:
            body[ours] = _decoded(ours, value) if isinstance(value, str) else value
    return body


def _decoded(name: str, text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadRequest(f"'{name}' must be written as JSON in a form.", param=name) from None
