"""Bodies and answers of /explain and /route/preview."""

from typing import Annotated

from pydantic import ConfigDict, Field

from proxy.core.operations import Operation
from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Id, Name, Object, Time


class Told(Answer):
    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())

    class_: str = Field(alias="class")
    message: str


class Caller(Answer):
    key: str = Field(description="The key's hash.")
    key_alias: str | None
    user_id: str | None
    team_id: str | None
    end_user: str | None


class Cost(Answer):
    amount: float = Field(description="Dollars, of all attempts together.")
    amount_nano: int
    price: str | None = Field(description="Which price it was computed with.")


class Explained(Answer):
    request_id: str
    call_id: str
    at: Time
    route: str
    operation: str
    model: str
    model_group: str
    deployment: str | None
    status: int
    error: Told | None
    duration_ms: float
    caller: Caller
    tags: list[str]
    stream: bool
    attempts: int
    cost: Cost
    steps: list[Object] = Field(description="In their order: select, attempt, retry, fallback, refused, ...")
    ledger: list[Object] = Field(description="What the ledger says of the attempts.")


class Explanation(Answer):
    call_id: str
    requests: list[Explained] = Field(description="Newest first; a client may use a call id again.")


class RoutePreview(Body):
    model: Id
    key: Name | None = Field(None, description="A key, its hash or its alias. Yours, if you say nothing.")
    team_id: Name | None = Field(None, description="Ask as a key of this team would.")
    operation: Operation = Operation.CHAT
    tags: Annotated[list[Name], Field(max_length=64)] = []
    stream: bool = False
    prompt_tokens: int = Field(0, ge=0, le=10**9)


class Previewed(Answer):
    """Whoever may not call the model is told only why."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    allowed: bool
    error: Object | None
    summary: str
    model: str
    caller: Object
    operation: str
    stream: bool
    tags: list[str]
