"""How a test reads what the management routes answer."""

from typing import Any
from uuid import uuid4

import httpx

# Each is kept as it is, or refused; none of them may do anything else.
HOSTILE_NAMES = {
    "quotes": "a'b\"c`",
    "a statement": "x'; DROP TABLE teams_user; --",
    "markup": "<script>alert(1)</script>",
    "a template": "{{ 7 * 7 }}{% now %}",
    "a path": "../../etc/passwd",
    "emoji": "\N{PILE OF POO}\N{ZERO WIDTH JOINER}\N{RIGHT-TO-LEFT OVERRIDE}",
    "lines": "a\r\nb\tc",
    "percents": "100%_%s%n",
    "the longest": "x" * 255,
}
# No column takes these.
IMPOSSIBLE_NAMES = {"too long": ("x" * 256, 422), "empty": ("", 422), "a NUL": ("a\x00b", 400), "a number": (7, 422)}


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:12]}"


def asked(client: httpx.Client, path: str, **query: Any) -> Any:
    """The answer of a GET that must succeed."""
    answer = client.get(path, params=query)
    assert answer.status_code == 200, (path, query, answer.text)
    return answer.json()


def refusal(client: httpx.Client, path: str, **body: Any) -> tuple[int, str]:
    """Status and sentence of a POST that must fail."""
    return told(client.post(path, json=body))


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status and sentence, out of whichever envelope."""
    assert 400 <= answer.status_code < 500, answer.text
    found = answer.json()
    if "error" in found:
        assert found["error"]["code"] == str(answer.status_code)
        return answer.status_code, str(found["error"]["message"])
    detail = found["detail"]
    return answer.status_code, str(detail["error"] if isinstance(detail, dict) else detail)
