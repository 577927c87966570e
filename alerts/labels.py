"""Labels of models and columns that have none of their own: as translations they stand in no migration."""

from collections.abc import Iterable, Mapping

from django.db.models import Model
from django.utils.functional import Promise


def label_models(labels: Mapping[type[Model], tuple[Promise, Promise]]) -> None:
    """What one row and what many are called."""
    for model, (one, many) in labels.items():
        model._meta.verbose_name, model._meta.verbose_name_plural = one, many  # type: ignore[assignment]


def label_columns(models: Iterable[type[Model]], labels: Mapping[str, Promise]) -> None:
    """By name, in each model that has such a column and does not call it otherwise."""
    for model in models:
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            if field._verbose_name is None and field.name in labels:  # type: ignore[attr-defined]
                field.verbose_name = labels[field.name]  # type: ignore[assignment]
