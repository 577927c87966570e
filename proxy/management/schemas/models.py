"""Bodies and answers of the model routes (api.md 2.7)."""

from typing import Any

from pydantic import ConfigDict, Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Id, Name, Object, Time


class LitellmParams(Body):
    """Whatever a provider takes; none of it is ignored."""

    model: Id

    def everything(self) -> Object:
        return self.model_dump(exclude_unset=True)


class ChangedParams(Body):
    model: Id | None = None

    def everything(self) -> Object:
        return self.model_dump(exclude_unset=True)


class ModelInfo(Body):
    id: Id | None = None
    team_id: Id | None = None

    def everything(self) -> Object:
        return self.model_dump(exclude_unset=True)


class NewModel(Body):
    model_name: Id
    litellm_params: LitellmParams
    model_info: ModelInfo = ModelInfo()


class UpdateModel(Body):
    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_name: Id | None = None
    litellm_params: ChangedParams | None = None
    model_info: ModelInfo | None = None


class NamedModel(Body):
    id: Id


class BlockedModel(Body):
    model_id: Id


class ModelQuery(Body):
    litellm_model_id: Name | None = None


class ModelList(Body):
    page: int = Field(1, ge=1, le=10**9)
    size: int = Field(50, ge=1, le=1000)
    search: Name | None = None
    model: Name | None = None
    model_id: Name | None = None
    team_id: Name | None = None


class GroupQuery(Body):
    model_group: Name | None = None


class DeploymentObject(Answer):
    model_id: str
    model_name: str
    litellm_params: Object
    model_info: Object
    blocked: bool
    created_at: Time
    created_by: str | None
    updated_at: Time
    updated_by: str | None


class ModelData(Answer):
    data: list[Object]


class ModelPage(Answer):
    data: list[Any]
    total_count: int
    current_page: int
    total_pages: int
    size: int
