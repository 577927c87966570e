"""The routes about single settings of `general_settings` (api.md 2.9), alert settings among them."""

from typing import Any

import alerts.services
from proxy.config import fields
from proxy.management.base import Access, Call, ManagementViewSet, route
from proxy.management.schemas import config_fields as schemas
from teams.errors import Envelope


class ConfigFields(ManagementViewSet):
    tag = "settings"

    @route("GET", "/config/list", access=Access.ADMIN_READ, query=schemas.FieldList,
           answer=list[schemas.SettingObject], envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def every(self, call: Call, query: schemas.FieldList) -> Any:
        """Every setting that can be changed while the gateway runs."""
        return [_object(one) for one in fields.settings()]

    @route("GET", "/config/field/info", access=Access.ADMIN_READ, query=schemas.FieldQuery,
           answer=schemas.FieldAnswer, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def info(self, call: Call, query: schemas.FieldQuery) -> Any:
        """One setting, wherever it was set."""
        found = fields.find(query.field_name)
        return schemas.FieldAnswer(field_name=found.name, field_value=found.value)

    @route("POST", "/config/field/update", access=Access.ADMIN, body=schemas.FieldUpdate,
           answer=schemas.StoredFields, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def update(self, call: Call, body: schemas.FieldUpdate) -> Any:
        """Change one setting on every process. What config.yaml sets is refused."""
        fields.change(body.field_name, body.field_value)
        return _stored()

    @route("POST", "/config/field/delete", access=Access.ADMIN, body=schemas.FieldName,
           answer=schemas.StoredFields, envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def delete(self, call: Call, body: schemas.FieldName) -> Any:
        """Take one setting back to its default."""
        fields.reset(body.field_name)
        return _stored()

    @route("GET", "/alerting/settings", access=Access.ADMIN_READ, answer=list[schemas.SettingObject],
           envelope=Envelope.DETAIL_ERROR)  # fmt: skip
    def alerting(self, call: Call) -> Any:
        """Whether alerts go to Slack, and every argument of `alerting_args`."""
        source = alerts.services.channel_source("slack")
        slack = fields.Setting(
            name="slack_alerting",
            type="Boolean",
            description="Whether a Slack channel is on.",
            value=source is not None,
            default=False,
            source=source or "default",
        )
        return [_object(one) for one in (slack, *fields.alerting_arguments())]


def _stored() -> schemas.StoredFields:
    own = {one.name: one.value for one in fields.settings() if one.source == "db"}
    return schemas.StoredFields(param_name="general_settings", param_value=own)


def _object(one: fields.Setting) -> dict[str, Any]:
    return schemas.SettingObject(
        field_name=one.name,
        field_type=one.type,
        field_description=one.description,
        field_value=one.value,
        stored_in_db=None if one.source in ("default", "unset") else one.source == "db",
        field_default_value=one.default,
        premium_field=False,
        nested_fields=None,
        field_options=None,
        field_tab=None,
        source=one.source,
        editable=one.is_editable,
    ).model_dump(mode="json")
