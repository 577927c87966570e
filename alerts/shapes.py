"""JSON columns of a known shape: an object, or a list of names. A form that leaves one empty means the empty shape."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models


def validate_object(value: Any) -> None:
    if not isinstance(value, dict):
        raise ValidationError('Enter a JSON object, such as {"key": "value"}.')


def validate_names(value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        raise ValidationError('Enter a JSON list of names, such as ["gpt-4o"].')


class _ShapedField(models.JSONField):
    shape: type

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("default", self.shape)
        super().__init__(*args, **options)

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        super().save_form_data(instance, self.shape() if data is None else data)


class ObjectField(_ShapedField):
    shape = dict
    default_validators = [validate_object]


class NamesField(_ShapedField):
    shape = list
    default_validators = [validate_names]
