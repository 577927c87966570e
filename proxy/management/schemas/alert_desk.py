"""Bodies and answers of the routes that set up channels, routes and silences."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Id, Name, Object, Time

Seconds = Annotated[int, Field(ge=60, le=366 * 86400)]
ChannelId = Annotated[int, Field(ge=1, le=2**63 - 1)]
ChannelIds = Annotated[list[ChannelId], Field(max_length=100)]
Types = Annotated[list[Id], Field(max_length=100)]
When = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))]
Link = Annotated[str, Field(max_length=200)]
Credential = Annotated[str, Field(max_length=4096)]


class DeskQuery(Body):
    """`team_id` narrows it to a team's own; empty means the gateway's own."""

    team_id: Name | None = None
    page: int = Field(1, ge=1, le=1_000_000)
    size: int = Field(100, ge=1, le=500)


class ChannelBody(Body):
    """What is left out stays as it is. `url` and `secret` are never shown again."""

    name: Id = ""
    kind: Name = ""
    url: Credential = ""
    secret: Credential = ""
    options: Object = {}
    most_per_minute: int = Field(60, ge=0, le=32767)
    enabled: bool = True
    team_id: Name = ""


class ChannelObject(Answer):
    id: int
    name: str
    kind: str
    team_id: str | None
    enabled: bool
    options: Object
    most_per_minute: int
    url_is_set: bool
    secret_is_set: bool
    source: str
    delivered_at: Time | None
    failing_since: Time | None
    last_error: str | None


class ChannelList(Answer):
    channels: list[ChannelObject]
    total: int


class ChannelTested(Answer):
    """`error` is what went wrong, `answer` the vendor's own words."""

    status: int | None
    error: str | None
    answer: str | None


class RouteBody(Body):
    """What is left out stays as it is. Empty types or levels mean all of them; channels are ids."""

    name: Id = ""
    position: int = Field(100, ge=0, le=2**31 - 1)
    enabled: bool = True
    alert_types: Types = []
    levels: Types = []
    matchers: Object = {}
    channels: ChannelIds = []
    goes_on: bool = False
    schedule: Object = {}
    level: Literal["", "Low", "Medium", "High"] = ""
    repeat_seconds: Seconds | None = None
    escalate_after_seconds: Seconds | None = None
    escalate_to: ChannelIds = []
    runbook_url: Link = ""
    dashboard_url: Link = ""
    team_id: Name = ""


class RouteObject(Answer):
    id: int
    name: str
    position: int
    enabled: bool
    alert_types: list[str]
    levels: list[str]
    matchers: Object
    channels: list[int]
    goes_on: bool
    schedule: Object
    level: str
    repeat_seconds: int | None
    escalate_after_seconds: int | None
    escalate_to: list[int]
    runbook_url: str
    dashboard_url: str
    team_id: str | None
    source: str


class RouteList(Answer):
    routes: list[RouteObject]
    total: int


class SilenceBody(Body):
    """From `starts_at` (now) to `ends_at`; a team's own keeps the team's own routes quiet, and no others."""

    comment: Annotated[str, Field(min_length=1, max_length=500)]
    ends_at: When
    starts_at: When | None = None
    is_weekly: bool = False
    alert_types: Types = []
    matchers: Object = {}
    team_id: Name = ""


class SilenceObject(Answer):
    id: int
    comment: str
    alert_types: list[str]
    matchers: Object
    starts_at: Time
    ends_at: Time
    is_weekly: bool
    created_by: str
    team_id: str | None
    state: str


class SilenceList(Answer):
    silences: list[SilenceObject]
    total: int


class Gone(Answer):
    id: int
    deleted: bool
