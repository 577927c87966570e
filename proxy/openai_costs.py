"""What OpenAI has billed, by its costs endpoint (GET /v1/organization/costs of the administration API)."""

import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx
from pydantic import BaseModel, ValidationError

from teams.money import NANO

BASE_URL = "https://api.openai.com/v1"
_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
# A page has up to 180 days.
_MOST_PAGES = 50
_DAYS_A_PAGE = 180
# Seconds before the second and the third try.
PAUSES = (2.0, 10.0)
_LONGEST_PAUSE = 30.0
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})


class BillUnreadable(Exception):
    """The text says why, without the key."""


class _Amount(BaseModel):
    value: float | str
    currency: str = "usd"


class _Result(BaseModel):
    amount: _Amount | None = None


class _Bucket(BaseModel):
    results: list[_Result] = []


class _Page(BaseModel):
    data: list[_Bucket]
    has_more: bool = False
    next_page: str | None = None


def billed_nano(
    *,
    since: datetime,
    until: datetime,
    project_ids: tuple[str, ...],
    key: str,
    base_url: str = "",
    pauses: Sequence[float] = PAUSES,
) -> int:
    """Nano-dollars of the days from `since` to before `until`. Raises BillUnreadable."""
    if not (key.isascii() and key.isprintable()):
        raise BillUnreadable("OPENAI_ADMIN_KEY is nothing that can be sent.")
    query: dict[str, Any] = {
        "start_time": int(since.timestamp()),
        "end_time": int(until.timestamp()),
        "bucket_width": "1d",
        "limit": _DAYS_A_PAGE,
    }
    if project_ids:
        query["project_ids"] = list(project_ids)
    total, page = Decimal(0), None
    address = f"{(base_url or BASE_URL).rstrip('/')}/organization/costs"
    with httpx.Client(timeout=_TIMEOUT, trust_env=False, headers={"Authorization": f"Bearer {key}"}) as client:
        for _ in range(_MOST_PAGES):
            found = _page(_asked(client, address, query | ({"page": page} if page else {}), pauses))
            total += sum((_dollars(one) for bucket in found.data for one in bucket.results), Decimal(0))
            if not found.has_more or not found.next_page:
                return int(total * NANO)
            page = found.next_page
    raise BillUnreadable("It has no end.")


def _asked(client: httpx.Client, address: str, query: dict[str, Any], pauses: Sequence[float]) -> httpx.Response:
    """The first answer that no later try would better, else the last one."""
    for pause in pauses:
        try:
            answer = client.get(address, params=query)
        except (httpx.HTTPError, httpx.InvalidURL):
            time.sleep(pause)
            continue
        if answer.status_code not in _RETRIED:
            return answer
        time.sleep(max(pause, _asked_for(answer)))
    try:
        return client.get(address, params=query)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BillUnreadable(f"The request failed ({type(error).__name__}).") from None


def _asked_for(answer: httpx.Response) -> float:
    """Seconds, by Retry-After."""
    given = answer.headers.get("retry-after", "")
    return min(float(given), _LONGEST_PAUSE) if given.isascii() and given.isdigit() else 0


def _page(answer: httpx.Response) -> _Page:
    if answer.status_code in (401, 403):
        raise BillUnreadable(f"OpenAI answered {answer.status_code}: OPENAI_ADMIN_KEY is no admin key that may see it.")
    if answer.status_code != 200:
        raise BillUnreadable(f"OpenAI answered {answer.status_code}.")
    try:
        return _Page.model_validate_json(answer.content)
    except ValidationError:
        raise BillUnreadable("The answer is none that the costs endpoint gives.") from None


def _dollars(result: _Result) -> Decimal:
    if result.amount is None:
        return Decimal(0)
    if result.amount.currency.lower() != "usd":
        raise BillUnreadable(f"It is in {result.amount.currency[:10]}, not in dollars.")
    try:
        value = Decimal(str(result.amount.value))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise BillUnreadable("An amount is no number.")
    return value
