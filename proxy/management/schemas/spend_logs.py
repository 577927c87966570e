"""Queries and answers of the routes that tell of single calls (api.md 2.8 and 7)."""

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Name, Object
from proxy.management.schemas.spend import Date, Form

Dollars = Annotated[float, Field(allow_inf_nan=False)]
_START = "YYYY-MM-DD or YYYY-MM-DD HH:MM:SS, UTC."
_END = "The last moment; a day alone is the whole of it."


class Logs(Body):
    api_key: Name | None = Field(None, description="A key, or its hash.")
    user_id: Name | None = None
    request_id: Name | None = Field(None, description="The answer's id, x-litellm-call-id, or an id of the ledger.")
    start_date: Date | None = Field(None, description=_START)
    end_date: Date | None = Field(None, description=_END)
    summarize: bool = Field(True, description="With dates: sums by day; false: the calls themselves.")
    format: Form = None


class LogList(Body):
    start_date: Date | None = Field(None, description=_START)
    end_date: Date | None = Field(None, description=_END)
    api_key: Name | None = Field(None, description="A key, or its hash.")
    user_id: Name | None = None
    request_id: Name | None = None
    session_id: Name | None = Field(None, description="The call id, which attempts of one request share.")
    team_id: Name | None = None
    min_spend: Dollars | None = None
    max_spend: Dollars | None = None
    status_filter: Literal["success", "failure"] | None = None
    model: Name | None = Field(None, description="With or without its provider: openai/gpt-4o.")
    model_id: Name | None = None
    model_group: Name | None = None
    key_alias: Name | None = None
    end_user: Name | None = None
    error_code: Name | None = Field(None, description="A status such as 429.")
    error_message: Name | None = Field(None, description="The class of an error; its words are in /explain.")
    cache_hit_filter: Name | None = Field(None, description="There is no response cache: a hit is never found.")
    page: int = Field(1, ge=1, le=10**6)
    page_size: int = Field(50, ge=1, le=1000)
    sort_by: Literal["startTime", "endTime", "spend", "total_tokens", "request_duration_ms", "model"] = "startTime"
    sort_order: Literal["asc", "desc"] = "desc"
    format: Form = None


class LogRow(Answer):
    request_id: str
    call_type: str
    api_key: str
    spend: float
    total_tokens: int
    prompt_tokens: int
    completion_tokens: int
    startTime: str  # noqa: N815 - LiteLLM's
    endTime: str  # noqa: N815
    completionStartTime: str | None  # noqa: N815
    request_duration_ms: int
    model: str
    model_id: str
    model_group: str
    custom_llm_provider: str
    api_base: str
    user: str
    metadata: Object
    cache_hit: str
    cache_key: str
    request_tags: list[Any]
    team_id: str | None
    organization_id: str | None
    end_user: str | None
    requester_ip_address: str | None
    session_id: str
    status: str
    litellm_call_id: str
    messages: Object
    response: Object
    proxy_server_request: Object
    created_at: str
    updated_at: str


class LogPage(Answer):
    data: list[LogRow]
    total: int
    page: int
    page_size: int
    total_pages: int
    total_is_capped: bool


class LogsAnswer(RootModel[list[Object]]):
    """Rows; with dates, sums by day: `startTime`, `spend`, `users`, `models`, and the spend of each key by its hash."""


class Payload(Answer):
    messages: Object
    response: Object
    proxy_server_request: Object
