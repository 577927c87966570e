"""Bodies and answers of the tag routes (api.md 2.7)."""

from typing import Annotated

from pydantic import Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Id, Names, Object, OneOrMore, Time
from proxy.management.schemas.limits import LimitFields

Description = Annotated[str, Field(max_length=10_000)]


class TagFields(LimitFields):
    """Limits make a budget for this tag alone; `budget_id` links a shared one."""

    name: Id
    description: Description | None = None
    models: Names | None = Field(None, description="Ids of deployments.")
    model_info: Object | None = None
    budget_id: Id | None = None


class NewTag(TagFields):
    pass


class UpdateTag(TagFields):
    pass


class TagNames(Body):
    names: OneOrMore


class NamedTag(Body):
    name: Id


class TagList(Body):
    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(10_000, ge=1, le=10_000)


class TagObject(Answer):
    name: str
    description: str | None
    models: list[str]
    model_info: Object
    created_at: Time
    updated_at: Time
    created_by: str | None


class TagWithBudget(TagObject):
    budget_id: str | None
    litellm_budget_table: Object | None


class SavedTag(Answer):
    message: str
    tag: TagWithBudget


class Message(Answer):
    message: str
