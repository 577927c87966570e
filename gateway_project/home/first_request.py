"""A request to try, ready to be copied."""

from django.conf import settings
from django.http import HttpRequest


def curl_of(request: HttpRequest, model: str) -> str:
    """Without a key: none is stored that could be shown."""
    base = settings.PROXY_BASE_URL.rstrip("/") or request.build_absolute_uri("/").rstrip("/")
    quoted = model.replace("\\", "\\\\").replace('"', '\\"').replace("'", "'\\''")
    return (
        f"curl {base}/v1/chat/completions \\\n"
        '  -H "Authorization: Bearer $KEY" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"""  -d '{{"model": "{quoted}", "messages": [{{"role": "user", "content": "Hi"}}]}}'"""
    )
