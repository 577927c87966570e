"""Bodies and answers of the routes about single settings."""

from typing import Any, Literal

from pydantic import Field

from proxy.management.base import Body
from proxy.management.schemas.fields import Answer, Id, Object


class FieldName(Body):
    field_name: Id
    config_type: Literal["general_settings"] = "general_settings"


class FieldUpdate(FieldName):
    field_value: Any = Field(description="As config.yaml would have it.")


class FieldQuery(Body):
    field_name: Id


class FieldList(Body):
    config_type: Literal["general_settings"] = "general_settings"


class StoredFields(Answer):
    param_name: str
    param_value: Object


class FieldAnswer(Answer):
    field_name: str
    field_value: Any


class SettingObject(Answer):
    """As LiteLLM's forms read it."""

    field_name: str
    field_type: str
    field_description: str
    field_value: Any
    stored_in_db: bool | None
    field_default_value: Any
    premium_field: bool
    nested_fields: None
    field_options: None
    field_tab: None
    source: str
    editable: bool
